"""The network processor as a peripheral that runs programs in memory."""

from dataclasses import asdict

from amaranth.hdl import Cat, ClockDomain, ClockSignal, Const, Module, Mux, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..bus.axi import OKAY, axi_lite, axi_memory, connect_address
from ..bus.axi_lite import AxiLite
from ..bus.axis_top import COMMON_PORTS, add_clock, mark_clock
from ..bus.layout import check_data_width
from ..bus.read_port import ReadPort
from ..bus.registers import MAP_VERSION, TOPS
from ..checks import check_integer
from ..unit import Unit, data_register
from . import isa
from .counters import Counters
from .fetch import Fetch
from .load_engine import LoadEngine
from .npu import PC_WIDTH, Npu
from .npu_registers import NpuRegisters
from .registers import ERRORS, SOURCES, counter_registers, npu_register_map
from .store_engine import StoreEngine

__all__ = ["NpuTop"]

#: Bits of an ID on the bus, and those of reads by their reader.
ID_WIDTH = 1
_FETCH, _LOAD = range(2)
#: Cycles until the checks of the program's address and length are done.
_CHECK = 3


class NpuTop(Unit):
    """A network processor that fetches its programs and moves its data itself.

    Registers at ``s_axi_ctrl`` (see :func:`npu_register_map`) say where the segments of DRAM lie,
    and how many instructions the program has; ``COMMAND.start`` runs it up to its HALT. An address
    or length that is wrong is an error before anything is read. After an error the program does not
    go on, and a soft reset makes the core ready for the next one: it ends the bursts that are on
    their way, ``STATUS.resetting`` tells how long that takes. Words on chip stay through a reset.

    Parameters
    ----------
    core : Npu
    data_width : int
        Width of the bus to memory, one of :data:`DATA_WIDTHS`.
    address_width : int
        Bits of an address, 12 to 64.
    burst, outstanding : int
        Those of :class:`LoadEngine`.
    digest, generator, revision : int
        Values of the registers ``DIGEST``, ``GENERATOR`` and ``REVISION``; 0 for none.

    Members
    -------
    aclk, aresetn : ``In(1)``
        The reset is low while active, and synchronous.
    s_axi_ctrl : ``In(axi_lite())``
    m_axi_mem : ``Out(axi_memory(...))``
    interrupt : ``Out(1)``
        High while an enabled event is pending.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "bus"

    def __init__(
        self,
        *,
        core,
        data_width,
        address_width,
        burst,
        outstanding,
        digest,
        generator=0,
        revision=0,
    ):
        if not isinstance(core, Npu):
            raise TypeError(f"Core must be a network processor, not {core!r}")
        check_data_width(data_width)
        numbers = {"digest": digest, "generator": generator, "revision": revision}
        for name, value in numbers.items():
            check_integer(name.capitalize(), value, 0, 0xFFFF_FFFF)
        self.core = core
        bus = {"data_width": data_width, "address_width": address_width}
        self.mover = {**bus, "burst": burst, "outstanding": outstanding}
        self.loads = {"weight_bytes": core.sizes["weights"] // 8}
        self.rows = {"rows": core.parameters["rows"]}
        self.control = {
            "address_width": address_width,
            "pc_width": PC_WIDTH,
            "counters": tuple(counter_registers().items()),
            "identity": tuple(self._identity(numbers).items()),
        }
        LoadEngine(**self.mover, **self.rows, **self.loads)
        super().__init__(
            {
                "aclk": In(1),
                "aresetn": In(1),
                "s_axi_ctrl": In(axi_lite()),
                "m_axi_mem": Out(axi_memory(**bus, id_width=ID_WIDTH)),
                "interrupt": Out(1),
            }
        )
        mark_clock(self, ["s_axi_ctrl", "m_axi_mem"])
        self.bus = self._description() | COMMON_PORTS
        self.bus |= {"memory": {"interface": "m_axi_mem", "id_width": ID_WIDTH}, **self.mover}
        # As many beats may be on their way, in bursts of any length.
        self.bus["most_bursts"] = burst * outstanding

    def _identity(self, numbers):
        beat = (self.parameters["data_width"] // 8).bit_length() - 1
        identity = dict(self.core.identity)
        identity["CAPS"] |= TOPS["axi"] << 8 | beat << 12
        return identity | {name.upper(): value for name, value in numbers.items()}

    def _description(self):
        """The manifest's entry ``bus``: the core, registers, errors."""
        core = self.core
        registers = npu_register_map(
            address_width=self.parameters["address_width"],
            pc_width=PC_WIDTH,
            counters=dict(self.control["counters"]),
            identity=dict(self.control["identity"]),
            design=f"{core.number} {core.name}",
        )
        return {
            "top": "axi",
            "version": MAP_VERSION >> 16,
            "core": {"instance": "core", "design_number": core.number},
            "streams": {},
            "registers": [asdict(register) for register in registers],
            "errors": {
                name: {"number": number, "meaning": meaning}
                for name, (number, meaning) in ERRORS.items()
            },
        }

    def build(self):
        m = Module()
        add_clock(m, self)
        m.submodules.control = control = AxiLite()
        m.submodules.registers = bank = NpuRegisters(**self.control)
        m.submodules.fetch = fetch = Fetch(**self.mover, pc_width=PC_WIDTH)
        m.submodules.load = load = LoadEngine(**self.mover, **self.rows, **self.loads)
        m.submodules.store = store = StoreEngine(**self.mover, **self.rows)
        wiring.connect(m, control.registers, bank.registers)
        wiring.connect(m, wiring.flipped(self.s_axi_ctrl), control.axi)
        movers = (fetch, load, store)
        resets = self._reset(m, bank, movers)
        self.core.domain = "core"
        m.submodules.core = core = self.core
        m.d.comb += [
            self.interrupt.eq(bank.interrupt),
            *(mover.stop.eq(resets) for mover in movers),
            load.bases.eq(bank.bases),
            store.bases.eq(bank.bases),
            bank.event.eq(core.interrupt),
            bank.pcs.eq(Cat(getattr(core, f"pc_{engine}") for engine in isa.ENGINES)),
        ]
        self._memory(m, fetch, load, store)
        self._move(m, core, load, store)
        wiring.connect(m, fetch.o, core.instructions)
        running = self._run(m, bank, fetch, core, load, store, resets)
        self._count(m, bank, core, store, running)
        return m

    def _reset(self, m, bank, movers):
        """The soft reset of everything but transfers on the bus, which come to an end."""
        m.domains.core = domain = ClockDomain("core", local=True)
        draining = Signal()
        resets = Signal()
        m.d.comb += [
            domain.clk.eq(ClockSignal()),
            domain.rst.eq(ResetSignal() | resets),
            resets.eq(bank.reset | draining),
            bank.resetting.eq(resets),
        ]
        m.d.sync += draining.eq(resets & ~Cat(mover.idle for mover in movers).all())
        return resets

    def _memory(self, m, fetch, load, store):
        """Reads of programs and data share the bus by ID; writes have it for themselves."""
        memory = self.m_axi_mem
        data_width = self.parameters["data_width"]
        m.submodules.port = port = ReadPort(
            readers=2, index_width=len(load.bursts.payload.index), id_width=ID_WIDTH
        )
        readers = {_FETCH: fetch, _LOAD: load}
        connect_address(m, memory, "ar", port.o, port.id, data_width)
        m.d.comb += [port.valid.eq(memory.rvalid), port.of.eq(memory.rid), memory.rready.eq(1)]
        for number, reader in readers.items():
            wiring.connect(m, reader.bursts, getattr(port, f"i_{number}"))
            m.d.comb += [
                reader.data.eq(memory.rdata),
                reader.valid.eq(port.to[number]),
                reader.error.eq(memory.rresp != OKAY),
            ]
        connect_address(m, memory, "aw", store.bursts, Const(0, ID_WIDTH), data_width)
        m.d.comb += [
            memory.wdata.eq(store.o.payload.data),
            memory.wstrb.eq(store.o.payload.strobe),
            memory.wlast.eq(store.o.payload.last),
            memory.wvalid.eq(store.o.valid),
            store.o.ready.eq(memory.wready),
            memory.bready.eq(1),
            store.answer.eq(memory.bvalid),
            store.error.eq(memory.bresp != OKAY),
        ]

    def _move(self, m, core, load, store):
        """Instructions and words between the core and the engines that move data."""
        for name, engine in (("load", load), ("store", store)):
            instruction, issued = engine.instruction, getattr(core, name)
            m.d.comb += [
                instruction.payload.eq(issued.payload),
                instruction.valid.eq(issued.valid),
                issued.ready.eq(instruction.ready),
                getattr(core, f"done_{name}").eq(engine.done),
            ]
        wiring.connect(m, store.read, core.read)
        wiring.connect(m, core.data, store.word)
        wiring.connect(m, load.buffer, core.write)
        for name in ("weights", "channels", "tables"):
            wiring.connect(m, getattr(load, name), getattr(core, f"write_{name}"))
        m.d.comb += [
            load.written.eq(core.written),
            load.channels_written.eq(core.channels_written),
        ]

    def _run(self, m, bank, fetch, core, load, store, resets):
        """Programs, from the command to their end, and errors."""
        running = Signal()
        checking = Signal(_CHECK)
        checked = Signal()
        wrong = Signal()
        ends = Signal()
        m.d.comb += [
            fetch.address.eq(bank.bases[isa.SEGMENTS["program"]]),
            fetch.length.eq(bank.length),
            checked.eq(checking[0] & ~resets),
            wrong.eq(fetch.none | ~fetch.aligned | ~fetch.fits),
            fetch.start.eq(checked & ~wrong),
            bank.busy.eq(running),
            ends.eq(core.done & ~resets),
            bank.done.eq(ends),
        ]
        may_start = Signal()
        m.d.comb += may_start.eq(bank.start & ~running & fetch.idle & ~resets)
        m.d.sync += checking.eq(Mux(resets, 0, Cat(checking[1:], may_start)))
        with m.If(may_start):
            m.d.sync += running.eq(1)
        with m.Elif(resets | ends | (checked & wrong)):
            m.d.sync += running.eq(0)

        number = {name: value for name, (value, _) in ERRORS.items()}
        fetch_failed = Signal()  # until the next start
        m.d.sync += fetch_failed.eq(fetch.failed)
        failures = (
            (checked & fetch.none, number["LENGTH"], SOURCES["fetch"], 0),
            (checked & ~fetch.aligned, number["ALIGNMENT"], SOURCES["fetch"], 0),
            (checked & ~fetch.fits, number["RANGE"], SOURCES["fetch"], 0),
            (
                fetch.failed & ~fetch_failed,
                fetch.failed_kind,
                SOURCES["fetch"],
                fetch.failed_pc,
            ),
            (core.failed & ~resets, core.failed_kind, SOURCES["program"], core.failed_pc),
            (load.failed, number["READ"], SOURCES["load"], core.pc_load),
            (store.failed, number["WRITE"], SOURCES["store"], core.pc_store),
            (bank.start & ~may_start, number["BUSY"], SOURCES["fetch"], 0),
        )
        # Registers, so that no path goes through all of them.
        details = Cat(bank.failed_kind, bank.failed_source, bank.failed_pc)
        error = data_register(len(details), "error")
        m.d.sync += bank.failed.eq(Cat(failed for failed, *_ in failures).any())
        for failed, kind, source, pc in reversed(failures):
            values = Cat(_sized(kind, 8), Const(source, 8), _sized(pc, PC_WIDTH))
            with m.If(failed):
                m.d.sync += error.eq(values)
        m.d.comb += details.eq(error)
        return running

    def _count(self, m, bank, core, store, running):
        """Events of engines, of the array and of the bus; counters may be two cycles late."""
        m.submodules.counters = counters = Counters()
        memory = self.m_axi_mem
        moves = {
            "load": memory.rvalid & (memory.rid == _LOAD),
            "store": store.o.valid & memory.wready,
        }
        events = {"cycles": running, "reads": memory.rvalid, "writes": moves["store"]}
        for number, engine in enumerate(isa.ENGINES):
            busy = running & ~core.idle[number]
            events[f"busy_{engine}"] = busy
            events[f"tokens_{engine}"] = running & core.waiting[number]
            if engine in moves:
                # No beat moves, and nothing else keeps the engine.
                others = core.waiting[number] | core.events[f"bank_{engine}"]
                events[f"dram_{engine}"] = busy & ~moves[engine] & ~others
        for name, _ in core.events.shape():
            events[name] = running & core.events[name]
        event = data_register(counters.events.shape(), name="event")
        m.d.sync += [event[name].eq(value) for name, value in events.items()]
        m.d.comb += [
            counters.events.eq(event),
            counters.clear.eq(bank.clear),
            bank.counts.eq(
                Cat(
                    counters.values[name] for name, _ in counters.values.shape() if name != "cycles"
                )
            ),
        ]


def _sized(value, width):
    """A value of so many bits, also of an integer."""
    return Const(value, width) if isinstance(value, int) else value
