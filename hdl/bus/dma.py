"""Streams between a core and memory."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..checks import check_integer, check_relation
from ..unit import Unit, data_register
from .axi import OKAY, axi_memory, connect_address
from .axi_reader import AxiReader
from .axi_writer import AxiWriter
from .block_reader import BlockReader
from .layout import beat_layout
from .read_port import ReadPort
from .registers import ERRORS
from .transfer_checker import check_memory

__all__ = ["ID_WIDTH", "Dma"]

#: Bits of an ID on the bus: a stream's index.
ID_WIDTH = 3

#: Cycles until the checks of a job's addresses and counts are done. No register can be written
#: again as soon as that after the one that starts the job.
_CHECK = 2


class Dma(Unit):
    """Runs jobs: reads the words of each input stream from memory, writes the results there.

    On ``start`` addresses and counts are checked; they have to stay for 3 cycles. If one is wrong
    ``failed`` tells so, 3 cycles later, and nothing else happens. Else all streams run at the same
    time, each in bursts of incrementing addresses with its index as ID. ``done`` comes when all
    operands are in the core, and all results in memory and answered. An answer with an error is
    reported by ``failed``; the job goes on, but its results are of no use. A job whose results are
    more or fewer than its count says ends with ``stop`` alone; no more than that many are written.

    One stream may be read in blocks, whose numbers come while the job runs: see
    :class:`BlockReader`. A number out of range is an error, too. The first stream has at least two
    words then.

    After ``stop`` bursts that are on their way are brought to an end, while ``drained`` is 0; the
    job is forgotten.

    Parameters
    ----------
    data_width, address_width : int
        Of the bus, in bits.
    layouts : tuple of (int, int)
        ``words_per_beat`` and ``beats_per_word`` of each stream, the results last; 2 to 8.
    needed : int
        A bit for each stream without which no job goes.
    burst, outstanding
        Those of :class:`AxiReader`.
    rows, most : int
        The stream that is read in blocks, and most words of a block; ``most`` is 0 without one.

    Members
    -------
    memory : ``Out(axi_memory(data_width, address_width, ID_WIDTH))``
    o_<n> : ``Out(stream.Signature(beat_layout(data_width)))``
        The input streams of the core.
    i : ``In(stream.Signature(beat_layout(data_width)))``
        Its results.
    address : ``In(data.ArrayLayout(address_width, streams))``
    count : ``In(data.ArrayLayout(32, streams))``
        Words.
    size : ``In(range(most + 1))``, with ``blocks`` : ``In(stream.Signature(32))``, with blocks
        Words of a block, and numbers of blocks.
    begin : ``Out(1)``, with blocks
        A job begins whose addresses and counts are right.
    start, stop : ``In(1)``
    quiet : ``In(1)``
        The core and its converters have done with all that they were given.
    running, drained, done : ``Out(1)``
    failed : ``Out(1)``, with ``failed_kind`` and ``failed_stream`` : ``Out(8)``
        An error of :data:`ERRORS`, by its number.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "bus"

    def __init__(
        self,
        *,
        data_width,
        address_width,
        layouts,
        needed,
        burst,
        outstanding,
        rows=0,
        most=0,
    ):
        check_memory(data_width, address_width)
        count = len(layouts)
        check_relation(
            2 <= count <= 1 << ID_WIDTH,
            f"Streams must be from 2 to {1 << ID_WIDTH}, not {count}",
        )
        check_integer("Needed streams", needed, 0, (1 << count) - 1)
        bus = {"data_width": data_width, "address_width": address_width, "burst": burst}
        extents = [{"words_per_beat": words, "beats_per_word": beats} for words, beats in layouts]
        self.readers = [{**bus, **extent, "outstanding": outstanding} for extent in extents[:-1]]
        self.writer = {**bus, **extents[-1]}
        check_integer("Most words of a block", most, 0, 1 << 16)
        check_integer("Stream of blocks", rows, 0, count - 2)
        for reader in self.readers:
            AxiReader(**reader)
        AxiWriter(**self.writer)
        beats = stream.Signature(beat_layout(data_width))
        memory = axi_memory(data_width=data_width, address_width=address_width, id_width=ID_WIDTH)
        super().__init__(
            {"memory": Out(memory)}
            | {f"o_{number}": Out(beats) for number in range(count - 1)}
            | {
                "i": In(beats),
                "address": In(data.ArrayLayout(address_width, count)),
                "count": In(data.ArrayLayout(32, count)),
                "start": In(1),
                "stop": In(1),
                "quiet": In(1),
                "running": Out(1),
                "drained": Out(1),
                "done": Out(1),
                "failed": Out(1),
                "failed_kind": Out(8),
                "failed_stream": Out(8),
            }
            | (
                {
                    "size": In(range(most + 1)),
                    "blocks": In(stream.Signature(32)),
                    "begin": Out(1),
                }
                if most
                else {}
            )
        )

    def build(self):
        m = Module()
        rows, most = self.parameters["rows"], self.parameters["most"]
        readers = [
            BlockReader(**params, most=most) if most and number == rows else AxiReader(**params)
            for number, params in enumerate(self.readers)
        ]
        for number, reader in enumerate(readers):
            m.submodules[f"reader_{number}"] = reader
        m.submodules.writer = writer = AxiWriter(**self.writer)
        begin = Signal()
        for number, mover in enumerate([*readers, writer]):
            m.d.comb += [
                mover.address.eq(self.address[number]),
                mover.count.eq(self.count[number]),
                mover.start.eq(begin),
                mover.stop.eq(self.stop),
            ]
        self._reads(m, readers)
        self._writes(m, writer)
        if most:
            wiring.connect(m, wiring.flipped(self.blocks), readers[rows].blocks)
            m.d.comb += [readers[rows].size.eq(self.size), self.begin.eq(begin)]
        idle = Signal()
        m.d.comb += idle.eq(Cat(mover.idle for mover in [*readers, writer]).all())
        self._job(m, readers, writer, begin, idle)
        return m

    def _reads(self, m, readers):
        memory = self.memory
        m.submodules.port = port = ReadPort(
            readers=len(readers), index_width=readers[0].index_width, id_width=ID_WIDTH
        )
        connect_address(m, memory, "ar", port.o, port.id, self.parameters["data_width"])
        m.d.comb += [port.valid.eq(memory.rvalid), port.of.eq(memory.rid), memory.rready.eq(1)]
        for number, reader in enumerate(readers):
            wiring.connect(m, reader.bursts, getattr(port, f"i_{number}"))
            wiring.connect(m, reader.o, wiring.flipped(getattr(self, f"o_{number}")))
            m.d.comb += [reader.data.eq(memory.rdata), reader.valid.eq(port.to[number])]

    def _writes(self, m, writer):
        memory = self.memory
        number = len(self.readers)
        connect_address(m, memory, "aw", writer.bursts, number, self.parameters["data_width"])
        wiring.connect(m, wiring.flipped(self.i), writer.i)
        m.d.comb += [
            memory.wdata.eq(writer.o.payload.data),
            memory.wstrb.eq(writer.o.payload.strobe),
            memory.wlast.eq(writer.o.payload.last),
            memory.wvalid.eq(writer.o.valid),
            writer.o.ready.eq(memory.wready),
            memory.bready.eq(1),
            writer.answer.eq(memory.bvalid),
        ]

    def _job(self, m, readers, writer, begin, idle):
        wait = data_register(range(_CHECK + 1), name="wait")
        wrong = Signal()
        wrong_kind = Signal(8)
        wrong_stream = Signal(8)
        self._check(m, [*readers, writer], wrong, wrong_kind, wrong_stream)
        rows = readers[self.parameters["rows"]] if self.parameters["most"] else None
        rejected = Signal()
        number = {name: Const(value, 8) for name, (value, _) in ERRORS.items()}
        memory = self.memory
        read_fails = Signal()
        write_fails = Signal()
        free = Signal()
        m.d.comb += [
            read_fails.eq(memory.rvalid & (memory.rresp != OKAY)),
            write_fails.eq(memory.bvalid & (memory.bresp != OKAY)),
            self.drained.eq(idle),
            free.eq(idle & self.quiet & writer.empty),
        ]
        with m.If(rejected):
            m.d.comb += [self.failed_kind.eq(wrong_kind), self.failed_stream.eq(wrong_stream)]
        with m.Elif(read_fails):
            stream = memory.rid[: (len(readers) - 1).bit_length()]
            m.d.comb += [self.failed_kind.eq(number["READ"]), self.failed_stream.eq(stream)]
        with m.Elif(write_fails):
            m.d.comb += [self.failed_kind.eq(number["WRITE"]), self.failed_stream.eq(len(readers))]
        if rows is not None:
            with m.Elif(rows.failed):
                m.d.comb += self.failed_kind.eq(number["RANGE"])
                m.d.comb += self.failed_stream.eq(self.parameters["rows"])
        with m.Else():
            m.d.comb += self.failed_kind.eq(number["BUSY"])
        fails = rejected | read_fails | write_fails
        if rows is not None:
            fails |= rows.failed
        m.d.comb += self.failed.eq(fails | (self.start & (self.running | ~free | self.stop)))
        m.d.sync += wait.eq(_CHECK)
        with m.FSM():
            # No job is running. The checks follow the registers all the time.
            with m.State("IDLE"), m.If(self.start & free & ~self.stop):
                m.next = "CHECK"
            # ``start`` came: after ``_CHECK`` cycles the checks hold for this job's addresses and
            # counts. Nothing has been asked of the memory yet: a job that is wrong leaves no trace.
            with m.State("CHECK"):
                m.d.comb += self.running.eq(1)
                m.d.sync += wait.eq(wait - 1)
                with m.If(wait == 0):
                    m.d.comb += [rejected.eq(wrong), begin.eq(~wrong)]
                    m.next = "RUN"
                    with m.If(wrong):
                        m.next = "IDLE"
                with m.If(self.stop):
                    m.d.comb += [rejected.eq(0), begin.eq(0)]
                    m.next = "IDLE"
            # Readers and writer work through their streams, until all are idle, the core has
            # nothing left, and the memory has answered; or until the soft reset forgets the job.
            with m.State("RUN"):
                m.d.comb += [self.running.eq(1), self.done.eq(free & ~self.stop)]
                with m.If(free | self.stop):
                    m.next = "IDLE"

    def _check(self, m, movers, wrong, error, stream):
        """The first stream with a wrong count or address, and a job without any words."""
        faults = []
        few = self._few(m, movers)
        for index, mover in enumerate(movers):
            needed = self.parameters["needed"] >> index & 1
            if needed:
                faults.append((few.get(index, mover.none), "LENGTH", index))
            elif index == 0:
                faults.append((Cat(each.none for each in movers).all(), "LENGTH", index))
            # Without words the address does not count; as the end of none it is in the memory.
            unaligned = ~mover.aligned if needed else ~mover.none & ~mover.aligned
            faults.append((unaligned, "ALIGNMENT", index))
            faults.append((~mover.fits, "RANGE", index))
        flags = Signal(len(faults), name="faults")
        m.d.comb += [flags.eq(Cat(fault for fault, _, _ in faults)), wrong.eq(flags.any())]
        # A fault without one before it is the last.
        _, name, index = faults[-1]
        m.d.comb += [error.eq(ERRORS[name][0]), stream.eq(index)]
        for number, (_, name, index) in reversed([*enumerate(faults[:-1])]):
            with m.If(flags[number]):
                m.d.comb += [error.eq(ERRORS[name][0]), stream.eq(index)]

    def _few(self, m, movers):
        """Which streams have too few words, of those that need more than one."""
        if not self.parameters["most"]:
            return {}
        single = data_register(1, name="single")
        single_q = data_register(1, name="single_q")
        m.d.sync += [single.eq(self.count[0][1:] == 0), single_q.eq(single)]
        return {0: single_q, self.parameters["rows"]: movers[self.parameters["rows"]].short}
