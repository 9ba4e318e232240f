"""Files of numpy arrays."""

import io
import re
import warnings
import zipfile
from pathlib import Path

import numpy as np

from ...sim.golden.formats import BlockScaled, get
from .block_sparse import check_blocks, from_blocks
from .extras import require
from .files import write_whole
from .semi_structured import from_parts

__all__ = [
    "block_arrays",
    "read_array",
    "read_arrays",
    "read_block_scaled",
    "read_matrix",
    "read_quantized",
    "write_array",
    "write_arrays",
    "write_sparse",
]

_MAGIC = b"\x93NUMPY"


def read_array(path: Path, name: str) -> np.ndarray:
    """The array in a ``.npy`` file; ``name`` is the subject of the messages.

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
                raise ValueError(f"{name} must be a .npy file, not {str(path)!r}")
            file.seek(0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about headers of old versions of Python
                return _load(file, path, name)
    except OSError as error:
        raise OSError(f"{name} cannot be read: {path}: {error.strerror or error}") from None


def read_quantized(path: Path, name: str) -> tuple[np.ndarray, np.ndarray, str] | None:
    """Codes, scale and format in a file of ``brickwork quantize``; ``None`` for another file.

    Raises
    ------
    ValueError
        If the file is damaged; ``name`` is the subject of the message.
    """
    arrays = _read_arrays(path, name, ("codes", "scale", "format"))
    return arrays and (*arrays[:2], str(arrays[2]))


#: Attributes of BlockScaled, to the types of those that are no arrays.
_BLOCK_ARRAYS = ("codes", "scales")
_BLOCK_VALUES = {
    **{"format": str, "group": int, "scale_format": str, "axis": int},
    **{"tensor_scale": float, "fraction_bits": int, "name": str},
}
_BLOCK_OPTIONS = ("zeros", "order")


def block_arrays(blocks: BlockScaled) -> dict[str, np.ndarray]:
    """The arrays of a file of :func:`read_block_scaled`, named like the attributes.

    Codes and zero points are in the smallest type for the format.
    """
    fmt = get(blocks.format)
    type_ = np.min_scalar_type(fmt.lowest_code or fmt.highest_code)
    arrays = {"codes": blocks.codes.astype(type_), "scales": blocks.scales}
    arrays |= {name: np.asarray(getattr(blocks, name)) for name in _BLOCK_VALUES}
    if blocks.zeros is not None:
        arrays["zeros"] = blocks.zeros.astype(type_)
    if blocks.order is not None:
        arrays["order"] = blocks.order
    return arrays


def read_block_scaled(path: Path, name: str) -> BlockScaled | None:
    """Blocks in a file of ``brickwork quantize``; ``None`` for another file.

    Raises
    ------
    TypeError, ValueError
        If the file is damaged, or its arrays do not belong together; ``name`` is the subject of
        the message.
    """
    names = (*_BLOCK_ARRAYS, *_BLOCK_VALUES)
    arrays = _read_arrays(path, name, names, _BLOCK_OPTIONS)
    if not arrays:
        return None
    attributes = dict(zip((*names, *_BLOCK_OPTIONS), arrays, strict=True))
    try:
        values = {each: type_(attributes[each]) for each, type_ in _BLOCK_VALUES.items()}
        return BlockScaled(**attributes | values)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name} cannot be read: {path}: {error}") from None


def _read_arrays(path, name, names, options=()):
    """The arrays of these names in a ``.npz`` file; ``None`` for another file.

    Behind them those of ``options``, each ``None`` where it is missing.
    """
    if not zipfile.is_zipfile(path):
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if not set(names) <= set(arrays):
                return None
            more = [arrays.get(each) for each in options]
            return [arrays[each] for each in names] + more
    except Exception as error:  # numpy raises all sorts for a damaged file
        detail = str(error).splitlines() or [type(error).__name__]
        raise ValueError(f"{name} cannot be read: {path}: {detail[0]}") from None


def read_arrays(path: Path, name: str) -> dict[str, np.ndarray]:
    """All arrays in a ``.npz`` file, by name.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no ``.npz`` file, is damaged, or holds Python objects.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [item for item in archive.namelist() if item.endswith(".npy")]
    except OSError as error:
        raise OSError(f"{name} cannot be read: {path}: {error.strerror or error}") from None
    except zipfile.BadZipFile:
        raise ValueError(f"{name} must be a .npz file, not {str(path)!r}") from None
    names = [member.removesuffix(".npy") for member in members]
    return dict(zip(names, _read_arrays(path, name, names) or (), strict=True))


