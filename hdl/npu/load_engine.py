"""LOAD: runs of bytes from DRAM into the memories on chip."""

from amaranth.hdl import Cat, ClockDomain, ClockSignal, Module, Mux, ResetSignal, Signal, signed
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from ..bus.axi_reader import burst_layout, burst_length, check_burst, next_index
from ..bus.transfer_checker import check_memory
from ..checks import check_integer
from ..stream.fifo import Fifo
from ..unit import Unit, data_register
from .buffer import lane_write_layout, write_layout
from .byte_packer import BytePacker
from .isa import MEMORIES, SEGMENTS, layout
from .run_addresses import RunAddresses, move_layout

__all__ = [
    "CHANNEL_BYTES",
    "FLIGHT",
    "TABLE_BYTES",
    "LoadEngine",
    "base_of",
    "check_bus",
]

#: Bytes of words in DRAM.
CHANNEL_BYTES = 12
TABLE_BYTES = 4
#: Instructions that wait for their data.
FLIGHT = 4

_FIELDS = layout("load")
_WORD_WIDTH = _FIELDS["base"].width
_RUN_WIDTH = _FIELDS["run"].width
_STRIDE_WIDTH = _FIELDS["stride1"].width
_STEP_WIDTH = _FIELDS["base2"].width


def check_bus(data_width, address_width, burst, outstanding):
    """Check parameters of the bus to DRAM.

    Raises
    ------
    TypeError, ValueError
        If one is not an integer or out of range.
    """
    check_integer("Beat width", data_width, 32, 512)
    check_memory(data_width, address_width)
    check_burst(burst, data_width)
    check_integer("Outstanding bursts", outstanding, 2, 64)


def base_of(m, bases, segment):
    """Address of a segment's first byte."""
    base = Signal(bases.shape().elem_shape, name="base")
    with m.Switch(segment):
        for number, each in enumerate(bases):
            with m.Case(number):
                m.d.comb += base.eq(each)
    return base


