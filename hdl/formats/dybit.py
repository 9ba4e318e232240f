"""DyBit."""

import re

from amaranth.hdl import Cat, Const

from ..arith.leading import leading_zeros
from .format import Format, chosen, named, with_sign
from .operand import Operand, Term

__all__ = ["DyBit"]


class DyBit(Format):
    """``dybit<N>`` (sign and magnitude) or ``udybit<N>``, N from 3 to 8 bits. Experimental.

    Zhou et al., "DyBit: Dynamic Bit-Precision Numbers for Efficient Quantized Neural Network
    Inference" (arXiv 2302.12510). A magnitude of n bits with i leading ones and a zero after them
    is ``2**(i - 1) * 1.rest``, without leading ones the fraction ``code / 2**(n - 1)``, and
    ``2**(n - 1)`` if all bits are ones. The paper's table of codes was not available; this is its
    description. Operands are multiples of 2^(1 - n).
    """

    def __init__(self, *, name, bits, signed):
        self.signed = signed
        size = bits - signed
        self.unit = 1 - size
        mantissa, exponents = (1 << (size - 1)) - 1, 2 * size - 2
        highest = 1 << exponents
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
        match = re.fullmatch(r"(u?)dybit([3-8])", name)
        return match and cls(name=name, bits=int(match[2]), signed=not match[1])

    def decode(self, m, code, outlier):
        magnitude, sign = (code[:-1], code[-1]) if self.signed else (code, None)
        size = len(magnitude)
        ones = named(m, f"{self.name}_ones", leading_zeros(~magnitude))
        # 1.rest has size - 1 - ones bits after the point, and the unit has size - 1.
        mantissas = [(i, Cat(magnitude[: size - 1 - i], Const(1))) for i in range(1, size)]
        exponents = [(i, 2 * i - 1) for i in range(1, size)]
        mantissa = chosen(ones, [(0, magnitude[:-1]), *mantissas, (size, Const(1))])
        exponent = chosen(ones, [(0, 0), *exponents, (size, 2 * size - 2)])
        return [(with_sign(m, self.name, sign, mantissa), exponent)]
