"""Beats out of memory."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..checks import check_integer, check_relation
from ..stream.fifo import Fifo
from ..unit import Unit, data_register
from .layout import beat_layout
from .transfer_checker import BYTES_PER_PAGE, TransferChecker

__all__ = ["AxiReader", "burst_layout", "burst_length", "check_burst", "next_index"]


def burst_layout(index_width):
    """A burst: the address of its first beat, in beats, and its number of beats less one."""
    return data.StructLayout({"index": index_width, "length": 8})


def check_burst(burst, data_width):
    """Check the largest burst: a power of two, of which none that is aligned leaves its page.

    Raises
    ------
    TypeError, ValueError
        If it is not an integer, out of range, or too large for the width.
    """
    check_integer("Burst length", burst, 1, 256)
    check_relation(burst & (burst - 1) == 0, f"Burst length must be a power of two, not {burst!r}")
    most = BYTES_PER_PAGE * 8 // data_width
    check_relation(
        burst <= most,
        f"Burst length {burst} is more than the {most} beats of {data_width} bits in "
        f"{BYTES_PER_PAGE} bytes",
    )


def burst_length(m, left, index, burst):
    """Beats of the next burst: to the end, or as far as the next multiple of ``burst``.

    So all but the first and the last are whole, and none crosses a page.
    """
    width = burst.bit_length()
    to_edge = Signal(width)
    length = Signal(width)
    offset = index[: width - 1]
    m.d.comb += [
        to_edge.eq(burst - offset),
        length.eq(Mux(left < to_edge, left[:width], to_edge)),
    ]
    return length


def next_index(index, burst):
    """Where the next burst begins: at the next multiple of ``burst``, if there is another one."""
    width = burst.bit_length() - 1
    return Cat(Const(0, width), index[width:] + 1)


class AxiReader(Unit):
    """Reads the words of a stream, in bursts that are asked for before the data are needed.

    A burst is asked for when the queue has room for all of it, so data never have to wait for
    the core, and other streams never for these. At most ``outstanding`` bursts are on their way or
    in the queue, and one is asked for every 2 cycles at most. Throughput is a beat a cycle, with
    bursts of 2 beats and more, if the first beat of a burst comes within
    ``(outstanding - 1) · burst - 3`` cycles.

    While ``stop`` is asserted the reader asks for nothing more, except for a burst that it has
    offered. Data still come, and have to be taken, as a part of no packet. ``stop`` has to stay
    asserted until ``idle`` is.

    Parameters
    ----------
    data_width, address_width, words_per_beat, beats_per_word
        Those of :class:`TransferChecker`.
    burst : int
        Most beats in a burst: see :func:`check_burst`.
    outstanding : int
        Most bursts, 2 to 64.

    Members
    -------
    address, count, none, aligned, fits
        Those of :class:`TransferChecker`.
    start, stop : ``In(1)``
        ``start`` only while ``idle``, with ``address`` and ``count`` there for 2 cycles.
    idle : ``Out(1)``
    bursts : ``Out(stream.Signature(burst_layout(...)))``
    data : ``In(data_width)``, with ``valid`` : ``In(1)``
        What was read; there is no way to refuse it.
    o : ``Out(stream.Signature(beat_layout(data_width)))``
        One packet for each ``start``.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "bus"

    def __init__(
        self, *, data_width, address_width, words_per_beat, beats_per_word, burst, outstanding
    ):
        self.transfer = {
            "data_width": data_width,
            "address_width": address_width,
            "words_per_beat": words_per_beat,
            "beats_per_word": beats_per_word,
        }
        checker = TransferChecker(**self.transfer)
        check_burst(burst, data_width)
        check_integer("Outstanding bursts", outstanding, 2, 64)
        self.index_width = checker.index_width
        self.depth = burst * outstanding
        members = checker.signature.members
        super().__init__(
            {name: members[name] for name in ("address", "count", "none", "aligned", "fits")}
            | {
                "start": In(1),
                "stop": In(1),
                "idle": Out(1),
                "bursts": Out(stream.Signature(burst_layout(checker.index_width))),
                "data": In(data_width),
                "valid": In(1),
                "o": Out(stream.Signature(beat_layout(data_width))),
            }
            | self.job_ports
        )

    @property
    def job_ports(self):
        """Ports of a reader whose jobs are more than an address and a count."""
        return {}

    def build(self):
        m = Module()
        params = self.parameters
        m.submodules.extent = checker = TransferChecker(**self.transfer)
        m.submodules.queue = queue = Fifo(width=params["data_width"], depth=self.depth)
        m.d.comb += [
            checker.address.eq(self.address),
            checker.count.eq(self.count),
            *(
                getattr(self, name).eq(getattr(checker, name))
                for name in ("none", "aligned", "fits")
            ),
            queue.i.payload.eq(self.data),
            queue.i.valid.eq(self.valid),
        ]
        left = Signal(self._packet_width(checker))
        index = data_register(self.index_width, name="index")
        free = Signal(range(self.depth + 1), init=self.depth)
        asked = Signal()
        taken = Signal()
        chosen = data_register(params["burst"].bit_length(), name="chosen")
        length = burst_length(m, left, index, params["burst"])
        m.d.comb += [
            self.bursts.payload.index.eq(index),
            self.bursts.payload.length.eq((chosen - 1)[: len(chosen)]),
            asked.eq(self.bursts.valid & self.bursts.ready),
            taken.eq(self.o.valid & self.o.ready),
        ]
        m.d.sync += free.eq(free - Mux(asked, chosen, 0) + taken)
        with m.If(~self.bursts.valid):
            m.d.sync += chosen.eq(length)
            m.d.sync += self.bursts.valid.eq((left != 0) & (free >= params["burst"]))
        with m.If(asked):
            m.d.sync += [
                self.bursts.valid.eq(0),
                left.eq(left - chosen),
                index.eq(next_index(index, params["burst"])),
            ]
        with m.If(self.stop & (asked | ~self.bursts.valid)):
            m.d.sync += [left.eq(0), self.bursts.valid.eq(0)]
        packet, repeat = self._ask(m, checker, left, index, (left == 0) & (free == self.depth))
        self._out(m, packet, repeat, queue, taken)
        return m

    def _packet_width(self, checker):
        """Bits of a number of beats that are asked for together, one packet's."""
        return len(checker.beats)

    def _ask(self, m, checker, left, index, empty):
        """Where to ask, and for how many beats.

        ``empty`` is 1 while nothing is to be asked for, nor to be given. Returns the checker that
        tells how many beats and words the first packet has, and the beats of those behind it.
        """
        m.d.comb += self.idle.eq(empty)
        with m.If(self.start):
            m.d.sync += [left.eq(checker.beats), index.eq(self.address[checker.size_bits :])]
        return checker, None

    def _out(self, m, packet, repeat, queue, taken):
        """Beats with their marks."""
        words = self.parameters["words_per_beat"]
        give = data_register(self._packet_width(packet), name="give")
        slots = data_register(index_shape(words), name="slots")
        last = Signal()
        full = Signal()
        stride = self.parameters["data_width"] // 8 // words
        # A beat that is not full has the first slot, and never the last one.
        kept = [Const(1), *(full | (slot < slots) for slot in range(1, words - 1)), full][:words]
        m.d.comb += [
            last.eq(give == 1),
            full.eq(~last | (slots == 0)),
            self.o.payload.data.eq(queue.o.payload),
            self.o.payload.keep.eq(Cat(bit.replicate(stride) for bit in kept)),
            self.o.payload.last.eq(last),
            self.o.valid.eq(queue.o.valid),
            queue.o.ready.eq(self.o.ready),
        ]
        m.d.sync += give.eq(give - taken)
        with m.If(self.start):
            m.d.sync += [give.eq(packet.beats), slots.eq(packet.slots)]
        if repeat is not None:
            with m.Elif(taken & last):
                m.d.sync += give.eq(repeat)
