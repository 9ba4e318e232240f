"""Files and folders that commands write; imports nothing that takes time."""

import contextlib
import fcntl
import os
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ...sim.manifest import Manifest
from .errors import UsageError

__all__ = [
    "check_file",
    "check_folder",
    "exclusive_lock",
    "how_to_open",
    "manifests_of_wrappers",
    "write_whole",
]


def write_whole(path: Path, content: str | bytes) -> None:
    """Writes a file; a reader sees the old file or the whole new one, never a fragment.

    Missing folders are made. Text is written as UTF-8.
    """
    path = Path(path)
    content = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def check_file(path: Path | str, name: str = "Results") -> Path:
    """``path``, which is to be a file; makes nothing (see :func:`check_folder`).

    Raises
    ------
    UsageError
        If it is a folder; the message begins with ``name``.
    """
    path = Path(path)
    if path.is_dir():
        raise UsageError(f"{name} must be written to a file, not to the folder {str(path)!r}")
    return path


def check_folder(path: Path | str) -> Path:
    """``path``, once it is a folder that can be written; it is made if need be.

    Raises
    ------
    OSError
        If it cannot be made or written.
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
def exclusive_lock(folder: Path) -> Iterator[None]:
    """Waits until no other process holds the lock of ``folder``, and holds it meanwhile.

    The folder is made if need be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def how_to_open(waves: Path) -> str:
    """The commands that show a waveform file."""
    name = shlex.quote(str(waves))
    return f"surfer {name} or gtkwave {name}"
