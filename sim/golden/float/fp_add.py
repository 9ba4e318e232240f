"""Sums of floating-point codes."""

import numpy as np
from numpy.typing import ArrayLike

from ..formats import check_integers
from .codes import Layout

__all__ = ["fp_add"]


def fp_add(
    a: ArrayLike, b: ArrayLike, exponent_width: int = 8, mantissa_width: int = 23
) -> np.ndarray:
    """a + b, rounded to nearest, ties to even, without subnormal numbers.

    Subnormal inputs count as zeros of their sign, and results below the smallest normal number
    become zeros of their sign. NaNs are the canonical quiet NaN; infinities of opposite signs give
    one. x + (-x) is +0, and -0 + -0 is -0.

    Parameters
    ----------
    a, b : integers
        Codes of 1 + exponent_width + mantissa_width bits, in shapes that broadcast.
    exponent_width, mantissa_width : int
        8 and 23 is binary32, which numpy adds; others are added as Python integers.

    Returns
    -------
    int64 array
    """
    a, b = np.broadcast_arrays(check_integers(a, "Codes a"), check_integers(b, "Codes b"))
    if (exponent_width, mantissa_width) == (8, 23):
        return _binary32(a, b)
    layout = Layout(exponent_width, mantissa_width)
    sums = [_sum(layout, int(x), int(y)) for x, y in zip(a.flat, b.flat, strict=True)]
    return np.array(sums, np.int64).reshape(a.shape)


def _binary32(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        total = _flushed(_flushed(_floats(a)) + _flushed(_floats(b)))
    return np.where(np.isnan(total), 0x7FC00000, total.view(np.uint32).astype(np.int64))


def _floats(codes: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(codes).astype(np.uint32).view(np.float32)


def _flushed(values: np.ndarray) -> np.ndarray:
    tiny = np.abs(values) < np.finfo(np.float32).smallest_normal
    return np.where(tiny, np.copysign(np.float32(0), values), values)


def _sum(layout: Layout, a: int, b: int) -> int:
    signs = layout.split(a)[0], layout.split(b)[0]
    infinite = [code for code in (a, b) if layout.is_infinite(code)]
    if layout.is_nan(a) or layout.is_nan(b) or (len(infinite) == 2 and a != b):
        return layout.nan
    if infinite:
        return infinite[0]
    total = 0
    for sign, code in zip(signs, (a, b), strict=True):
        magnitude, exponent = layout.integer(code, subnormals=False)
        total += (-magnitude if sign else magnitude) << exponent - layout.lowest_exponent
    if total == 0:
        return layout.zero(signs[0] & signs[1])
    return layout.nearest(total < 0, abs(total), layout.lowest_exponent, subnormals=False)
