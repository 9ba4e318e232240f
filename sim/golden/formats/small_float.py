"""Binary floats of 3 to 19 bits: OCP's, IEEE 754's fp16, bf16, tf32 and ``e<E>m<M>``."""

import math
import re
from typing import NamedTuple

import numpy as np

from .format import Format, make, make_wide, sign_magnitude

__all__ = [
    "CFLOATS",
    "EXPONENTS",
    "FLOATS",
    "MANTISSAS",
    "UNSCALED",
    "FloatLayout",
    "any_float",
    "configurable_float",
    "layout",
    "small_float",
]


class FloatLayout(NamedTuple):
    """Fields below the sign bit, and the magnitude codes that are no finite numbers."""

    exponent: int
    mantissa: int
    bias: int
    specials: dict[int, float]

    @property
    def infinity(self) -> int | None:
        """The code of +Inf, if there is one."""
        return next((code for code, value in self.specials.items() if value == math.inf), None)

    @property
    def nan(self) -> int | None:
        """The code of the positive quiet NaN, the one that conversions result in."""
        if not self.specials:
            return None
        quiet = 1 << (self.mantissa - 1) if self.infinity is not None else 0
        return min(self.specials) | quiet

    @property
    def largest(self) -> int:
        """The code of the largest finite number."""
        return min(self.specials, default=1 << (self.exponent + self.mantissa)) - 1


def _ieee(exponent, mantissa):
    """The exponent of ones is infinity with mantissa 0, and NaN otherwise."""
    infinity = ((1 << exponent) - 1) << mantissa
    nans = dict.fromkeys(range(infinity + 1, infinity + (1 << mantissa)), math.nan)
    return FloatLayout(exponent, mantissa, (1 << (exponent - 1)) - 1, {infinity: math.inf} | nans)


FLOATS = {
    "e2m1": FloatLayout(2, 1, 1, {}),
    "e3m0": FloatLayout(3, 0, 3, {}),
    "e2m3": FloatLayout(2, 3, 1, {}),
    "e3m2": FloatLayout(3, 2, 3, {}),
    "e4m3": FloatLayout(4, 3, 7, {0x7F: math.nan}),
    "e5m2": FloatLayout(5, 2, 15, {0x7C: math.inf, 0x7D: math.nan, 0x7E: math.nan, 0x7F: math.nan}),
    "fp16": _ieee(5, 10),
    "bf16": _ieee(8, 7),
    "tf32": _ieee(8, 10),
}

#: Exponent and mantissa bits.
CFLOATS = {"cfloat8_e4m3": (4, 3), "cfloat8_e5m2": (5, 2), "cfloat16_e5m10": (5, 10)}

#: Those that hold the numbers of a network as they are.
UNSCALED = ("fp16", "bf16", "tf32")

#: Exponent and mantissa bits of the formats called ``e<E>m<M>``.
EXPONENTS, MANTISSAS = range(2, 6), range(11)


def layout(name: str) -> FloatLayout | None:
    """The fields of the small float called ``name``; ``None`` for formats of other families."""
    if name in FLOATS:
        return FLOATS[name]
    match = re.fullmatch(r"e([0-9]+)m([0-9]+)", name)
    if match is None:
        return None
    exponent, mantissa = int(match[1]), int(match[2])
    return FloatLayout(exponent, mantissa, (1 << (exponent - 1)) - 1, {})


def small_float(name: str) -> Format:
    """Sign, exponent, mantissa; subnormals where the exponent field is 0.

    The unit is the smallest subnormal, 2^(1 - bias - mantissa bits).
    """
    exponent, mantissa, bias, specials = layout(name)
    codes = np.arange(1 << (exponent + mantissa))
    fields, fractions = codes >> mantissa, codes & ((1 << mantissa) - 1)
    significands = fractions + ((fields > 0) << mantissa)
    shifts = np.maximum(fields, 1) - 1
    sign, unit = len(codes), 2.0 ** (1 - bias - mantissa)
    specials = specials | {sign + code: -value for code, value in specials.items()}
    largest = layout(name).largest
    top = (int(significands[largest]) << int(shifts[largest])).bit_length()
    if top > 63:
        magnitudes = np.ldexp(significands.astype(np.float64), shifts)
        magnitudes[largest + 1 :] = magnitudes[largest]
        return make_wide(
            name, "float", np.concatenate([magnitudes, -magnitudes]), unit=unit, specials=specials
        )
    magnitudes = (significands << shifts).tolist()
    magnitudes[largest + 1 :] = [magnitudes[largest]] * (sign - 1 - largest)
    return make(name, "float", sign_magnitude(magnitudes), unit=unit, specials=specials)


def any_float(name: str, exponent: int, mantissa: int) -> Format:
    """``e<E>m<M>``: bias 2^(E-1) - 1, subnormals; all codes are finite numbers."""
    return small_float(name)


def configurable_float(name: str) -> Format:
    """CFloat8 and CFloat16 of "A Guide to Tesla's Configurable Floating Point Formats".

    All exponents are finite, without NaN and infinity. The bias is the tensor's, so it is a scale
    that is a power of two (2^(1 - bias - mantissa bits) with Tesla's biases from 0 to 63), and the
    unit, the smallest subnormal, is 1. Subnormals continue the
    numbers of exponent field 1, as the text's gradual underflow wants it: 0.f * 2^(1 - bias). Its
    formula has 0.f * 2^(-bias), which would leave a gap below 2^(1 - bias).
    """
    exponent, mantissa = CFLOATS[name]
    fields, fractions = np.divmod(np.arange(1 << (exponent + mantissa)), 1 << mantissa)
    normals = (fractions + (1 << mantissa)) << np.maximum(fields - 1, 0)
    magnitudes = np.where(fields == 0, fractions, normals).tolist()
    return make(name, "cfloat", sign_magnitude(magnitudes))
