"""Registers of a map behind a register bus: access, storage, cycles and events."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..unit import Unit, data_register

__all__ = ["ADDRESS_BITS", "RegisterFile", "register_bus"]

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


class RegisterFile(Unit):
    """Registers of a map, which a subclass connects with what they stand for.

    Reading what can only be written, writing what can only be read, an address without a register
    and one that is no multiple of 4 are errors, which have no effect. Bytes without ``strobe`` stay
    as they are. A register that can be read and written keeps what was written.

    Attributes
    ----------
    map : list of Register
    """

    role = "bus"

    def __init__(self, registers, ports):
        self.map = registers
        super().__init__({"registers": In(register_bus()), "interrupt": Out(1)} | ports)

    def connect(self, m, stored, written, reads):
        """Values of the registers that are neither constant nor stored, by name.

        Parameters
        ----------
        stored : dict
            Name to the value of each register that can be read and written.
        written : dict
            Name to the word that is written in this cycle: 0 in bits that are not.
        reads : dict
            Name to whether the register is read in this cycle.
        """
        raise NotImplementedError

    def build(self):
        m = Module()
        bus = self.registers
        hits, written, stored = {}, {}, {}
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
            if register.access == "ro":
                continue
            # What is to be written, 0 in bits that are not.
            writes = Signal(name=f"writes_{name}")
            written[register.name] = word = Signal(32, name=f"write_{name}")
            m.d.comb += [
                writes.eq(writing & hit),
                word.eq(Mux(writes, write_data & strobes, 0)),
            ]
            if register.access == "rw":
                width = register.writable.bit_length()
                stored[register.name] = value = Signal(width, name=name, init=register.reset)
                with m.If(writes):
                    m.d.sync += value.eq(value & ~strobes[:width] | word[:width])
        reads = {name: asked & ~writing & hit for name, hit in hits.items()}
        values = stored | self.connect(m, stored, written, reads)
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

    def count_cycles(self, m, busy, clear, reads):
        """Values of ``CYCLES_*``: cycles of ``busy`` since ``clear``."""
        cycles = Signal(64)
        high = Signal(32, name="cycles_high")
        m.d.sync += cycles.eq(Mux(clear, 0, cycles + busy))
        with m.If(reads["CYCLES_LOW"]):
            m.d.sync += high.eq(cycles[32:])
        return {"CYCLES_LOW": cycles[:32], "CYCLES_HIGH": high}

    def keep_events(self, m, events, cleared, enabled, details):
        """Values of ``INTERRUPT``, and of registers with the details of the first error.

        Parameters
        ----------
        events : Value
            A bit for each event of ``INTERRUPT``; bit 1 is an error.
        cleared, enabled : Value
            Bits that are written to ``INTERRUPT``, and those that raise the interrupt.
        details : dict
            Name of a register to its value at an error; 0 until there is one.
        """
        fails = events[1]
        pending = Signal(len(events))
        m.d.comb += self.interrupt.eq((pending & enabled).any())
        m.d.sync += pending.eq(pending & ~cleared[: len(events)] | events)
        kept = {name: Signal(len(value), name=name.lower()) for name, value in details.items()}
        with m.If(fails & (~pending[1] | cleared[1])):
            m.d.sync += [kept[name].eq(value) for name, value in details.items()]
        with m.Elif(cleared[1]):
            m.d.sync += [each.eq(0) for each in kept.values()]
        return {"INTERRUPT": pending} | kept
