"""Integer operand formats."""

import re
from dataclasses import dataclass

from amaranth.hdl import Shape

__all__ = ["Integer"]


@dataclass(frozen=True)
class Integer:
    """Two's complement ``int<N>`` or plain binary ``uint<N>``, N from 2 to 16 bits.

    Attributes
    ----------
    name : str
    bits : int
    signed : bool
    """

    name: str
    bits: int
    signed: bool

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
    def lowest(self):
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def highest(self):
        return (1 << (self.bits - self.signed)) - 1
