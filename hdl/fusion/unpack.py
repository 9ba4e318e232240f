"""Steps of operands out of packed words."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..checks import check_integer
from ..unit import Unit
from .mode import Spread

__all__ = ["Unpack", "last_step", "spread_lanes"]


def last_step(other_bits):
    """Steps in a word less one, for the code of the other operand's width: 0, 1 or 3."""
    return Cat(other_bits.any(), other_bits[1])


def spread_lanes(m, name, word, lanes, step, other_bits):
    """A :class:`Spread` for each lane of 32 bits; returns what they put out."""
    spread = []
    for lane in range(lanes):
        m.submodules[f"{name}_{lane}"] = unit = Spread()
        m.d.comb += [
            unit.i.eq(word.word_select(lane, 32)),
            unit.step.eq(step),
            unit.other_bits.eq(other_bits),
        ]
        spread.append(unit.o)
    return Cat(spread)


class Unpack(Unit):
    """Turns packed words into steps for a chain of PEs; ``count`` steps make a set.

    A set begins with a new word and has one width, which ``widths`` tells. It is combinational but
    for two counters: latency is 0, throughput one step a cycle. No ``valid`` reaches its own
    ``ready``.

    Parameters
    ----------
    lanes : int
    count : int
        Steps in a set.

    Members
    -------
    i : ``In(stream.Signature(32 * lanes))``
    widths : ``In(stream.Signature(2))``
        For each set the code of the other operand's width.
    o : ``Out(stream.Signature(32 * lanes))``
        Four bytes a lane: see :class:`Spread`.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a positive integer.
    """

    role = "decoders"

    def __init__(self, *, lanes, count):
        check_integer("Lane count", lanes, 1)
        check_integer("Step count", count, 1)
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(32 * lanes))),
                "widths": In(stream.Signature(unsigned(2))),
                "o": Out(stream.Signature(unsigned(32 * lanes))),
            }
        )

    def build(self):
        m = Module()
        lanes, count = self.parameters["lanes"], self.parameters["count"]
        step = Signal(2)
        number = Signal(index_shape(count))
        moves = Signal()
        set_ends = Signal()
        word_ends = Signal()
        other_bits = self.widths.payload
        m.d.comb += [
            set_ends.eq(number == count - 1),
            word_ends.eq(set_ends | (step == last_step(other_bits))),
            self.o.payload.eq(
                spread_lanes(m, "spread", Value.cast(self.i.payload), lanes, step, other_bits)
            ),
            self.o.valid.eq(self.i.valid & self.widths.valid),
            moves.eq(self.o.valid & self.o.ready),
            self.i.ready.eq(self.o.ready & self.widths.valid & word_ends),
            self.widths.ready.eq(self.i.valid & self.o.ready & set_ends),
        ]
        with m.If(moves):
            m.d.sync += [
                step.eq(Mux(word_ends, 0, step + 1)),
                number.eq(Mux(set_ends, 0, number + 1)),
            ]
        return m
