"""Rounded products of integers and short floating-point numbers."""

import numpy as np
from numpy.typing import ArrayLike

from ..formats import check_integers
from .codes import LAYOUTS

__all__ = ["int_scale"]


def int_scale(i: ArrayLike, scale: ArrayLike, unit: int, mantissa: int) -> np.ndarray:
    """i · 2^unit · scale in binary32, to nearest, ties to even, without subnormal numbers.

    ``scale`` is a binary32 code of which ``mantissa`` fraction bits are left, but at least one.
    Subnormal scales count as zeros. Products that are below 2^-126 after a rounding to 24 bits
    become zeros; their sign, and that of products of 0, is the one of ``i`` (of 0: +) times the
    scale's. NaNs are 0x7FC00000.

    Parameters
    ----------
    i : integers
        Of any width; ``object`` arrays of Python integers are allowed.
    scale : integers
        Codes of 9 + max(1, mantissa) bits.
    unit, mantissa : int

    Returns
    -------
    int64 array
    """
    i, scale = np.broadcast_arrays(check_integers(i, "Integers"), check_integers(scale, "Scales"))
    low = 23 - max(1, mantissa)
    codes = [_product(int(x), int(s) << low, unit) for x, s in zip(i.flat, scale.flat, strict=True)]
    return np.array(codes, np.int64).reshape(i.shape)


def _product(integer: int, scale: int, unit: int) -> int:
    single = LAYOUTS["fp32"]
    sign = (scale >> 31) ^ (integer < 0)
    infinite = single.is_infinite(scale)
    if single.is_nan(scale) or (infinite and integer == 0):
        return single.nan
    if infinite:
        return single.infinity(sign)
    magnitude, exponent = single.integer(scale, subnormals=False)
    return single.nearest(sign, magnitude * abs(integer), exponent + unit, subnormals=False)
