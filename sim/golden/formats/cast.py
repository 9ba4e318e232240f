"""Conversion of real numbers to small floats as IEEE 754 does it, without a scale."""

import numpy as np
from numpy.typing import ArrayLike

from .catalogue import get
from .checks import as_numpy, first_index
from .small_float import FloatLayout, layout

__all__ = ["cast"]


def cast(x: ArrayLike, name: str) -> np.ndarray:
    """The codes of ``x`` in a small float such as ``fp16``, ``bf16``, ``tf32`` or ``e4m3``.

    Round to nearest, ties to even, with subnormals; signs of zeros are kept. Where both
    significands are odd (M = 0) ties go to the larger magnitude (IEEE 754-2019, 4.3.1). What is
    beyond the largest number after rounding becomes infinity, or the largest number where the
    format has no infinity. Infinities stay, or become the largest number as well. Every NaN becomes
    the positive quiet one (0x7E00 in fp16, 0x7FC0 in bf16, 0x7F in e4m3).

    Parameters
    ----------
    x : array of real numbers, any shape
        Rounded once from float64, to which all narrower types are exact.
    name : str
        Of the format.

    Returns
    -------
    array of x's shape
        uint8, uint16 or uint32, the narrowest for the codes.

    Raises
    ------
    TypeError
        Not real numbers.
    ValueError
        A name that is no small float, or a NaN for a format without one; the message names the
        first one in C order.
    """
    fmt, fields = get(name), layout(name)
    if fields is None:
        raise ValueError(f"Format must be a small float, such as fp16 or e4m3, not {name!r}")
    x = as_numpy(x)
    if x.dtype.kind not in "fiu":
        raise TypeError(f"X must be real numbers, not {x.dtype}")
    with np.errstate(over="ignore", invalid="ignore"):  # of a wider type, signalling NaNs
        x = x.astype(np.float64)
    no_number = np.isnan(x)
    if fields.nan is None and no_number.any():
        _, where = first_index(no_number)
        raise ValueError(f"X must be numbers for {name}, which has no NaN, not nan{where}")
    magnitudes = _magnitudes(np.where(np.isfinite(x), np.abs(x), 0.0), fields)
    beyond = fields.largest if fields.infinity is None else fields.infinity
    magnitudes = np.where(np.isinf(x) | (magnitudes > fields.largest), beyond, magnitudes)
    codes = magnitudes + (np.signbit(x).astype(np.int64) << (fmt.bits - 1))
    if fields.nan is not None:
        codes = np.where(no_number, fields.nan, codes)
    return codes.astype(np.min_scalar_type(fmt.highest_code))


def _magnitudes(x: np.ndarray, fields: FloatLayout) -> np.ndarray:
    """The codes of finite numbers without sign, as if the exponent field had no end."""
    least = 1 - fields.bias
    exponent = np.where(x > 0, np.maximum(np.frexp(x)[1] - 1, least), least)
    # In units of the last place. A carry out of the significand counts the exponent up.
    significands = np.rint(np.ldexp(x, fields.mantissa - exponent)).astype(np.int64)
    return ((exponent - least).astype(np.int64) << fields.mantissa) + significands
