"""Products of two scales."""

import numpy as np
from numpy.typing import ArrayLike

from ..formats import decode_scales
from ..formats.scale_codes import get_scale_format
from .gemm_float import flush, single_codes

__all__ = ["product_mantissa", "scale_product"]


def product_mantissa(w_scale: str, a_scale: str) -> int:
    """Fraction bits of the exact products of two formats of scales; 0 of powers of two."""
    bits = [get_scale_format(name).mantissa for name in (w_scale, a_scale) if name != "none"]
    return sum(bits) + (min(bits) > 0 and len(bits) == 2)


def scale_product(
    w: ArrayLike, w_scale: str, a: ArrayLike | None = None, a_scale: str = "none"
) -> np.ndarray:
    """The binary32 codes of w · a, of w alone without ``a``, cut behind the last fraction bit.

    Products are exact, but for zeros below 2^-126 and infinities from 2^128 on. Subnormal numbers
    of ``"bf16"`` count as zeros, those of other formats do not. There is a fraction bit at least,
    which tells NaN, 0x7FC00000, from infinity.

    Parameters
    ----------
    w, a : integers
        Codes, in shapes that broadcast.
    w_scale, a_scale : str
        Their formats: see :data:`SCALE_FORMATS`.

    Returns
    -------
    int64 array
    """
    with np.errstate(all="ignore"):
        product = _numbers(w, w_scale)
        if a is not None:
            product = product * _numbers(a, a_scale)
        tiny = np.abs(product) < 2.0**-126
        codes = single_codes(np.where(tiny, np.copysign(0.0, product), product).astype(np.float32))
    low = 1 << 23 - max(1, product_mantissa(w_scale, a_scale))
    assert (codes % low == 0).all()
    return codes // low


def _numbers(codes: ArrayLike, name: str) -> np.ndarray:
    values = np.atleast_1d(decode_scales(codes, name))
    return (flush(values) if name == "bf16" else values).astype(np.float64)
