"""Delay by a fixed number of cycles."""

from amaranth.hdl import Cat, Module, Signal, unsigned
from amaranth.lib.wiring import In, Out

from ..checks import check_choice, check_integer
from ..unit import Unit, data_register

__all__ = ["Delay"]


class Delay(Unit):
    """Delays a word by ``cycles`` cycles; flags begin with zeros after a reset.

    Parameters
    ----------
    width : int
        Width of the word in bits.
    cycles : int
        0 or more.
    content : str
        ``"flags"``, or ``"data"`` for registers without reset.

    Members
    -------
    i : ``In(width)``
    o : ``Out(width)``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "skew"

    def __init__(self, *, width, cycles, content="flags"):
        check_integer("Word width", width, 1)
        check_integer("Delay", cycles, 0)
        check_choice("Content", content, ["flags", "data"])
        super().__init__({"i": In(unsigned(width)), "o": Out(unsigned(width))})

    def build(self):
        m = Module()
        width, cycles = self.parameters["width"], self.parameters["cycles"]
        if cycles == 0:
            m.d.comb += self.o.eq(self.i)
            return m
        if self.parameters["content"] == "flags":
            line = Signal(width * cycles)
        else:
            line = data_register(width * cycles, name="line")
        m.d.sync += line.eq(Cat(self.i, line)[: width * cycles])
        m.d.comb += self.o.eq(line[-width:])
        return m
