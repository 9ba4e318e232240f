"""Formats of the scales of blocks: fp32, fp16, bf16, E4M3 and E8M0."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["SCALE_FORMATS", "ScaleFormat", "decode_scales", "encode_scales", "get_scale_format"]


class ScaleFormat(NamedTuple):
    """Bits of a code, from the top: sign, exponent, mantissa.

    Members
    -------
    bits, mantissa, bias : int
        E8M0 has neither sign nor mantissa.
    highest : int
        The code of the largest finite number.
    type : str
        numpy's type of the codes.
    """

    bits: int
    mantissa: int
    bias: int
    highest: int
    type: str


SCALE_FORMATS = {
    "fp32": ScaleFormat(32, 23, 127, 0x7F7FFFFF, "uint32"),
    "fp16": ScaleFormat(16, 10, 15, 0x7BFF, "uint16"),
    "bf16": ScaleFormat(16, 7, 127, 0x7F7F, "uint16"),
    "e4m3": ScaleFormat(8, 3, 7, 0x7E, "uint8"),
    "e8m0": ScaleFormat(8, 0, 127, 0xFE, "uint8"),
}


def get_scale_format(name: str) -> ScaleFormat:
    """The format of scales called ``name``; ``ValueError`` if there is none."""
    if not isinstance(name, str) or name not in SCALE_FORMATS:
        raise ValueError(f"Scale format must be one of {', '.join(SCALE_FORMATS)}, not {name!r}")
    return SCALE_FORMATS[name]


def decode_scales(codes: ArrayLike, name: str) -> np.ndarray:
    """The numbers of an array of codes, float32: all are exact.

    E8M0 is 2^(code - 127), and 0xFF is NaN (OCP Microscaling Formats v1.0, 5.4.1). E4M3 has
    subnormals, NaN in 0x7F and 0xFF, and no infinity (OCP 8-bit Floating Point Specification). The
    others are IEEE 754's binary32 and binary16, and the upper half of binary32.
    """
    layout = get_scale_format(name)
    codes = np.asarray(codes, np.int64)
    if name == "e8m0":
        return np.where(codes == 0xFF, math.nan, np.ldexp(1.0, codes - 127)).astype(np.float32)
    magnitude = codes & ((1 << (layout.bits - 1)) - 1)
    exponent = magnitude >> layout.mantissa
    fraction = magnitude & ((1 << layout.mantissa) - 1)
    significand = fraction + ((exponent > 0).astype(np.int64) << layout.mantissa)
    power = np.maximum(exponent, 1) - layout.bias - layout.mantissa
    values = np.ldexp(significand.astype(np.float64), power)
    infinity = layout.highest + 1
    above = np.where((magnitude == infinity) & (name != "e4m3"), math.inf, math.nan)
    values = np.where(magnitude < infinity, values, above)
    with np.errstate(over="ignore"):  # of values that are replaced
        return np.where(codes >> (layout.bits - 1), -values, values).astype(np.float32)


def encode_scales(values: ArrayLike, name: str) -> np.ndarray:
    """The codes of the nearest numbers, ties to the even code; beyond the largest, its code.

    ``values`` are finite and not negative; the format is not ``e8m0``.
    """
    layout = get_scale_format(name)
    values = np.asarray(values, np.float64)
    # Of normal numbers the significand's top bit adds 1 to an exponent field that is 1 too low;
    # a carry out of the rounding does the same.
    exponent = np.where(values > 0, np.frexp(values)[1] - 1, -layout.bias).astype(np.int64)
    field = (exponent + layout.bias).clip(1, 1 << (layout.bits - 1 - layout.mantissa))
    digits = np.rint(np.ldexp(values, layout.mantissa + layout.bias - field))
    digits = np.minimum(digits, 4 << layout.mantissa).astype(np.int64)
    codes = ((field - 1) << layout.mantissa) + digits
    return np.minimum(codes, layout.highest).astype(layout.type)
