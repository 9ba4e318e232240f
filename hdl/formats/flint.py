"""ANT's flint."""

import re

from amaranth.hdl import Cat, Const, Mux

from ..arith.leading import leading_zeros
from .format import Format, named, with_sign
from .operand import Operand, Term

__all__ = ["Flint", "flint_terms"]


def flint_terms(bits):
    """The term of a flint magnitude of ``bits`` bits, 2 or more: greatest mantissa and exponent."""
    return (1 << (bits - 1)) - 1, bits


def decode_magnitude(m, name, magnitude):
    """Mantissa and exponent of a flint magnitude.

    A magnitude whose top bit is clear is an integer. Below a top bit that is set, ``z`` leading
    zeros stand for an exponent: the rest r is worth ``r << (2*z + 1)``, and 0 is worth
    ``4 ** (bits - 1)``. Normalised, which moves ``z`` of the ``2*z`` into the mantissa, even the
    last is no exception, the mantissa is a bit narrower than ANT's, and exponents are contiguous.
    """
    low, top = magnitude[:-1], magnitude[-1]
    zeros = named(m, f"{name}_zeros", leading_zeros(low))
    normalised = named(m, f"{name}_normalised", (low << zeros)[: len(low)])
    mantissa = Mux(top, Cat(normalised[:-1], Const(1)), low)
    exponent = Mux(top, zeros + 1, 0)
    return mantissa, exponent[: len(magnitude).bit_length()]


class Flint(Format):
    """``flint<N>`` (sign and magnitude) or ``uflint<N>``, N from 3 to 8 bits.

    Guo et al., "ANT: Exploiting Adaptive Numerical Data Type for Low-bit Deep Neural Network
    Quantization", MICRO 2022: short exponents for numbers of middle size, which get long mantissas,
    and the other way round. The negative zero is zero.
    """

    def __init__(self, *, name, bits, signed):
        self.signed = signed
        mantissa, exponents = flint_terms(bits - signed)
        highest = 4 ** (bits - signed - 1)
        super().__init__(
            name=name,
            bits=bits,
            lowest=-highest if signed else 0,
            highest=highest,
            operand=Operand((Term(-mantissa if signed else 0, mantissa, exponents),)),
        )

    @classmethod
    def parse(cls, name):
        """The format called ``name``, or ``None`` when the name is not of this family."""
        match = re.fullmatch(r"(u?)flint([3-8])", name)
        return match and cls(name=name, bits=int(match[2]), signed=not match[1])

    def decode(self, m, code, outlier):
        magnitude, sign = (code[:-1], code[-1]) if self.signed else (code, None)
        mantissa, exponent = decode_magnitude(m, self.name, magnitude)
        return [(with_sign(m, self.name, sign, mantissa), exponent)]
