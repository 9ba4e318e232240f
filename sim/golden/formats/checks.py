"""The checks that golden models make on their arrays."""

import re

import numpy as np
from numpy.typing import ArrayLike

from .format import Format

__all__ = [
    "as_numpy",
    "check_axis",
    "check_integer",
    "check_integers",
    "check_pairs",
    "check_positive",
    "check_share",
    "check_values",
    "first_index",
]


def as_numpy(array: ArrayLike) -> np.ndarray:
    """``array`` in a type of numpy's own.

    The small types of ``ml_dtypes``, such as bfloat16 and int4, become float32 and int16, which
    hold all of their values.
    """
    values = np.asarray(array)
    if values.dtype.kind in "fV" and not issubclass(values.dtype.type, np.floating | np.void):
        integer = values.dtype.name.startswith(("int", "uint"))
        return values.astype(np.int16 if integer else np.float32)
    return values


def check_integer(value: int, subject: str) -> int:
    """``value`` as a Python integer; ``TypeError`` for anything that is none, also for a bool."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{subject} must be an integer, not {value!r}")
    return int(value)


def check_positive(value: int, subject: str) -> int:
    """``value`` as a Python integer of at least 1.

    Raises
    ------
    TypeError
        Not an integer (a bool is none).
    ValueError
        Zero or negative.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{subject} must be a positive integer, not {value!r}")
    if value < 1:
        raise ValueError(f"{subject} must be a positive integer, not {int(value)}")
    return int(value)


def check_share(text: str, subject: str) -> float:
    """The share that a text such as ``"1%"`` says; ``ValueError`` for one that says none."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?)%", text) if isinstance(text, str) else None
    if match is None or float(match[1]) > 100:
        raise ValueError(f"{subject} must be a share from 0% to 100%, such as 1%, not {text!r}")
    return float(match[1]) / 100


def check_integers(array: ArrayLike, subject: str) -> np.ndarray:
    """``array`` as a numpy array of integers, of any width.

    The dtype is one of numpy's integer types, or ``object`` holding nothing but Python integers.

    Raises
    ------
    TypeError
        Any other dtype; a float array is refused even when all its values are whole.
    """
    values = as_numpy(array)
    if values.dtype.kind in "iu":
        return values
    if values.dtype == object and all(type(value) is int for value in values.flat):
        return values
    raise TypeError(_not_integers(values, subject))


def check_values(array: ArrayLike, fmt: Format, subject: str = "Activations") -> np.ndarray:
    """``array`` as int64, every value a code of the format.

    The codes of ``int<N>`` and ``uint<N>`` are the integers themselves. Those of ``bin`` are 0 and
    1, or all of them the operands -1 and 1.

    Parameters
    ----------
    array : array of integers, any shape
        Python integers in an ``object`` array, too; of formats of one bit also bool.
    fmt : Format
    subject : str
        Name of the array in error messages.

    Raises
    ------
    TypeError
        The dtype is no integer type (float, complex, bool).
    ValueError
        A value is out of range; the message names the first one in C order, and its index.
    """
    if fmt.bits == 1 and as_numpy(array).dtype == bool:
        array = as_numpy(array).astype(np.int64)
    values = check_integers(array, subject)
    if fmt.name == "bin" and np.isin(values, (-1, 1)).all():
        values = (values + 1) // 2
    outside = (values < fmt.lowest_code) | (values > fmt.highest_code)
    if outside.any():
        index, where = first_index(outside)
        noun = "" if fmt.family == "int" else "codes "
        raise ValueError(
            f"{subject} must be {noun}from {fmt.lowest_code} to {fmt.highest_code} ({fmt.name}), "
            f"not {values[index]}{where}"
        )
    return values.astype(np.int64)


def first_index(flags: np.ndarray) -> tuple[tuple[int, ...], str]:
    """The index of the first true element in C order, and the words that name it."""
    index = tuple(int(i) for i in np.unravel_index(int(flags.argmax()), flags.shape))
    return index, f" at index {', '.join(map(str, index))}" if index else ""


def check_axis(axis: int, dimensions: int, subject: str) -> int:
    """``axis`` of an array with this many dimensions, counted from its first one."""
    axis = check_integer(axis, subject)
    if not dimensions:
        raise ValueError(f"{subject} must be one of an array, not of a single value")
    if not -dimensions <= axis < dimensions:
        raise ValueError(
            f"{subject} must be from {-dimensions} to {dimensions - 1} for an array of "
            f"{dimensions} dimension{'' if dimensions == 1 else 's'}, not {axis}"
        )
    return axis % dimensions


def check_pairs(shape: tuple[int, ...], axis: int, fmt: Format, subject: str) -> int:
    """``axis`` of an array of pairs, counted from the first one; its length must be even."""
    position = check_axis(axis, len(shape), "Pair axis")
    if shape[position] % 2:
        raise ValueError(
            f"{subject} must have an even length along axis {axis} for pairs ({fmt.name}), "
            f"not {shape[position]}: pad it with a zero"
        )
    return position


def _not_integers(values: np.ndarray, subject: str) -> str:
    hint = "; quantize them first" if values.dtype.kind == "f" else ""
    return f"{subject} must be integers, not {values.dtype}{hint}"