class LoadEngine(Unit):
    """Executes LOAD, as the README of this folder defines it.

    Bursts are asked for when there is room for all of their beats, so data never wait on the bus:
    at least ``outstanding`` bursts are on their way or in the queue of data. Each run is asked for
    by itself, in bursts that end at multiples of ``burst`` beats. Throughput is a burst a cycle, a
    beat a cycle and a word a cycle, whichever is the slowest, also from a run to the next and from
    an instruction to the next.

    ``done`` comes for each instruction in order, when the memory has its last word: 2 cycles after
    a word of other memories leaves, in the cycle after ``written`` for the buffer. Up to ``FLIGHT``
    instructions are asked for ahead of the one whose data arrive.

    While ``stop`` is asserted, which has to reset the buffer, too, the engine forgets its
    instructions, writes nothing, and asks for nothing more than a burst that it has offered. Data
    still come and are dropped. ``stop`` has to stay asserted until ``idle`` is.

    Parameters
    ----------
    data_width, address_width : int
        Of the bus to DRAM, in bits: 32 to 512, 12 to 64.
    rows : int
        Lanes of a word of the buffer, 1 to 64.
    weight_bytes : int
        Bytes of a word of weights, 1 to 64.
    burst : int
        Most beats in a burst: see :func:`check_burst`.
    outstanding : int
        Most bursts of that length, 2 to 64.

    Members
    -------
    instruction : ``In(stream.Signature(move_layout("load")))``
    bases : ``In(data.ArrayLayout(address_width, 8))``
        Address of each segment's first byte.
    stop : ``In(1)``
    done, idle : ``Out(1)``
    bursts : ``Out(stream.Signature(burst_layout(...)))``
    data : ``In(data_width)``, with ``valid`` and ``error`` : ``In(1)``
        What was read, in the order of the bursts; there is no way to refuse it.
    failed : ``Out(1)``
        Data of an instruction came with ``error``. They are written all the same.
    buffer, weights, channels, tables : ``Out(stream.Signature(write_layout(...)))``
        Words of ``rows``, ``weight_bytes``, 12 and 4 bytes; all lanes are written. ``last`` marks
        the last one of an instruction.
    written, channels_written : ``In(1)``
        A word of the buffer, or of channels, with ``last`` is there, once for each.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "npu DMA"

    def __init__(self, *, data_width, address_width, rows, weight_bytes, burst, outstanding):
        check_bus(data_width, address_width, burst, outstanding)
        check_integer("Row count", rows, 1, 64)
        check_integer("Bytes of a word of weights", weight_bytes, 1, 64)
        self.offset_width = (data_width // 8).bit_length() - 1
        self.depth = burst * outstanding
        self.sizes = {
            "buffer": rows,
            "weights": weight_bytes,
            "channels": CHANNEL_BYTES,
            "tables": TABLE_BYTES,
        }
        self.out_sizes = tuple(dict.fromkeys(self.sizes.values()))
        ports = {name: Out(stream.Signature(_write(size))) for name, size in self.sizes.items()}
        ports["buffer"] = Out(stream.Signature(lane_write_layout(rows)))
        super().__init__(
            {
                "instruction": In(stream.Signature(move_layout("load"))),
                "bases": In(data.ArrayLayout(address_width, len(SEGMENTS))),
                "stop": In(1),
                "done": Out(1),
                "idle": Out(1),
                "bursts": Out(stream.Signature(burst_layout(address_width - self.offset_width))),
                "data": In(data_width),
                "valid": In(1),
                "error": In(1),
                "failed": Out(1),
                "written": In(1),
                "channels_written": In(1),
                **ports,
            }
        )

    def build(self):
        m = Module()
        # What ``stop`` resets: all but bursts on their way.
        m.domains.chip = chip = ClockDomain("chip", local=True)
        m.d.comb += [chip.clk.eq(ClockSignal()), chip.rst.eq(ResetSignal() | self.stop)]
        free = Signal(range(self.depth + 1), init=self.depth)  # room for beats not yet asked for
        asked = Signal(range(self.parameters["burst"] + 1))
        taken = Signal()
        finished = Signal()
        asks, pieces, words = self._instructions(m, finished, free)
        self._ask(m, asks, free, asked)
        packed = self._take(m, pieces, taken)
        self._write(m, words, packed, finished)
        m.d.sync += [
            free.eq(free - asked + taken),
            self.failed.eq(self.valid & self.error & ~self.stop),
        ]
        m.d.chip += self.done.eq(finished)
        return m

    def _instructions(self, m, finished, free):
        """Where the runs of each instruction begin: in DRAM, in a beat, and on chip."""
        params, fields = self.parameters, self.instruction.payload
        m.submodules.asks = asks = RunAddresses(
            address_width=params["address_width"],
            step_width=_STRIDE_WIDTH,
            tag_width=_RUN_WIDTH,
            queue=2,
        )
        m.submodules.pieces = pieces = RunAddresses(
            address_width=self.offset_width,
            step_width=self.offset_width,
            tag_width=_RUN_WIDTH + len(fields.memory),
            queue=FLIGHT,
        )
        m.submodules.words = words = RunAddresses(
            address_width=_WORD_WIDTH,
            step_width=_STEP_WIDTH,
            tag_width=len(fields.memory) + len(fields.tail) + len(fields.fill),
            queue=FLIGHT,
        )
        first = Signal(params["address_width"])
        accepts = Signal()
        runs = [asks, pieces, words]
        m.d.comb += [
            first.eq(base_of(m, self.bases, fields.segment) + fields.offset),
            accepts.eq(self.instruction.valid & self.instruction.ready),
            self.instruction.ready.eq(Cat(each.i.ready for each in runs).all() & ~self.stop),
            asks.i.payload.tag.eq(fields.run),
            pieces.i.payload.tag.eq(Cat(fields.run, fields.memory)),
            words.i.payload.tag.eq(Cat(fields.memory, fields.tail, fields.fill)),
        ]
        for each, base, step1, step2 in (
            (asks, first, fields.stride1, fields.stride2),
            (pieces, first, fields.stride1, fields.stride2),
            (words, fields.base, fields.base1, fields.base2),
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
        flying = Signal(range(4 * FLIGHT))
        m.d.chip += flying.eq(flying + accepts - finished)
        m.d.comb += self.idle.eq((flying == 0) & ~self.done & (free == self.depth))
        return asks.o, pieces.o, words.o

    def _ask(self, m, runs, free, asked):
        """Bursts for each run."""
        burst = self.parameters["burst"]
        start, run = runs.payload.address, runs.payload.tag
        later = Signal()  # a burst of the run was asked for
        index = data_register(len(self.bursts.payload.index), name="index")
        left = data_register(_RUN_WIDTH + 1, name="left")  # beats
        index_now = Signal.like(index)
        left_now = Signal.like(left)
        asks = Signal()
        last = Signal()
        beats = (start[: self.offset_width] + run >> self.offset_width) + 1
        m.d.comb += [
            index_now.eq(Mux(later, index, start[self.offset_width :])),
            left_now.eq(Mux(later, left, beats)),
        ]
        length = burst_length(m, left_now, index_now, burst)
        m.d.comb += [
            asks.eq(
                runs.valid & (free >= burst) & (~self.bursts.valid | self.bursts.ready) & ~self.stop
            ),
            asked.eq(Mux(asks, length, 0)),
            last.eq(left_now == length),
            runs.ready.eq(asks & last),
        ]
        with m.If(self.bursts.ready):
            m.d.sync += self.bursts.valid.eq(0)
        with m.If(asks):
            m.d.sync += [
                self.bursts.valid.eq(1),
                self.bursts.payload.index.eq(index_now),
                self.bursts.payload.length.eq((length - 1)[: len(length)]),
            ]
            m.d.chip += [
                later.eq(~last),
                index.eq(next_index(index_now, burst)),
                left.eq(left_now - length),
            ]

    def _take(self, m, runs, taken):
        """Beats, with the bytes that each has of its run, into the packer; returns words."""
        size = self.parameters["data_width"] // 8
        m.submodules.beats = beats = Fifo(width=8 * size, depth=self.depth)
        m.submodules.packer = packer = BytePacker(
            in_bytes=size, out_sizes=self.out_sizes, byte_width=8
        )
        packer.domain = "chip"
        tag = runs.payload.tag
        later = Signal()  # a beat of the run was taken
        left = data_register(_RUN_WIDTH, name="bytes_left")  # less one
        left_now = Signal.like(left)
        offset = Signal(self.offset_width)
        move = Signal(signed(self.offset_width + 1))
        inside = Signal(range(size))  # bytes of the run that the beat has room for, less one
        piece = packer.i.payload
        takes = Signal()
        last = Signal()
        m.d.comb += [
            left_now.eq(Mux(later, left, tag[:_RUN_WIDTH])),
            offset.eq(Mux(later, 0, runs.payload.address)),
            inside.eq(~offset),
            piece.data.eq(beats.o.payload),
            move.eq(-offset),
            piece.move.eq(move),
            last.eq(left_now <= inside),
            piece.last.eq(last),
            piece.end.eq(Mux(last, offset + left_now + 1, size)),
            piece.size.eq(self._size(m, tag[_RUN_WIDTH:])),
            packer.i.valid.eq(beats.o.valid & runs.valid),
            takes.eq(packer.i.valid & packer.i.ready),
            runs.ready.eq(takes & last),
            beats.i.payload.eq(self.data),
            beats.i.valid.eq(self.valid),
            beats.o.ready.eq((packer.i.ready & runs.valid) | self.stop),
            taken.eq(beats.o.valid & beats.o.ready),
        ]
        with m.If(takes):
            m.d.chip += [later.eq(~last), left.eq(left_now - inside - 1)]
        return packer.o

    def _size(self, m, memory):
        """Which of ``out_sizes`` the words of a memory have."""
        index = Signal(range(max(2, len(self.out_sizes))))
        with m.Switch(memory):
            for name, size in self.sizes.items():
                with m.Case(MEMORIES[name]):
                    m.d.comb += index.eq(self.out_sizes.index(size))
        return index

    def _write(self, m, runs, packed, finished):
        """Words into their memories, and the end of each instruction."""
        # The memories of instructions whose last word left.
        m.submodules.ends = ends = Fifo(width=_FIELDS["memory"].width, depth=FLIGHT)
        ends.domain = "chip"
        tag, word = runs.payload.tag, packed.payload
        memory, rest = tag[: _FIELDS["memory"].width], tag[_FIELDS["memory"].width :]
        tail, fill = rest[: _FIELDS["tail"].width], rest[_FIELDS["tail"].width :]
        index = Signal(_WORD_WIDTH)  # of the word in its run
        lanes = Signal.like(word.count)  # with bytes of the run
        all_lanes = Signal()
        last = Signal()
        leaves = Signal()
        waits = Signal()  # a word is offered and not taken
        address = data_register(_WORD_WIDTH, name="address")
        register = data_register(len(word.data), name="word")
        last_q = data_register(1, name="last")
        ports = {number: getattr(self, name) for name, number in MEMORIES.items()}
        m.d.comb += [
            all_lanes.eq((memory != MEMORIES["buffer"]) | (tail == 0) | (tail >= word.count)),
            lanes.eq(Mux(all_lanes, word.count, tail)),
            waits.eq(Cat(port.valid & ~port.ready for port in ports.values()).any()),
            leaves.eq(packed.valid & runs.valid & ends.i.ready & ~waits),
            packed.ready.eq(leaves),
            runs.ready.eq(leaves & word.last),
            last.eq(runs.payload.last & word.last),
            ends.i.valid.eq(leaves & last),
            ends.i.payload.eq(memory),
            ends.o.ready.eq(finished),
        ]
        # Memories that tell when a word is there, and others, which have it when it is taken.
        told = {MEMORIES["buffer"]: self.written, MEMORIES["channels"]: self.channels_written}
        with m.Switch(ends.o.payload):
            for number, port in ports.items():
                taken = port.valid & port.ready & port.payload.last
                unmatched = Signal(range(2 * FLIGHT + 4), name=f"unmatched_{number}")
                ended = Signal(name=f"ended_{number}")
                m.d.comb += ended.eq(unmatched != 0)
                with m.Case(number):
                    m.d.comb += finished.eq(ends.o.valid & ended)
                m.d.chip += unmatched.eq(
                    unmatched + told.get(number, taken) - (finished & (ends.o.payload == number))
                )
        for number, port in ports.items():
            m.d.comb += [
                port.payload.address.eq(address),
                port.payload.data.eq(register),
                port.payload.mask.eq(~0),
                port.payload.last.eq(last_q),
            ]
            with m.If(port.ready):
                m.d.chip += port.valid.eq(0)
            with m.If(leaves):
                m.d.chip += port.valid.eq(memory == number)
        with m.If(leaves):
            m.d.chip += [
                index.eq(Mux(word.last, 0, index + 1)),
                address.eq(runs.payload.address + index),
                last_q.eq(last),
                register.eq(
                    Cat(
                        Mux(lanes > lane, word.data.word_select(lane, 8), fill)
                        for lane in range(len(word.data) // 8)
                    )
                ),
            ]


def _write(size):
    """A word of so many bytes for a memory."""
    return write_layout(width=8 * size, depth=1 << _WORD_WIDTH, granularity=8 * size)
