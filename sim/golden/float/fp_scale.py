"""Rounded products of binary32 codes and short ones."""

import numpy as np
from numpy.typing import ArrayLike

from ..formats import check_integers
from .gemm_float import flush, nearest_single, single_codes

__all__ = ["fp_scale"]


def fp_scale(a: ArrayLike, scale: ArrayLike, mantissa: int) -> np.ndarray:
    """a · scale in binary32, to nearest, ties to even, without subnormal numbers.

    ``scale`` is a binary32 code of which ``mantissa`` fraction bits are left, but at least one.
    Subnormal operands count as zeros of their sign. Products that are below 2^-126 after a rounding
    to 24 bits become zeros of their sign; NaNs are 0x7FC00000.

    Parameters
    ----------
    a, scale : integers
        Codes of 32 and of 9 + max(1, mantissa) bits, in shapes that broadcast.
    mantissa : int
        At most 23.

    Returns
    -------
    int64 array
    """
    a, scale = check_integers(a, "Codes a"), check_integers(scale, "Scales")
    a, scale = np.broadcast_arrays(_floats(a), _floats(scale << 23 - max(1, mantissa)))
    with np.errstate(all="ignore"):
        # float64 holds every product of two float32 numbers, and all of their exponents.
        single = nearest_single(a.astype(np.float64) * scale.astype(np.float64))
    return single_codes(single)


def _floats(codes: np.ndarray) -> np.ndarray:
    return flush(np.ascontiguousarray(codes).astype(np.uint32).view(np.float32))
