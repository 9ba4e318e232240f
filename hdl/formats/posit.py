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
    exponent: int  # of the fraction's last bit
    exponent_bits: int  # of the field after the regime: fewer than ``es`` where the word ends
    fraction_bits: int


def _regimes(bits, es, longest):
    """All regimes of magnitudes, whose runs have at most ``longest`` bits, and their unit.

    A bit of the other value ends a run that is shorter. Exponents count from the last place of the
    longest run of zeros, whose exponent is the unit.
    """
    regimes = []
    for one in (0, 1):
        for run in range(1, longest + 1):
            left = bits - 1 - run - (run < longest)  # after the regime
            exponent_bits = min(left, es)
            fraction_bits = left - exponent_bits
            exponent = ((run - 1 if one else -run) << es) - fraction_bits
            # A magnitude of nothing but zeros is the number zero.
            if one or run < bits - 1:
                regimes.append(_Regime(one, run, exponent, exponent_bits, fraction_bits))
    lowest = min(regime.exponent for regime in regimes)
    return [regime._replace(exponent=regime.exponent - lowest) for regime in regimes], lowest


class Posit(Format):
    """``posit<N>_<ES>`` or ``gposit<N>_<ES>_<RS>``: N from 3 to 8 bits, ES from 0 to 2 exponent.

    Standard for Posit Arithmetic (2022), which fixes ES = 2; earlier papers use 0 and 1. Operands
    are multiples of the smallest positive posit, as every posit is. NaR counts as zero.

    Generalized posits (Langroudi et al., "ALPS: Adaptive Quantization of Deep Neural Networks with
    GeneraLized PositS", CVPR Workshops 2021) have a regime of at most RS bits, from 1 to N - 1. A
    run of RS bits has no bit that ends it, so the range is smaller, and its ends keep more
    fraction; RS = N - 1 is the posit. Operands are multiples of the last place of the smallest
    ones. The exponent bias belongs to the tensor, as part of its scale.
    """

    def __init__(self, *, name, bits, es, longest):
        self.es, self.longest = es, longest
        self.regimes, self.unit = _regimes(bits, es, longest)
        mantissa = max((2 << r.fraction_bits) - 1 for r in self.regimes)
        tops = [
            (r.exponent + (((1 << r.exponent_bits) - 1) << (es - r.exponent_bits)), r)
            for r in self.regimes
        ]
        highest = max(((2 << r.fraction_bits) - 1) << exponent for exponent, r in tops)
        super().__init__(
            name=name,
            bits=bits,
            lowest=-highest,
            highest=highest,
            operand=Operand((Term(-mantissa, mantissa, max(exponent for exponent, _ in tops)),)),
        )

    @classmethod
    def parse(cls, name):
        """The format called ``name``, or ``None`` when the name is not of this family."""
        match = re.fullmatch(r"posit([3-8])_([0-2])|gposit([3-8])_([0-2])_([1-7])", name)
        if match is None:
            return None
        bits, es, *longest = (int(number) for number in match.groups() if number)
        longest = longest[0] if longest else bits - 1
        return cls(name=name, bits=bits, es=es, longest=longest) if longest < bits else None

    def special(self, code):
        return code == 1 << (self.bits - 1)

    def decode(self, m, code, outlier):
        sign = code[-1]
        magnitude = named(m, f"{self.name}_magnitude", Mux(sign, -code, code)[: self.bits - 1])
        first = magnitude[-1]
        start = magnitude[self.bits - 1 - self.longest :]
        run = named(m, f"{self.name}_run", leading_zeros(start ^ first.replicate(self.longest)))
        cases = [(r.run << 1 | r.one, *self._read(magnitude, r)) for r in self.regimes]
        selector = Cat(first, run)
        # What no regime has is the number zero.
        zero = [(0, 0)] if self.longest == self.bits - 1 else []
        mantissa = chosen(selector, [*((case, value) for case, value, _ in cases), *zero])
        exponent = chosen(selector, [*((case, value) for case, _, value in cases), *zero])
        return [(with_sign(m, self.name, sign, mantissa), exponent)]

    def _read(self, magnitude, regime):
        """Mantissa and exponent of a magnitude."""
        fraction = regime.fraction_bits
        field = magnitude[fraction : fraction + regime.exponent_bits]
        exponent = regime.exponent + (field << (self.es - regime.exponent_bits))
        # The number zero is in the longest run of zeros, where that leaves bits.
        one = Const(1) if regime.one or regime.run < self.longest else magnitude.any()
        return Cat(magnitude[:fraction], one), exponent
