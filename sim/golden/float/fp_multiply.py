"""Exact products of short floating-point codes."""

import numpy as np
from numpy.typing import ArrayLike

from ..formats import check_integers

__all__ = ["fp_multiply"]


def fp_multiply(a: ArrayLike, w: ArrayLike, a_mantissa: int, w_mantissa: int) -> np.ndarray:
    """a · w as binary32 codes, without subnormal numbers.

    The operands are binary32 codes without their low fraction bits, ``a_mantissa`` and
    ``w_mantissa`` of which are left: at most 22 together, so that products are exact. Subnormal
    operands count as zeros of their sign, and products below 2^-126 become zeros of their sign;
    NaNs are 0x7FC00000.

    Parameters
    ----------
    a, w : integers
        Codes of 9 + a_mantissa and 9 + w_mantissa bits, in shapes that broadcast.

    Returns
    -------
    int64 array
    """
    assert a_mantissa + w_mantissa <= 22
    a = _floats(check_integers(a, "Codes a"), a_mantissa)
    w = _floats(check_integers(w, "Codes w"), w_mantissa)
    with np.errstate(all="ignore"):
        # float64 holds every product of two float32 numbers.
        exact = np.atleast_1d(a.astype(np.float64) * w.astype(np.float64))
        tiny = np.abs(exact) < 2.0**-126
        product = np.where(tiny, np.copysign(0.0, exact), exact).astype(np.float32)
    codes = np.where(np.isnan(product), 0x7FC00000, product.view(np.uint32).astype(np.int64))
    return codes.reshape(np.broadcast_shapes(a.shape, w.shape))


def _floats(codes: np.ndarray, mantissa: int) -> np.ndarray:
    shape = codes.shape
    values = (np.atleast_1d(codes).astype(np.int64) << 23 - mantissa).astype(np.uint32)
    values = values.view(np.float32)
    subnormal = np.abs(values) < np.finfo(np.float32).smallest_normal
    return np.where(subnormal, np.copysign(np.float32(0), values), values).reshape(shape)
