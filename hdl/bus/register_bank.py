"""The registers of a top in hardware."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..checks import check_integer
from ..unit import Unit, data_register
from .registers import ERRORS, register_map

__all__ = ["ADDRESS_BITS", "RegisterBank", "register_bus"]

#: Bits of a register's address.
ADDRESS_BITS = 12


def register_bus():
    """What a register is read and written by, as the one who asks sees it.

    ``request`` is asserted for one cycle, with ``write``, ``address`` (of a byte), and for a write
    ``write_data`` and ``strobe``, a bit for each of its bytes. ``done`` answers for one cycle, two
    cycles later: with ``error`` nothing was read or written, else ``read_data`` is there. The next
    request may come with ``done``.
    """
    return wiring.Signature(
        {
            "request": Out(1),
            "write": Out(1),
            "address": Out(ADDRESS_BITS),
            "strobe": Out(4),
            "write_data": Out(32),
            "done": In(1),
            "error": In(1),
            "read_data": In(32),
        }
    )


class RegisterBank(Unit):
    """The registers of :func:`register_map`.

    Reading what can only be written, writing what can only be read, an address without a register
    and one that is no multiple of 4 are errors, which have no effect. Bytes without ``strobe`` stay
    as they are.

    Parameters
    ----------
    streams : str
        Names of the core's streams, separated by commas, the results last.
    address_width, counters
        Those of :func:`register_map`.
    identity : tuple of (str, int)
        Names and values of constant registers.
    tile : tuple of (str, int)
        That of :func:`register_map`.

    Members
    -------
    registers : ``In(register_bus())``
    moves, waits : ``In(streams)``
        A bit for each stream: a word is transferred; the core (of results: the host) waits for one.
    broken : ``In(streams)``
        A packet of the stream was malformed.
    busy, resetting : ``In(1)``
        As ``STATUS`` shows them.
    done : ``In(1)``
        A job has ended.
    failed : ``In(1)``, with ``failed_kind`` and ``failed_stream``
        An error, as ``ERROR`` shows it.
    reset : ``Out(1)``
        ``CONTROL.reset``.
    interrupt : ``Out(1)``
    single : ``Out(1)``, without DMA
        ``MODE.run_packets``.
    start : ``Out(1)``, with DMA
        A job is to begin.
    address, count : ``Out(data.ArrayLayout(address_width or 32, streams))``, with DMA
        Where the words of each stream are, and how many.
    tile, tile_words : ``Out(...)``, with a tile
        The registers ``TILE`` and ``TILE_WORDS``.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "bus"

    def __init__(self, *, streams, address_width, counters, identity, tile=()):
        check_integer("Address width", address_width, 0, 64)
        check_integer("Counter flag", counters, 0, 1)
        self.names = streams.split(",")
        count = len(self.names)
        self.map = register_map(
            streams=self.names,
            address_width=address_width,
            counters=counters,
            identity=dict(identity),
            tile=tile,
        )
        ports = {
            "registers": In(register_bus()),
            "moves": In(count),
            "waits": In(count),
            "broken": In(count),
            "busy": In(1),
            "resetting": In(1),
            "done": In(1),
            "failed": In(1),
            "failed_kind": In(8),
            "failed_stream": In(8),
            "reset": Out(1),
            "interrupt": Out(1),
        }
        if address_width:
            ports |= {
                "start": Out(1),
                "address": Out(data.ArrayLayout(address_width, count)),
                "count": Out(data.ArrayLayout(32, count)),
            }
        else:
            ports["single"] = Out(1)
        if tile:
            ports["tile"] = Out(sum(width for _, width in tile))
            ports["tile_words"] = Out(dict(identity)["LIMIT"].bit_length())
        super().__init__(ports)

    def build(self):
        m = Module()
        bus = self.registers
        hits, written = {}, {}
        # An access takes a cycle to find its register, and one to do its work.
        asked = Signal()
        writing = Signal()
        strobes = Signal(32)
        write_data = data_register(32, name="given")
        strobed = data_register(4, name="strobed")
        m.d.sync += [
            asked.eq(bus.request),
            writing.eq(bus.request & bus.write),
            write_data.eq(bus.write_data),
            strobed.eq(bus.strobe),
        ]
        m.d.comb += strobes.eq(Cat(bit.replicate(8) for bit in strobed))
        for register in self.map:
            name = register.name.lower()
            hits[register.name] = hit = data_register(1, name=f"hit_{name}")
            m.d.sync += hit.eq(bus.address == register.offset)
            if register.access != "ro":
                # What is to be written, 0 in bits that are not.
                writes = Signal(name=f"writes_{name}")
                word = Signal(32, name=f"write_{name}")
                m.d.comb += [
                    writes.eq(writing & hit),
                    word.eq(Mux(writes, write_data & strobes, 0)),
                ]
                written[register.name] = writes, word
        values = self._stored(m, written, strobes)
        values |= self._counted(m, asked & ~writing & hits["CYCLES_LOW"], written)
        values |= self._events(m, written, values["INTERRUPT_ENABLE"])
        self._answer(m, asked, writing, hits, values)
        return m

    def _answer(self, m, asked, writing, hits, values):
        bus = self.registers
        read = Const(0, 32)
        readable = Const(0)
        writable = Const(0)
        for register in self.map:
            hit = hits[register.name]
            if register.access != "wo":
                value = values.get(register.name, Const(register.reset, 32))
                read = read | Mux(hit, value, 0)
                readable = readable | hit
            if register.access != "ro":
                writable = writable | hit
        answer = Signal(32)
        error = data_register(1, name="error_q")
        read_data = data_register(32, name="read_data_q")
        allowed = Signal()
        m.d.comb += [
            answer.eq(read[:32]),
            allowed.eq(Mux(writing, writable, readable)),
            bus.error.eq(error),
            bus.read_data.eq(read_data),
        ]
        m.d.sync += [
            bus.done.eq(asked),
            error.eq(~allowed),
            read_data.eq(Mux(writing, 0, answer)),
        ]

    def _stored(self, m, written, strobes):
        """Registers that keep what was written."""
        values = {}
        for register in self.map:
            if register.access == "rw":
                writes, word = written[register.name]
                width = register.writable.bit_length()
                stored = Signal(width, name=register.name.lower(), init=register.reset)
                with m.If(writes):
                    m.d.sync += stored.eq(stored & ~strobes[:width] | word[:width])
                values[register.name] = stored
        m.d.comb += self.reset.eq(values["CONTROL"][0])
        if self.parameters["tile"]:
            m.d.comb += [
                self.tile.eq(values["TILE"]),
                self.tile_words.eq(values["TILE_WORDS"]),
            ]
        if self.parameters["address_width"]:
            for index, name in enumerate(self.names):
                low, high = (
                    values.get(f"ADDRESS_{half}_{name.upper()}") for half in ("LOW", "HIGH")
                )
                m.d.comb += [
                    self.address[index].eq(low if high is None else Cat(low, high)),
                    self.count[index].eq(values[f"COUNT_{name.upper()}"]),
                ]
        else:
            m.d.comb += self.single.eq(values["MODE"][0])
        return values

    def _counted(self, m, holds, written):
        """Counters, and the state of the moment."""
        clear = Signal()
        cycles = Signal(64)
        high = Signal(32, name="cycles_high")
        m.d.comb += clear.eq(written["COMMAND"][1][0])
        m.d.sync += cycles.eq(Mux(clear, 0, cycles + self.busy))
        with m.If(holds):
            m.d.sync += high.eq(cycles[32:])
        values = {
            "STATUS": Cat(self.busy, self.resetting),
            "CYCLES_LOW": cycles[:32],
            "CYCLES_HIGH": high,
        }
        if self.parameters["counters"]:
            for index, name in enumerate(self.names):
                for prefix, counts in (
                    ("WORDS", self.moves[index]),
                    ("WAITS", self.waits[index] & self.busy),
                ):
                    counter = Signal(32, name=f"{prefix.lower()}_{name}")
                    m.d.sync += counter.eq(Mux(clear, 0, counter + counts))
                    values[f"{prefix}_{name.upper()}"] = counter
        return values

    def _events(self, m, written, enabled):
        """Interrupts and the first error."""
        error = Signal(16)
        fails = Signal()
        kind = Signal(16)
        pending = Signal(2)
        cleared = Signal(2)
        framing, _ = ERRORS["FRAMING"]
        m.d.comb += [
            fails.eq(self.failed | self.broken.any()),
            cleared.eq(written["INTERRUPT"][1]),
            self.interrupt.eq((pending & enabled).any()),
        ]
        with m.If(self.failed):
            m.d.comb += kind.eq(Cat(self.failed_kind, self.failed_stream))
        for index in range(len(self.names)):
            with m.Elif(self.broken[index]):
                m.d.comb += kind.eq(framing | index << 8)
        m.d.sync += pending.eq(pending & ~cleared | Cat(self.done, fails))
        with m.If(fails & (~pending[1] | cleared[1])):
            m.d.sync += error.eq(kind)
        with m.Elif(cleared[1]):
            m.d.sync += error.eq(0)
        if self.parameters["address_width"]:
            m.d.comb += self.start.eq(written["COMMAND"][1][1])
        return {"INTERRUPT": pending, "ERROR": error}
