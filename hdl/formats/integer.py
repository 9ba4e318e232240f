"""Integer formats."""

import re

from amaranth.hdl import Shape

from .format import Format
from .operand import Operand, Term

__all__ = ["Aligned", "Integer"]


class Integer(Format):
    """Two's complement ``int<N>`` or plain binary ``uint<N>``, N from 2 to 16 bits."""

    def __init__(self, *, name, bits, signed):
        self.signed = signed
        lowest = -(1 << (bits - 1)) if signed else 0
        highest = (1 << (bits - signed)) - 1
        operand = Operand((Term(lowest, highest),))
        super().__init__(name=name, bits=bits, lowest=lowest, highest=highest, operand=operand)

    @classmethod
    def parse(cls, name):
        """The format called ``name``, or ``None`` when the name is no integer format's."""
        match = re.fullmatch(r"(u?)int([1-9]\d?)", name)
        if match is None or not 2 <= int(match[2]) <= 16:
            return None
        return cls(name=name, bits=int(match[2]), signed=not match[1])

    @property
    def shape(self):
        return Shape(self.bits, signed=self.signed)

    @property
    def code_shape(self):
        return self.shape

    def decode(self, m, code, outlier):
        return [(code.as_signed() if self.signed else code.as_unsigned(), 0)]


class Aligned(Integer):
    """``aligned<N>``, N from 8 to 24 bits: floats that share an exponent, as two's complement.

    It is a format inside of an engine, which aligns its activations (:class:`Align`): no stream
    has such codes.
    """

    @classmethod
    def parse(cls, name):
        """The format called ``name``, or ``None`` when the name is not of this family."""
        match = re.fullmatch(r"aligned([1-9]\d?)", name)
        if match is None or not 8 <= int(match[1]) <= 24:
            return None
        return cls(name=name, bits=int(match[1]), signed=True)
