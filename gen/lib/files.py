"""Files that commands read and write."""

import contextlib
import fcntl
import io
import shlex
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...sim.manifest import Manifest
from ..emission.emit import write_whole

__all__ = [
    "alone",
    "check_folder",
    "how_to_open",
    "manifests_of_wrappers",
    "read_array",
    "read_quantized",
    "write_array",
    "write_arrays",
]

_MAGIC = b"\x93NUMPY"


def read_array(path: Path, thing: str) -> np.ndarray:
    """The array in a ``.npy`` file; ``thing`` is what the messages call it.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no ``.npy`` file, is damaged, or holds Python objects, which are never unpickled.
    """
    try:
        with Path(path).open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise ValueError(f"{thing} must be a .npy file, not {str(path)!r}")
            file.seek(0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about headers of old versions of Python
                return _load(file, path, thing)
    except OSError as error:
        raise OSError(f"{thing} cannot be read: {path}: {error.strerror or error}") from None


def read_quantized(path: Path, thing: str) -> tuple[np.ndarray, np.ndarray, str] | None:
    """Codes, scale and format in a file that ``brickwork quantize`` wrote; ``None`` of another."""
    if not zipfile.is_zipfile(path):
        return None
    try:
        with np.load(path, allow_pickle=False) as found:
            if not {"codes", "scale", "format"} <= set(found):
                return None
            return found["codes"], found["scale"], str(found["format"])
    except Exception as error:  # whatever a damaged file makes of numpy
        detail = str(error).splitlines() or [type(error).__name__]
        raise ValueError(f"{thing} cannot be read: {path}: {detail[0]}") from None


def _load(file, path, thing):
    try:
        return np.load(file, allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # whatever a damaged file makes of numpy
        if "Object arrays" in str(error):
            raise ValueError(
                f"{thing} must be an array of numbers, not of Python objects ({path})"
            ) from None
        detail = str(error).splitlines() or [type(error).__name__]
        raise ValueError(f"{thing} cannot be read: {path}: {detail[0]}") from None


def write_array(path: Path, array: np.ndarray) -> None:
    """Writes a ``.npy`` file; a reader sees the old one or the whole new one, never a part."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    write_whole(Path(path), buffer.getvalue())


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes a ``.npz`` file of named arrays; equal arrays give equal bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_whole(Path(path), buffer.getvalue())


def check_folder(path: Path) -> Path:
    """``path``, which is made if need be, and can be written.

    Raises
    ------
    OSError
        If it cannot.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        reason = "Not a directory" if isinstance(error, FileExistsError) else error.strerror
        raise OSError(f"Output folder {path} cannot be written: {reason}") from None
    return path


def manifests_of_wrappers(folder: Path, wrappers: tuple[str, ...]) -> list[Manifest]:
    """The manifests in ``folder`` of cores in these bus wrappers."""
    manifests = []
    for path in sorted(folder.glob("*.json")):
        with contextlib.suppress(ValueError):
            manifests.append(Manifest.read(path))
    return [manifest for manifest in manifests if manifest.wrapper in wrappers]


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Waits until no other process works in ``folder``, and keeps others out meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def how_to_open(waves: Path) -> str:
    """The commands that show a waveform file."""
    name = shlex.quote(str(waves))
    return f"surfer {name} or gtkwave {name}"
