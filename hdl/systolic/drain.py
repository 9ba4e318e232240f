"""Way of the finished sums out of a column of tiles."""

from amaranth.hdl import Module, unsigned
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from ..checks import check_integer
from ..unit import Unit, data_register

__all__ = ["Drain", "drain_latency"]

#: Inputs that one stage joins: four fit into a look-up table for each bit.
RADIX = 4


def drain_latency(inputs):
    """Stages of a tree that joins ``inputs`` words."""
    latency = 0
    while RADIX**latency < inputs:
        latency += 1
    return latency


class Drain(Unit):
    """Joins inputs of which at most one is not zero: a tree of ORs with a register at each stage.

    Every input takes the same ``latency`` = ceil(log4(inputs)) cycles. Throughput is one word a
    cycle.

    Parameters
    ----------
    width : int
        Width of a word in bits.
    inputs : int

    Members
    -------
    i : ``In(data.ArrayLayout(width, inputs))``
    o : ``Out(width)``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a positive integer.
    """

    def __init__(self, *, width, inputs):
        check_integer("Word width", width, 1)
        check_integer("Input count", inputs, 1)
        self.latency = drain_latency(inputs)
        super().__init__({"i": In(data.ArrayLayout(unsigned(width), inputs)), "o": Out(width)})

    def build(self):
        m = Module()
        words = list(self.i)
        for stage in range(self.latency):
            joined = []
            for start in range(0, len(words), RADIX):
                total = words[start]
                for word in words[start + 1 : start + RADIX]:
                    total = total | word
                register = data_register(len(self.o), name=f"joined_{stage}_{len(joined)}")
                m.d.sync += register.eq(total)
                joined.append(register)
            words = joined
        m.d.comb += self.o.eq(words[0])
        return m
