"""``dybit<N>`` and ``udybit<N>``: DyBit, whose leading ones tell the exponent. Experimental.

After Zhou et al., "DyBit: Dynamic Bit-Precision Numbers for Efficient Quantized Neural Network
Inference" (arXiv 2302.12510). The paper's table of codes was not available: these follow its
description.
"""

from .format import Format, make, sign_magnitude

__all__ = ["dybit", "udybit"]


def dybit(name: str, bits: int) -> Format:
    """A sign bit above the N - 1 bits of a magnitude; -0 is 0."""
    return make(name, "dybit", sign_magnitude(_magnitudes(bits - 1)), unit=2.0 ** (2 - bits))


def udybit(name: str, bits: int) -> Format:
    return make(name, "dybit", _magnitudes(bits), unit=2.0 ** (1 - bits))


def _magnitudes(bits):
    """In units of 2^(1-bits).

    0… is a fraction, code / 2^(bits-1). i ones and a zero are 2^(i-1) times 1.rest, and nothing but
    ones is 2^(bits-1).
    """
    values = []
    for code in range(1 << bits):
        text = f"{code:0{bits}b}"
        ones = bits - len(text.lstrip("1"))
        significand = int("1" + text[ones + 1 :], 2) << ones  # with bits - 1 bits after the point
        values.append(significand << (ones - 1) if ones else code)
    values[-1] = 1 << (2 * bits - 2)
    return values
