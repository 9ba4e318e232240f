"""The registers of the network processor in hardware."""

from amaranth.hdl import Cat
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from ..bus.register_file import RegisterFile
from ..checks import check_integer
from .isa import ENGINES, SEGMENTS
from .registers import npu_register_map

__all__ = ["NpuRegisters"]


class NpuRegisters(RegisterFile):
    """The registers of :func:`npu_register_map`, with the rules of :class:`RegisterFile`.

    Parameters
    ----------
    address_width, pc_width
        Those of :func:`npu_register_map`.
    counters, identity : tuple of pairs
        Likewise.

    Members
    -------
    registers : ``In(register_bus())``
    busy, resetting : ``In(1)``
        As ``STATUS`` shows them.
    done, event : ``In(1)``
        A program has ended; an instruction with ``irq`` has.
    failed : ``In(1)``, with ``failed_kind``, ``failed_source`` and ``failed_pc``
        An error, as ``ERROR`` and ``ERROR_PC`` show it.
    pcs : ``In(data.ArrayLayout(pc_width, 4))``
    counts : ``In(data.ArrayLayout(32, counters))``, if there are any
    reset : ``Out(1)``
        ``CONTROL.reset``.
    clear, start : ``Out(1)``
        ``COMMAND`` is written.
    length : ``Out(pc_width)``
    bases : ``Out(data.ArrayLayout(address_width, 8))``
    interrupt : ``Out(1)``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    def __init__(self, *, address_width, pc_width, counters, identity):
        check_integer("Address width", address_width, 12, 64)
        check_integer("Width of instruction numbers", pc_width, 1, 32)
        registers = npu_register_map(
            address_width=address_width,
            pc_width=pc_width,
            counters=dict(counters),
            identity=dict(identity),
            design="number of the design",
        )
        ports = {
            "busy": In(1),
            "resetting": In(1),
            "done": In(1),
            "event": In(1),
            "failed": In(1),
            "failed_kind": In(8),
            "failed_source": In(8),
            "failed_pc": In(pc_width),
            "pcs": In(data.ArrayLayout(pc_width, len(ENGINES))),
            "reset": Out(1),
            "clear": Out(1),
            "start": Out(1),
            "length": Out(pc_width),
            "bases": Out(data.ArrayLayout(address_width, len(SEGMENTS))),
        }
        if counters:
            ports["counts"] = In(data.ArrayLayout(32, len(counters)))
        super().__init__(registers, ports)

    def connect(self, m, stored, written, reads):
        clear, start = written["COMMAND"][:2]
        values = {"STATUS": Cat(self.busy, self.resetting)}
        values |= self.count_cycles(m, self.busy, clear, reads)
        values |= self.keep_events(
            m,
            Cat(self.done, self.failed, self.event),
            written["INTERRUPT"],
            stored["INTERRUPT_ENABLE"],
            {"ERROR": Cat(self.failed_kind, self.failed_source), "ERROR_PC": self.failed_pc},
        )
        for number, engine in enumerate(ENGINES):
            values[f"PC_{engine.upper()}"] = self.pcs[number]
        for number, (name, _) in enumerate(self.parameters["counters"]):
            values[name.upper()] = self.counts[number]
        m.d.comb += [
            self.reset.eq(stored["CONTROL"][0]),
            self.clear.eq(clear),
            self.start.eq(start),
            self.length.eq(stored["LENGTH"]),
        ]
        for name, number in SEGMENTS.items():
            halves = (stored.get(f"BASE_{half}_{name.upper()}") for half in ("LOW", "HIGH"))
            base = Cat(half for half in halves if half is not None)
            m.d.comb += self.bases[number].eq(base)
        return values
