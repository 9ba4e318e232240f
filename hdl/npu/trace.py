"""Records of when instructions ran."""

from itertools import accumulate

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from ..checks import check_integer
from ..stream.fifo import Fifo
from ..unit import Unit, data_register
from . import isa

__all__ = ["RECORD", "Trace", "description", "record_layout"]

#: Fields of a record, from bit 0 up: name, width, meaning.
RECORD = (
    ("pc", 32, "index of the instruction"),
    ("engine", 8, "its engine"),
    ("op", 8, "its opcode"),
    ("zero", 16, "0"),
    ("start", 64, "cycle in which it took its tokens"),
    ("end", 64, "cycle in which it gave its tokens"),
    ("waits", 32, "cycles until its end in which its engine waited for tokens"),
    ("stalls", 32, "cycles until its end in which its engine waited for a bank or DRAM"),
)


def record_layout():
    """A record of 32 bytes."""
    return data.StructLayout({name: width for name, width, _ in RECORD})


def description():
    """The records for the manifest, from which programs that read a trace take them."""
    lows = accumulate((width for _, width, _ in RECORD), initial=0)
    return {
        "record_bytes": record_layout().size // 8,
        "fields": [
            {"name": name, "low": low, "width": width, "meaning": meaning}
            for low, (name, width, meaning) in zip(lows, RECORD, strict=False)
        ],
    }


class Trace(Unit):
    """Makes a record of each instruction with ``mark``, when it has ended: see :data:`RECORD`.

    Cycles are counted from the last ``clear`` or reset on, which is cycle 0; ``waits`` and
    ``stalls`` too, modulo 2^32. The records of an engine come in order; among engines with a record
    the next one in a circle goes first.

    A record is offered 2 cycles after the end of its instruction if no other one waits. Throughput
    is a record a cycle, and one in 2 cycles for an engine alone. ``mark_room`` and ``o`` come from
    registers.

    Parameters
    ----------
    flight : int
        Instructions of an engine that have begun and not ended: that of :class:`Issue`.
    pc_width : int
        Bits of an instruction's index, 1 to 31.

    Members
    -------
    marks, mark_ends : ``In(4)``, with ``mark_op_<engine>``, ``mark_pc_<engine>``
    mark_room : ``Out(4)``
        Those of :class:`Control`.
    waits, stalls : ``In(4)``
        A bit for each engine: it waits for tokens; for a bank or DRAM.
    clear : ``In(1)``
    o : ``Out(stream.Signature(record_layout()))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "npu control"

    def __init__(self, *, flight, pc_width):
        check_integer("Instructions in flight", flight, 2, 16)
        check_integer("Program counter width", pc_width, 1, 31)
        count = len(isa.ENGINES)
        ports = {name: In(count) for name in ("marks", "mark_ends", "waits", "stalls")}
        for engine in isa.ENGINES:
            ports |= {f"mark_op_{engine}": In(4), f"mark_pc_{engine}": In(pc_width)}
        super().__init__(
            ports
            | {
                "mark_room": Out(count),
                "clear": In(1),
                "o": Out(stream.Signature(record_layout())),
            }
        )

    def build(self):
        m = Module()
        now = Signal(64)
        m.d.sync += now.eq(Mux(self.clear, 0, now + 1))
        ready = Signal(len(isa.ENGINES))  # records that wait
        chosen = Signal(range(len(isa.ENGINES)))
        sends = Signal()
        record = Signal(record_layout())
        for number, engine in enumerate(isa.ENGINES):
            fields = self._engine(m, number, engine, now, ready, sends & (chosen == number))
            with m.If(chosen == number):
                m.d.comb += [record[name].eq(value) for name, value in fields.items()]
        self._choose(m, ready, chosen, sends)
        word = data_register(record_layout(), name="record_q")
        m.d.comb += [
            sends.eq(ready.any() & (~self.o.valid | self.o.ready)),
            self.mark_room.eq(~ready),
            self.o.payload.eq(word),
        ]
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += [self.o.valid.eq(ready.any()), word.eq(record)]
        return m

    def _engine(self, m, number, engine, now, ready, sent):
        """An engine's instructions that have begun, and the end of the oldest; its record."""
        params = self.parameters
        begin = data.StructLayout({"pc": params["pc_width"], "op": 4, "start": 64})
        queue = Fifo(width=begin.size, depth=params["flight"])
        m.submodules[f"begun_{engine}"] = queue
        pc, op = (getattr(self, f"mark_{name}_{engine}") for name in ("pc", "op"))
        m.d.comb += [
            queue.i.payload.eq(Cat(pc, op, now)),
            queue.i.valid.eq(self.marks[number]),
            queue.o.ready.eq(sent),
        ]
        oldest = data.View(begin, queue.o.payload)
        fields = {"pc": oldest.pc, "op": oldest.op, "start": oldest.start, "engine": number}
        counts = {"end": now}
        for name in ("waits", "stalls"):
            counts[name] = count = Signal(32, name=f"{name}_{engine}")
            m.d.sync += count.eq(Mux(self.clear, 0, count + getattr(self, name)[number]))
        ends = self.mark_ends[number]
        for name, value in counts.items():
            fields[name] = kept = data_register(len(value), name=f"{name}_of_{engine}")
            with m.If(ends):
                m.d.sync += kept.eq(value)
        m.d.sync += ready[number].eq(ends | (ready[number] & ~sent))
        return fields

    def _choose(self, m, ready, chosen, sends):
        """Among the records that wait, that of the next engine in a circle."""
        count = len(isa.ENGINES)
        last = Signal(range(count), init=count - 1)
        with m.Switch(last):
            for before in range(count):
                with m.Case(before):
                    for step in reversed(range(count)):
                        number = (before + 1 + step) % count
                        with m.If(ready[number]):
                            m.d.comb += chosen.eq(number)
        with m.If(sends):
            m.d.sync += last.eq(chosen)
