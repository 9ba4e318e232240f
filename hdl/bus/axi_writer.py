"""Beats into memory."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from ..stream.fifo import Fifo
from ..unit import Unit, data_register
from .axi_reader import burst_layout, burst_length, check_burst, next_index
from .layout import beat_layout
from .transfer_checker import TransferChecker

__all__ = ["AxiWriter", "write_layout"]

#: Bursts whose answers may be awaited.
_UNANSWERED = 15


def write_layout(data_width):
    """A beat of a burst of writes: ``data``, ``strobe`` (a bit for each byte), ``last``."""
    return data.StructLayout({"data": data_width, "strobe": data_width // 8, "last": 1})


class AxiWriter(Unit):
    """Writes the words of a stream, in bursts whose data are there before they are announced.

    So the memory never waits within a burst for the core. Throughput is a beat a cycle in bursts of
    4 beats and more: the first burst is announced 5 cycles after ``start``, the next one 4 cycles
    later, or as late as their beats come and leave. Bytes without ``keep`` are not written.

    While ``stop`` is asserted the writer finishes the burst on its way, waits for answers, and
    drops everything else that the queue holds or takes. ``stop`` has to stay asserted until
    ``idle`` is.

    Parameters
    ----------
    data_width, address_width, words_per_beat, beats_per_word
        Those of :class:`TransferChecker`.
    burst : int
        Most beats in a burst: see :func:`check_burst`.

    Members
    -------
    address, count, none, aligned, fits
        Those of :class:`TransferChecker`.
    start, stop : ``In(1)``
        ``start`` only while ``idle``, with ``address`` and ``count`` there for 2 cycles.
    idle : ``Out(1)``
        All is written and answered.
    empty : ``Out(1)``
        No beat is in the queue but of bursts that were announced.
    i : ``In(stream.Signature(beat_layout(data_width)))``
    bursts : ``Out(stream.Signature(burst_layout(...)))``
    o : ``Out(stream.Signature(write_layout(data_width)))``
    answer : ``In(1)``
        The answer to a burst comes.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "bus"

    def __init__(self, *, data_width, address_width, words_per_beat, beats_per_word, burst):
        self.transfer = {
            "data_width": data_width,
            "address_width": address_width,
            "words_per_beat": words_per_beat,
            "beats_per_word": beats_per_word,
        }
        checker = TransferChecker(**self.transfer)
        check_burst(burst, data_width)
        self.index_width = checker.index_width
        # Room to collect a burst while another leaves.
        self.depth = max(2 * burst, 8)
        members = checker.signature.members
        super().__init__(
            {name: members[name] for name in ("address", "count", "none", "aligned", "fits")}
            | {
                "start": In(1),
                "stop": In(1),
                "idle": Out(1),
                "empty": Out(1),
                "i": In(stream.Signature(beat_layout(data_width))),
                "bursts": Out(stream.Signature(burst_layout(checker.index_width))),
                "o": Out(stream.Signature(write_layout(data_width))),
                "answer": In(1),
            }
        )

    def build(self):
        m = Module()
        burst, width = self.parameters["burst"], self.parameters["data_width"]
        m.submodules.extent = checker = TransferChecker(**self.transfer)
        m.submodules.queue = queue = Fifo(width=width + width // 8, depth=self.depth)
        left = Signal.like(checker.beats)
        index = data_register(self.index_width, name="index")
        stored = Signal(range(self.depth + 1))  # beats that belong to no burst yet
        remaining = Signal(range(burst + 1))  # beats of the burst on its way
        unanswered = Signal(range(_UNANSWERED + 1))
        chosen = data_register(burst.bit_length(), name="chosen")
        offered = data_register(burst_layout(self.index_width), name="offered")
        # Whether ``chosen`` is that of the next burst; nothing is ``left`` after a reset.
        settled = data_register(2, name="settled")
        begins = Signal()
        comes = Signal()
        leaves = Signal()
        drops = Signal()
        over = Signal()
        enough = Signal()
        length = burst_length(m, left, index, burst)
        m.d.comb += [
            checker.address.eq(self.address),
            checker.count.eq(self.count),
            *(
                getattr(self, name).eq(getattr(checker, name))
                for name in ("none", "aligned", "fits")
            ),
            queue.i.payload.eq(Cat(self.i.payload.data, self.i.payload.keep)),
            queue.i.valid.eq(self.i.valid),
            self.i.ready.eq(queue.i.ready),
            comes.eq(self.i.valid & self.i.ready),
            Cat(self.o.payload.data, self.o.payload.strobe).eq(queue.o.payload),
            self.o.payload.last.eq(remaining == 1),
            self.o.valid.eq(queue.o.valid & (remaining != 0)),
            leaves.eq(self.o.valid & self.o.ready),
            drops.eq(self.stop & (remaining == 0) & queue.o.valid),
            queue.o.ready.eq(Mux(remaining == 0, self.stop, self.o.ready)),
            over.eq((remaining == 0) | ((remaining == 1) & leaves)),
            begins.eq(
                enough & over & ~self.bursts.valid & (unanswered != _UNANSWERED) & ~self.stop
            ),
            # A burst on offer, or with beats that remain, is not answered.
            self.idle.eq((left == 0) & (unanswered == 0) & ~(self.stop & (stored != 0))),
            self.empty.eq(stored == 0),
            self.bursts.payload.eq(offered),
        ]
        m.d.sync += [
            chosen.eq(length),
            settled.eq(Cat(~(begins | self.start), settled[0])),
            enough.eq(settled.all() & (left != 0) & (stored >= chosen)),
            stored.eq(stored + comes - drops - Mux(begins, chosen, 0)),
            unanswered.eq(unanswered + begins - self.answer),
            remaining.eq(Mux(begins, chosen, remaining - leaves)),
        ]
        with m.If(self.bursts.ready):
            m.d.sync += self.bursts.valid.eq(0)
        with m.If(begins):
            m.d.sync += [
                self.bursts.valid.eq(1),
                offered.index.eq(index),
                offered.length.eq((chosen - 1)[: len(chosen)]),
                left.eq(left - chosen),
                index.eq(next_index(index, burst)),
                enough.eq(0),
            ]
        with m.If(self.stop):
            m.d.sync += [left.eq(0), enough.eq(0)]
        with m.If(self.start):
            m.d.sync += [
                left.eq(checker.beats),
                index.eq(self.address[checker.size_bits :]),
                enough.eq(0),
            ]
        return m
