"""Floats of 4, 6 and 8 bits of OCP's FP8 and MX specifications, and ``e3m0``."""

import math
from typing import NamedTuple

from .format import Format, make, sign_magnitude

__all__ = ["FLOATS", "small_float"]


class _Layout(NamedTuple):
    mantissa: int
    bias: int
    #: Magnitude codes that are no numbers.
    specials: dict[int, float]


FLOATS = {
    "e2m1": _Layout(1, 1, {}),
    "e3m0": _Layout(0, 3, {}),
    "e2m3": _Layout(3, 1, {}),
    "e3m2": _Layout(2, 3, {}),
    "e4m3": _Layout(3, 7, {0x7F: math.nan}),
    "e5m2": _Layout(2, 15, {0x7C: math.inf, 0x7D: math.nan, 0x7E: math.nan, 0x7F: math.nan}),
}


def small_float(name: str) -> Format:
    """Sign, exponent, mantissa; subnormals where the exponent field is 0.

    The unit is the smallest subnormal, 2^(1 - bias - mantissa bits).
    """
    mantissa, bias, specials = FLOATS[name]
    exponent = int(name[1])
    magnitudes = [_magnitude(code, mantissa) for code in range(1 << (exponent + mantissa))]
    finite = [value for code, value in enumerate(magnitudes) if code not in specials]
    for code in specials:
        magnitudes[code] = max(finite)
    sign = len(magnitudes)
    return make(
        name,
        "float",
        sign_magnitude(magnitudes),
        unit=2.0 ** (1 - bias - mantissa),
        specials=specials | {sign + code: -value for code, value in specials.items()},
    )


def _magnitude(code, mantissa):
    exponent, fraction = code >> mantissa, code & ((1 << mantissa) - 1)
    if exponent == 0:
        return fraction
    return ((1 << mantissa) + fraction) << (exponent - 1)
