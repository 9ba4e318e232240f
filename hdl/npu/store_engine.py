"""STORE: words of the buffer as runs of bytes in DRAM."""

from amaranth.hdl import Cat, ClockDomain, ClockSignal, Module, Mux, ResetSignal, Signal, signed
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from ..bus.axi_reader import burst_layout, next_index
from ..bus.axi_writer import write_layout
from ..checks import check_integer
from ..stream.fifo import Fifo
from ..unit import Unit, data_register
from .byte_packer import BytePacker
from .isa import SEGMENTS, layout
from .load_engine import base_of, check_bus
from .run_addresses import RunAddresses, move_layout

__all__ = ["StoreEngine"]

#: Instructions whose words, beats or answers are awaited, for each of them.
_FLIGHT = 4
#: Bursts that wait to be announced.
_BURSTS = 4

_FIELDS = layout("store")
_WORD_WIDTH = _FIELDS["base"].width
_RUN_WIDTH = _FIELDS["run"].width
_STRIDE_WIDTH = _FIELDS["stride1"].width
_STEP_WIDTH = _FIELDS["base2"].width


class StoreEngine(Unit):
    """Executes STORE from the buffer, as the README of this folder defines it.

    A burst is announced when its last beat is there, so the bus never waits within a burst.
    Each run is written by itself, in bursts that end at multiples of ``burst`` beats; the strobe
    has the bytes that are written. Throughput is a word, a beat and a burst a cycle, whichever is
    the slowest, also from a run to the next and from an instruction to the next.

    ``done`` comes for each instruction in order, 2 cycles after the answer to its last burst.

    While ``stop`` is asserted, which has to reset the buffer, too, the engine forgets its
    instructions, reads nothing, writes the bursts that are complete, and drops all other beats.
    ``stop`` has to stay asserted until ``idle`` is.

    Parameters
    ----------
    data_width, address_width, burst, outstanding
        Those of :class:`LoadEngine`; at most ``outstanding`` bursts wait for their answers.
    rows : int
        Lanes of a word of the buffer, 1 to 64.

    Members
    -------
    instruction : ``In(stream.Signature(move_layout("store")))``
    bases : ``In(data.ArrayLayout(address_width, 8))``
        Address of each segment's first byte.
    stop : ``In(1)``
    done, idle : ``Out(1)``
    read : ``Out(stream.Signature(16))``, with ``word`` : ``In(stream.Signature(8 * rows))``
        Addresses in the buffer, and the words in the same order.
    bursts : ``Out(stream.Signature(burst_layout(...)))``
    o : ``Out(stream.Signature(write_layout(data_width)))``
        Beats, never ahead of a burst that is not offered.
    answer, error : ``In(1)``
        The answer to the oldest burst comes, and tells of an error.
    failed : ``Out(1)``
        A burst of an instruction was answered with ``error``; the instruction goes on.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "npu DMA"

    def __init__(self, *, data_width, address_width, rows, burst, outstanding):
        check_bus(data_width, address_width, burst, outstanding)
        check_integer("Row count", rows, 1, 64)
        self.offset_width = (data_width // 8).bit_length() - 1
        # Room to collect a burst while another leaves.
        self.depth = max(2 * burst, 8)
        super().__init__(
            {
                "instruction": In(stream.Signature(move_layout("store"))),
                "bases": In(data.ArrayLayout(address_width, len(SEGMENTS))),
                "stop": In(1),
                "done": Out(1),
                "idle": Out(1),
                "read": Out(stream.Signature(_WORD_WIDTH)),
                "word": In(stream.Signature(8 * rows)),
                "bursts": Out(stream.Signature(burst_layout(address_width - self.offset_width))),
                "o": Out(stream.Signature(write_layout(data_width))),
                "answer": In(1),
                "error": In(1),
                "failed": Out(1),
            }
        )

    def build(self):
        m = Module()
        # What ``stop`` resets: all but complete bursts.
        m.domains.chip = chip = ClockDomain("chip", local=True)
        m.d.comb += [chip.clk.eq(ClockSignal()), chip.rst.eq(ResetSignal() | self.stop)]
        finished = Signal()
        pending = Signal()
        reads, pieces, writes = self._instructions(m, finished, pending)
        self._read(m, reads)
        packed = self._take(m, pieces)
        beats, bursts = self._collect(m, writes, packed)
        self._send(m, beats, bursts, finished, pending)
        m.d.chip += self.done.eq(finished)
        m.d.sync += self.failed.eq(self.answer & self.error & ~self.stop)
        return m

    def _instructions(self, m, finished, pending):
        """Where the runs of each instruction begin: on chip, in a beat, and in DRAM."""
        fields = self.instruction.payload
        address_width = self.parameters["address_width"]
        m.submodules.reads = reads = RunAddresses(
            address_width=_WORD_WIDTH, step_width=_STEP_WIDTH, tag_width=_RUN_WIDTH, queue=2
        )
        m.submodules.pieces = pieces = RunAddresses(
            address_width=self.offset_width,
            step_width=self.offset_width,
            tag_width=_RUN_WIDTH + len(fields.tail),
            queue=_FLIGHT,
        )
        m.submodules.writes = writes = RunAddresses(
            address_width=address_width, step_width=_STRIDE_WIDTH, tag_width=0, queue=_FLIGHT
        )
        first = Signal(address_width)
        accepts = Signal()
        runs = [reads, pieces, writes]
        m.d.comb += [
            first.eq(base_of(m, self.bases, fields.segment) + fields.offset),
            accepts.eq(self.instruction.valid & self.instruction.ready),
            self.instruction.ready.eq(Cat(each.i.ready for each in runs).all() & ~self.stop),
            reads.i.payload.tag.eq(fields.run),
            pieces.i.payload.tag.eq(Cat(fields.run, fields.tail)),
        ]
        for each, base, step1, step2 in (
            (reads, fields.base, fields.base1, fields.base2),
            (pieces, first, fields.stride1, fields.stride2),
            (writes, first, fields.stride1, fields.stride2),
        ):
            each.domain = "chip"
            m.d.comb += [
                each.i.valid.eq(accepts),
                each.i.payload.base.eq(base),
                each.i.payload.n1.eq(fields.n1),
                each.i.payload.n2.eq(fields.n2),
                each.i.payload.step1.eq(step1),
                each.i.payload.step2.eq(step2),
            ]
        # More than all queues hold.
        flying = Signal(range(4 * _FLIGHT))
        m.d.chip += flying.eq(flying + accepts - finished)
        m.d.comb += self.idle.eq((flying == 0) & ~self.done & ~pending)
        return reads.o, pieces.o, writes.o

    def _read(self, m, runs):
        """Addresses of the words of each run."""
        rows = self.parameters["rows"]
        index = Signal(_WORD_WIDTH)  # of the word in its run
        left = data_register(_RUN_WIDTH, name="bytes_to_read")  # less one
        left_now = Signal.like(left)
        address = data_register(_WORD_WIDTH, name="address")
        reads = Signal()
        last = Signal()
        m.d.comb += [
            left_now.eq(Mux(index == 0, runs.payload.tag, left)),
            last.eq(left_now < rows),
            reads.eq(runs.valid & (~self.read.valid | self.read.ready)),
            runs.ready.eq(reads & last),
            self.read.payload.eq(address),
        ]
        with m.If(self.read.ready):
            m.d.chip += self.read.valid.eq(0)
        with m.If(reads):
            m.d.chip += [
                self.read.valid.eq(1),
                address.eq(runs.payload.address + index),
                index.eq(Mux(last, 0, index + 1)),
                left.eq(left_now - rows),
            ]

    def _take(self, m, runs):
        """Words, with a strobe beside each byte, into the packer; returns the beats."""
        rows, size = self.parameters["rows"], self.parameters["data_width"] // 8
        m.submodules.packer = packer = BytePacker(in_bytes=rows, out_sizes=(size,), byte_width=9)
        packer.domain = "chip"
        run, tail = runs.payload.tag[:_RUN_WIDTH], runs.payload.tag[_RUN_WIDTH:]
        later = Signal()  # a word of the run was taken
        left = data_register(_RUN_WIDTH, name="bytes_left")  # less one
        left_now = Signal.like(left)
        lanes = Signal(range(rows + 1))  # with bytes of the run
        strobes = Signal(range(rows + 1))  # of them, as far as they are written
        takes = Signal()
        last = Signal()
        piece = packer.i.payload
        m.d.comb += [
            left_now.eq(Mux(later, left, run)),
            last.eq(left_now < rows),
            lanes.eq(Mux(last, left_now + 1, rows)),
            strobes.eq(Mux((tail == 0) | (tail >= lanes), lanes, tail)),
            piece.data.eq(
                Cat(
                    Cat(self.word.payload.word_select(lane, 8), strobes > lane)
                    for lane in range(rows)
                )
            ),
            piece.move.eq(Mux(later, 0, runs.payload.address)),
            piece.end.eq(lanes),
            piece.last.eq(last),
            piece.size.eq(0),
            packer.i.valid.eq(self.word.valid & runs.valid),
            self.word.ready.eq(packer.i.ready & runs.valid),
            takes.eq(packer.i.valid & packer.i.ready),
            runs.ready.eq(takes & last),
        ]
        with m.If(takes):
            m.d.chip += [later.eq(~last), left.eq(left_now - rows)]
        return packer.o

    def _collect(self, m, runs, packed):
        """Beats and bursts into their queues; a burst when its last beat comes."""
        burst, width = self.parameters["burst"], self.parameters["data_width"]
        size = width // 8
        m.submodules.beats = beats = Fifo(width=width + size + 1, depth=self.depth)
        m.submodules.bursts = bursts = Fifo(
            width=self.bursts.payload.shape().size + 1, depth=_BURSTS
        )
        later = Signal()  # a burst of the run is complete
        length = Signal(range(max(2, burst)))  # of the burst so far
        length_less_one = Signal(8)
        index = data_register(len(self.bursts.payload.index), name="index")
        index_now = Signal.like(index)
        collects = Signal()
        last = Signal()
        word = packed.payload
        m.d.comb += [
            index_now.eq(Mux(later, index, runs.payload.address[self.offset_width :])),
            last.eq(word.last | (index_now[: burst.bit_length() - 1] + length == burst - 1)),
            collects.eq(packed.valid & runs.valid & beats.i.ready & bursts.i.ready & ~self.stop),
            packed.ready.eq(collects),
            runs.ready.eq(collects & word.last),
            beats.i.valid.eq(collects),
            beats.i.payload.eq(
                Cat(
                    *(word.data.word_select(byte, 9)[:8] for byte in range(size)),
                    *(word.data.word_select(byte, 9)[8] for byte in range(size)),
                    last,
                )
            ),
            length_less_one.eq(length),
            bursts.i.valid.eq(collects & last),
            bursts.i.payload.eq(Cat(index_now, length_less_one, runs.payload.last & word.last)),
        ]
        with m.If(collects):
            m.d.chip += length.eq(Mux(last, 0, length + 1))
            with m.If(last):
                m.d.chip += [later.eq(~word.last), index.eq(next_index(index_now, burst))]
        return beats, bursts

    def _send(self, m, beats, bursts, finished, pending):
        """Bursts and beats to the bus, and the end of each instruction."""
        outstanding = self.parameters["outstanding"]
        # Bursts that were announced, and answered; the difference is at most ``outstanding``.
        width = outstanding.bit_length() + 1
        announced = Signal(width)
        answered = Signal(width)
        next_announced = Signal(width)
        # Numbers of bursts after which an instruction has ended.
        m.submodules.ends = ends = Fifo(width=width, depth=_FLIGHT)
        ends.domain = "chip"
        ahead = Signal(signed(width))  # bursts announced, less those whose last beat left
        stored = Signal(range(self.depth + 1))  # beats in the queue
        announces = Signal()
        leaves = Signal()
        drops = Signal()
        goes = Signal()
        burst, last_burst = bursts.o.payload[:-1], bursts.o.payload[-1]
        unanswered = Signal(width)
        awaited = Signal(width)  # since the oldest instruction ended; negative before
        m.d.comb += [
            unanswered.eq(announced - answered),
            next_announced.eq(announced + 1),
            self.bursts.valid.eq(bursts.o.valid & ends.i.ready & (unanswered != outstanding)),
            self.bursts.payload.eq(burst),
            announces.eq(self.bursts.valid & self.bursts.ready),
            bursts.o.ready.eq(announces),
            ends.i.payload.eq(next_announced),
            ends.i.valid.eq(announces & last_burst),
            goes.eq((ahead > 0) | ((ahead == 0) & self.bursts.valid)),
            self.o.valid.eq(beats.o.valid & goes),
            self.o.payload.eq(beats.o.payload),
            leaves.eq(self.o.valid & self.o.ready),
            drops.eq(self.stop & beats.o.valid & (ahead == 0) & ~bursts.o.valid),
            beats.o.ready.eq((goes & self.o.ready) | drops),
            awaited.eq(answered - ends.o.payload),
            finished.eq(ends.o.valid & ~awaited[-1]),
            ends.o.ready.eq(finished),
            pending.eq((stored != 0) | bursts.o.valid | (unanswered != 0)),
        ]
        m.d.sync += [
            announced.eq(announced + announces),
            answered.eq(answered + self.answer),
            ahead.eq(ahead + announces - (leaves & beats.o.payload[-1])),
            stored.eq(stored + (beats.i.valid & beats.i.ready) - (leaves | drops)),
        ]
