"""Integer formats: names, ranges, and the checks every golden model makes on its arrays."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["Format", "check_integer", "check_integers", "check_positive", "check_values", "get"]

_NAME = re.compile(r"(u?)int([1-9][0-9]*)")
_BITS = range(2, 17)


@dataclass(frozen=True)
class Format:
    """An integer format; :func:`get` makes one from its name.

    Members
    -------
    name : str
        ``int<N>`` or ``uint<N>``.
    bits : int
        N, 2 to 16.
    signed : bool
        Two's complement when true.
    lowest, highest : int
        The smallest and the largest value, both included: -2^(N-1) and 2^(N-1)-1, or 0 and 2^N-1.
    """

    name: str
    bits: int
    signed: bool
    lowest: int
    highest: int


def get(name: str) -> Format:
    """The format called ``name``: ``int<N>`` or ``uint<N>``, N from 2 to 16.

    Raises
    ------
    ValueError
        For every other name.
    """
    match = _NAME.fullmatch(name) if isinstance(name, str) else None
    if match is None or int(match[2]) not in _BITS:
        raise ValueError(f"Format must be int<N> or uint<N> with N from 2 to 16, not {name!r}")
    signed, bits = not match[1], int(match[2])
    lowest = -(1 << (bits - 1)) if signed else 0
    return Format(name, bits, signed, lowest, lowest + (1 << bits) - 1)


def check_integer(value: int, what: str) -> int:
    """``value`` as a Python integer; ``TypeError`` for anything that is none, also for a bool."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{what} must be an integer, not {value!r}")
    return int(value)


def check_positive(value: int, what: str) -> int:
    """``value`` as a Python integer of at least 1.

    Raises
    ------
    TypeError
        Not an integer (a bool is none).
    ValueError
        Zero or negative.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{what} must be a positive integer, not {value!r}")
    if value < 1:
        raise ValueError(f"{what} must be a positive integer, not {int(value)}")
    return int(value)


def check_integers(array: ArrayLike, what: str) -> np.ndarray:
    """``array`` as a numpy array of integers, of any width.

    The dtype is one of numpy's integer types, or ``object`` holding nothing but Python integers.

    Raises
    ------
    TypeError
        Any other dtype; a float array is refused even when all its values are whole.
    """
    values = np.asarray(array)
    if values.dtype.kind in "iu":
        return values
    if values.dtype == object and all(type(value) is int for value in values.flat):
        return values
    raise TypeError(_not_integers(values, what))


def check_values(array: ArrayLike, fmt: Format, what: str = "Activations") -> np.ndarray:
    """``array`` as int64, every value one of the format's.

    Parameters
    ----------
    array : array of integers, any shape
    fmt : Format
    what : str
        What the error messages call the array.

    Raises
    ------
    TypeError
        The dtype is no integer type (float, complex, bool, object).
    ValueError
        A value is out of range; the message names the first one in C order, and its index.
    """
    values = np.asarray(array)
    if values.dtype.kind not in "iu":
        raise TypeError(_not_integers(values, what))
    outside = (values < fmt.lowest) | (values > fmt.highest)
    if outside.any():
        index = np.unravel_index(int(outside.argmax()), values.shape)
        where = f" at index {', '.join(str(int(i)) for i in index)}" if index else ""
        raise ValueError(
            f"{what} must be from {fmt.lowest} to {fmt.highest} ({fmt.name}), "
            f"not {values[index]}{where}"
        )
    return values.astype(np.int64)


def _not_integers(values: np.ndarray, what: str) -> str:
    hint = "; quantize them first" if values.dtype.kind == "f" else ""
    return f"{what} must be integers, not {values.dtype}{hint}"
