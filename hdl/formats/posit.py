"""Posits."""

import re
from typing import NamedTuple

from amaranth.hdl import Cat, Const, Mux

from ..arith.leading import leading_zeros
from .format import Format, chosen, named, with_sign
from .operand import Operand, Term

__all__ = ["Posit"]


class _Regime(NamedTuple):
    """How a magnitude is to be read whose first ``run`` bits are all ``one`` or all not."""

    one: int
    run: int
    exponent: int  # of the fraction's last bit, in units of the smallest posit
    exponent_bits: int  # of the field after the regime: fewer than ``es`` where the word ends
    fraction_bits: int


class Posit(Format):
    """``posit<N>_<ES>``: N from 3 to 8 bits, ES from 0 to 2 of them exponent.

    Standard for Posit Arithmetic (2022), which fixes ES = 2; earlier papers use 0 and 1. Operands
    are multiples of the smallest positive posit, as every posit is. NaR counts as zero.
    """

    def __init__(self, *, name, bits, es):
        self.es = es
        self.unit = -((bits - 2) << es)
        self.regimes = []
        for bit in (0, 1):
            for run in range(1, bits):
                left = max(bits - 2 - run, 0)  # after the bit that ends the regime
                exponent_bits = min(left, es)
                fraction_bits = left - exponent_bits
                scale = (run - 1 if bit else -run) + (bits - 2) << es
                self.regimes.append(
                    _Regime(bit, run, scale - fraction_bits, exponent_bits, fraction_bits)
                )
        # The longest run of zeros is that of the number zero.
        self.regimes = [r for r in self.regimes if (r.one, r.run) != (0, bits - 1)]
        mantissa = max((2 << r.fraction_bits) - 1 for r in self.regimes)
        exponents = max(
            r.exponent + (((1 << r.exponent_bits) - 1) << (es - r.exponent_bits))
            for r in self.regimes
        )
        highest = 1 << (2 * (bits - 2) << es)
        super().__init__(
            name=name,
            bits=bits,
            lowest=-highest,
            highest=highest,
            operand=Operand((Term(-mantissa, mantissa, exponents),)),
        )

    @classmethod
    def parse(cls, name):
        """The format called ``name``, or ``None`` when the name is not of this family."""
        match = re.fullmatch(r"posit([3-8])_([0-2])", name)
        return match and cls(name=name, bits=int(match[1]), es=int(match[2]))

    def special(self, code):
        return code == 1 << (self.bits - 1)

    def decode(self, m, code, outlier):
        sign = code[-1]
        magnitude = named(m, f"{self.name}_magnitude", Mux(sign, -code, code)[: self.bits - 1])
        first = magnitude[-1]
        run = named(
            m, f"{self.name}_run", leading_zeros(magnitude ^ first.replicate(self.bits - 1))
        )
        cases = [(r.run << 1 | r.one, *self._read(magnitude, r)) for r in self.regimes]
        selector = Cat(first, run)
        zero = (0, 0)
        mantissa = chosen(selector, [*((case, value) for case, value, _ in cases), zero])
        exponent = chosen(selector, [*((case, value) for case, _, value in cases), zero])
        return [(with_sign(m, self.name, sign, mantissa), exponent)]

    def _read(self, magnitude, regime):
        """Mantissa and exponent of a magnitude."""
        fraction = regime.fraction_bits
        field = magnitude[fraction : fraction + regime.exponent_bits]
        exponent = regime.exponent + (field << (self.es - regime.exponent_bits))
        return Cat(magnitude[:fraction], Const(1)), exponent