def read_matrix(path: Path, name: str) -> dict:
    """``values``, and of a file of ``brickwork quantize`` ``scale`` and ``type``, or ``blocks``.

    A ``.npy`` file, one of ``brickwork quantize``, the two parts of a 2:4-sparse matrix
    (:mod:`.semi_structured`), the arrays of a block-sparse one (:mod:`.block_sparse`), or a sparse
    matrix that scipy saved.
    """
    if quantized := read_quantized(path, name):
        return dict(zip(("values", "scale", "type"), quantized, strict=True))
    if blocks := read_block_scaled(path, name):
        return {"values": blocks.codes, "blocks": blocks}
    if parts := _read_arrays(path, name, ("packed", "meta")):
        return {"values": from_parts(*parts)}
    if parts := _read_arrays(path, name, ("crow_indices", "col_indices", "values", "size")):
        return {"values": from_blocks(name, *parts)}
    if not zipfile.is_zipfile(path):
        return {"values": read_array(path, name)}
    with require("Files of sparse matrices"):
        from scipy import sparse

    try:
        matrix = sparse.load_npz(path)
        if hasattr(matrix, "check_format"):
            matrix.check_format(full_check=True)
    except Exception as error:  # whatever another file makes of scipy
        detail = str(error).splitlines() or [type(error).__name__]
        raise ValueError(
            f"{name} must be a .npy file, or a sparse matrix that scipy saved: {path}: {detail[0]}"
        ) from None
    if matrix.format == "bsr":
        check_blocks(name, matrix.indptr, matrix.indices)
    return {"values": matrix}


def _load(file, path, name):
    try:
        array = np.load(file, allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # numpy raises all sorts for a damaged file
        if "Object arrays" in str(error):
            raise ValueError(
                f"{name} must be an array of numbers, not of Python objects ({path})"
            ) from None
        if type_ := re.search(r"not a valid dtype descriptor: '?([^']+)", str(error)):
            raise _unknown_type(name, path, type_[1]) from None
        detail = str(error).splitlines() or [type(error).__name__]
        raise ValueError(f"{name} cannot be read: {path}: {detail[0]}") from None
    if array.dtype.kind == "V" and array.dtype.names is None:
        raise _unknown_type(name, path, array.dtype.str)
    return array


def _unknown_type(name, path, type_):
    return TypeError(
        f"{name} must be of a type of numpy's own, not {type_} ({path}): .npy files do not name "
        "bfloat16, float8, int4 and the like; save floats with np.save(path, "
        "x.astype(np.float32)), integers with np.save(path, x.astype(np.int8))"
    )


def write_array(path: Path, array: np.ndarray) -> None:
    """Writes a ``.npy`` file, as :func:`.write_whole` does."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    write_whole(path, buffer.getvalue())


def write_sparse(path: Path, matrix) -> None:
    """Writes a ``.npz`` file of a sparse matrix, for scipy to load."""
    with require("Files of sparse matrices"):
        from scipy import sparse

    buffer = io.BytesIO()
    sparse.save_npz(buffer, matrix)
    write_whole(path, buffer.getvalue())


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes a ``.npz`` file of named arrays; equal arrays give equal bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_whole(path, buffer.getvalue())
