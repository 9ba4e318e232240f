"""Powers of two, and sums of them."""

import re

from amaranth.hdl import Cat, Const, Mux

from .format import Format, named, with_sign
from .operand import Operand, Term

__all__ = ["AdditivePowerOfTwo", "PowerOfTwo"]


class PowerOfTwo(Format):
    """``pot<N>`` (sign and magnitude) or ``upot<N>``, N from 2 to 6 bits.

    Magnitude 0 is 0, magnitude k is 2^(k-1). See Guo et al., "ANT: Exploiting Adaptive Numerical
    Data Type for Low-bit Deep Neural Network Quantization", MICRO 2022.
    """

    def __init__(self, *, name, bits, signed):
        self.signed = signed
        exponents = (1 << (bits - signed)) - 2
        highest = 1 << exponents
        super().__init__(
            name=name,
            bits=bits,
            lowest=-highest if signed else 0,
            highest=highest,
            operand=Operand((Term(-1 if signed else 0, 1, exponents),)),
        )

    @classmethod
    def parse(cls, name):
        """The format called ``name``, or ``None`` when the name is not of this family."""
        match = re.fullmatch(r"(u?)pot([2-6])", name)
        return match and cls(name=name, bits=int(match[2]), signed=not match[1])

    def decode(self, m, code, outlier):
        magnitude, sign = (code[:-1], code[-1]) if self.signed else (code, None)
        nonzero = named(m, f"{self.name}_nonzero", magnitude.any())
        # The magnitude less one. Of zero any exponent will do, and this is the cheapest.
        low, top = magnitude[:-1], magnitude[-1]
        exponent = Cat((low - 1)[: len(low)], top & low.any())
        return [(with_sign(m, self.name, sign, nonzero), exponent)]


#: For each number of magnitude bits, the exponents that each term has besides zero, ascending.
#: APoT's levels as Li et al. ("Additive Powers-of-Two Quantization", ICLR 2020) publish them in
#: their code, times 8, 16, 64, 128 and 512.
_TERMS = {
    2: [(0, 1, 2)],
    3: [(0, 2, 3), (1,)],
    4: [(1, 3, 5), (0, 2, 4)],
    5: [(1, 4, 6), (0, 3, 5), (2,)],
    6: [(2, 5, 8), (1, 4, 7), (0, 3, 6)],
}


class AdditivePowerOfTwo(Format):
    """``apot<N>`` (N from 3 to 7: sign and magnitude) or ``uapot<N>`` (N from 2 to 6).

    A number is the sum of one to three terms, each zero or one of up to three powers of two. The
    magnitude's bits are the terms' indices, the first term's in the high bits; index 0 is zero and
    the powers ascend. (The paper leaves the code open.)
    """

    def __init__(self, *, name, bits, signed):
        self.signed = signed
        self.exponents = _TERMS[bits - signed]
        highest = sum(1 << exponents[-1] for exponents in self.exponents)
        super().__init__(
            name=name,
            bits=bits,
            lowest=-highest if signed else 0,
            highest=highest,
            operand=Operand(
                tuple(Term(-1 if signed else 0, 1, powers[-1]) for powers in self.exponents)
            ),
        )

    @classmethod
    def parse(cls, name):
        """The format called ``name``, or ``None`` when the name is not of this family."""
        match = re.fullmatch(r"(u?)apot(\d)", name)
        if match is None or int(match[2]) - (not match[1]) not in _TERMS:
            return None
        return cls(name=name, bits=int(match[2]), signed=not match[1])

    def decode(self, m, code, outlier):
        magnitude, sign = (code[:-1], code[-1]) if self.signed else (code, None)
        terms, top = [], len(magnitude)
        for number, powers in enumerate(self.exponents):
            width = len(powers).bit_length()
            index = magnitude[top - width : top]
            top -= width
            exponent = Const(powers[-1])
            for position, power in enumerate(powers[:-1], 1):
                exponent = Mux(index == position, power, exponent)
            nonzero = named(m, f"{self.name}_nonzero_{number}", index.any())
            terms.append((with_sign(m, f"{self.name}_{number}", sign, nonzero), exponent))
        return terms
