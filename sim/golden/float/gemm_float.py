"""Matrix product in binary32 with a defined order of additions."""

import numpy as np

__all__ = ["flush", "gemm_float", "nearest_single", "single_codes"]

_TINY = np.finfo(np.float32).tiny
_NAN = 0x7FC00000


def flush(x: np.ndarray) -> np.ndarray:
    """Subnormals of float32 as zeros of their sign."""
    return np.where(np.abs(x) < _TINY, np.copysign(np.float32(0), x), x)


def nearest_single(x: np.ndarray) -> np.ndarray:
    """The float32 numbers nearest to float64 ones, ties to even.

    What is below the normal numbers after a rounding to 24 bits is zero. A cast would round it to
    the fewer bits of subnormal numbers, and some of it up to the smallest normal one.
    """
    significand, exponent = np.frexp(x)
    rounded = np.ldexp(np.rint(significand * 2.0**24), exponent - 24)
    tiny = np.abs(rounded) < _TINY
    return np.where(tiny, np.copysign(0.0, rounded), rounded).astype(np.float32)


def single_codes(x: np.ndarray) -> np.ndarray:
    """The codes of float32 numbers, int64, with one code for all NaNs."""
    return np.where(np.isnan(x), _NAN, x.astype(np.float32).view(np.uint32).astype(np.int64))


def gemm_float(a: np.ndarray, w: np.ndarray, *, terms_per_step: int | None) -> np.ndarray:
    """A·W in float32, each sum rounded to nearest even, k ascending.

    K is cut into tiles of ``terms_per_step`` terms; a short last one is filled up with products of
    zeros. The products of a tile are added from +0 on, one after the other; the sums of the tiles
    are added from +0 on, one after the other. With ``None`` for ``terms_per_step`` all of K is a
    tile whose sum is the result, and no zeros are added. Operands, products and sums below the
    normal numbers are zeros of their sign.

    Parameters
    ----------
    a : floats (M, K)
        Numbers that float32 holds; so it does their products, but for those out of its range.
    w : floats (K, N)
    terms_per_step : int or None

    Returns
    -------
    float32 array (M, N)
    """
    step = terms_per_step or a.shape[1]
    missing = -a.shape[1] % step
    a = flush(np.pad(np.asarray(a, np.float32), ((0, 0), (0, missing))))
    w = flush(np.pad(np.asarray(w, np.float32), ((0, missing), (0, 0))))
    total = np.zeros((len(a), w.shape[1]), np.float32)
    with np.errstate(all="ignore"):
        for first in range(0, a.shape[1], step):
            tile = np.zeros_like(total)
            for k in range(first, first + step):
                tile = flush(tile + flush(a[:, k : k + 1] * w[k : k + 1]))
            # Two zeros of different signs add to +0, so that a single sum must not be added.
            total = flush(total + tile) if terms_per_step else tile
    return total
