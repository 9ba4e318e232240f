"""What arrays of codes stand for."""

import numpy as np
from numpy.typing import ArrayLike

from .catalogue import get
from .checks import check_pairs, check_values
from .olive import resolve

__all__ = ["decode", "operands"]


def operands(
    codes: ArrayLike, name: str, *, axis: int = -1, specials: str = "saturate"
) -> np.ndarray:
    """The exact operands of ``codes``, as int64 integers in units of the format.

    Parameters
    ----------
    codes : array of integers, any shape
        The integers themselves for ``int<N>`` and ``uint<N>``, else 0 to 2^bits - 1.
    name : str
        Of the format.
    axis : int
        Along which elements 2k and 2k+1 are a pair; without meaning for other formats.
    specials : str
        ``"saturate"``: ±Inf is the largest finite magnitude with its sign, NaN the same with the
        sign bit of its code, and NaR is 0. ``"zero"``: all of them are 0.

    Raises
    ------
    TypeError
        Codes that are not integers.
    ValueError
        An unknown format, one without integer operands (bf16, tf32), codes out of range, or an odd
        number of elements to be paired.
    """
    if specials not in ("saturate", "zero"):
        raise ValueError(f'Specials must be "saturate" or "zero", not {specials!r}')
    fmt, codes = _checked(codes, name)
    if fmt.integers is None:
        raise ValueError(
            f"Format {fmt.name} has no integer operands: its largest takes "
            f"{fmt.highest.bit_length()} bits, more than 63"
        )
    if fmt.pair:
        check_pairs(codes.shape, axis, fmt, "Array")
        return resolve(codes, fmt, axis)
    integers = fmt.integers
    if specials == "zero" and fmt.special.any():
        integers = np.where(fmt.special, 0, integers)
    return integers[codes & (len(integers) - 1)]


def decode(codes: ArrayLike, name: str, *, axis: int = -1) -> np.ndarray:
    """The float64 values of ``codes``: :func:`operands` times the unit, but with NaN and ±Inf."""
    fmt = get(name)
    if fmt.pair:
        return operands(codes, name, axis=axis) * fmt.unit
    fmt, codes = _checked(codes, name)
    return fmt.values[codes & (len(fmt.values) - 1)]


def _checked(codes, name):
    fmt = get(name)
    return fmt, check_values(codes, fmt, "Array")
