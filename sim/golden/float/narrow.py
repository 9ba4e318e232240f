"""Binary32 codes in formats of 16 bits."""

import numpy as np
from numpy.typing import ArrayLike

from ..formats import check_integers
from .codes import LAYOUTS

__all__ = ["narrow"]


def narrow(i: ArrayLike, format: str) -> np.ndarray:
    """The codes of binary32 numbers in a narrower format, to nearest, ties to even.

    Overflow gives an infinity, infinities stay, NaNs become the canonical quiet NaN. Subnormal
    inputs count as zeros of their sign; ``"fp16"`` results may be subnormal.

    Parameters
    ----------
    i : integers
        Codes of 32 bits.
    format : str
        ``"bf16"`` or ``"fp16"``.

    Returns
    -------
    int64 array of i's shape
    """
    i = check_integers(i, "Codes")
    return np.array([_narrow(int(code), format) for code in i.flat], np.int64).reshape(i.shape)


def _narrow(code: int, format: str) -> int:
    single, layout = LAYOUTS["fp32"], LAYOUTS[format]
    sign = code >> 31
    if single.is_nan(code):
        return layout.nan
    if single.is_infinite(code):
        return layout.infinity(sign)
    magnitude, exponent = single.integer(code, subnormals=False)
    return layout.nearest(sign, magnitude, exponent, subnormals=True)
