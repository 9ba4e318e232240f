"""Codes of small floats as binary32 codes without their low fraction bits."""

import numpy as np
from numpy.typing import ArrayLike

from ..formats import check_integers, get
from ..formats.small_float import CFLOATS, layout

__all__ = ["float_decoder"]


def float_decoder(codes: ArrayLike, format: str) -> np.ndarray:
    """The binary32 codes of small floats, as far as the format's fraction bits go.

    Numbers and infinities keep their values, zeros their sign; a NaN becomes the quiet NaN of its
    sign. Codes with the 8 exponent bits of binary32 stay as they are.

    Parameters
    ----------
    codes : integers
        In the bits of the format.
    format : str
        A small float.

    Returns
    -------
    int64 array of the shape of ``codes``
    """
    codes = check_integers(codes, "Codes").astype(np.int64)
    exponent, mantissa = CFLOATS.get(format) or layout(format)[:2]
    if exponent == 8:
        return codes
    values = np.abs(np.atleast_1d(get(format).values[codes])).astype(np.float32)
    magnitudes = np.where(np.isnan(values), 0x7FC00000, values.view(np.uint32).astype(np.int64))
    low = 1 << 23 - mantissa
    assert (magnitudes % low == 0).all()
    signs = codes >> exponent + mantissa << 8 + mantissa
    return np.reshape(magnitudes // low, codes.shape) + np.where(signs, 1 << 8 + mantissa, 0)
