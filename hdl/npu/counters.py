"""What happens while programs run, counted."""

from dataclasses import dataclass

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from ..unit import Unit
from . import isa

__all__ = ["COUNTERS", "Counter", "Counters"]


@dataclass(frozen=True, kw_only=True)
class Counter:
    """A counter.

    Attributes
    ----------
    name : str
    width : int
        Bits; it wraps.
    meaning : str
    """

    name: str
    width: int
    meaning: str


def _counters():
    def counter(name, meaning, width=32):
        return Counter(name=name, width=width, meaning=meaning)

    yield counter("cycles", "cycles in which a program runs", 64)
    for engine in isa.ENGINES:
        yield counter(f"busy_{engine}", f"cycles in which {engine} has an instruction", 64)
        yield counter(f"tokens_{engine}", f"of these, {engine} waits for tokens")
        yield counter(f"bank_{engine}", f"of these, {engine} waits for a bank of the buffer")
        if engine in ("load", "store"):
            yield counter(f"dram_{engine}", f"of these, {engine} waits for DRAM")
    yield counter("steps", "rows of activations that went through the array")
    yield counter("no_weights", "cycles in which the array waits for weights")
    yield counter("no_acts", "cycles in which the array waits for activations")
    yield counter("no_room", "cycles in which the array waits for room for results")
    yield counter("reads", "beats read from DRAM")
    yield counter("writes", "beats written to DRAM")


#: All counters, in the order of their bits and values.
COUNTERS = tuple(_counters())


class Counters(Unit):
    """Counts the cycles in which events are 1: a counter of :data:`COUNTERS` for each.

    A counter shows an event in the next cycle. ``clear`` sets all to 0 in the next cycle, whatever
    happens in its own; so does a reset.

    Members
    -------
    events : ``In(data.StructLayout({name: 1, ...}))``
    clear : ``In(1)``
    values : ``Out(data.StructLayout({name: width, ...}))``
    """

    role = "npu control"

    def __init__(self):
        super().__init__(
            {
                "events": In(data.StructLayout({c.name: 1 for c in COUNTERS})),
                "clear": In(1),
                "values": Out(data.StructLayout({c.name: c.width for c in COUNTERS})),
            }
        )

    def build(self):
        m = Module()
        for counter in COUNTERS:
            value = Signal(counter.width, name=counter.name)
            m.d.sync += value.eq(Mux(self.clear, 0, value + self.events[counter.name]))
            m.d.comb += self.values[counter.name].eq(value)
        return m
