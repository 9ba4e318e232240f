"""A core with AXI4-Stream for its operands and results."""

from amaranth.hdl import Cat, ClockDomain, Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..stream.fifo import Fifo
from ..unit import Unit
from .axi import axi_lite, axi_stream
from .axi_lite import AxiLite
from .layout import check_data_width
from .register_file import ADDRESS_BITS
from .shell import Shell

__all__ = ["AxisTop", "add_clock", "connect_control", "mark_clock"]


class AxisTop(Unit):
    """A core as a peripheral: streams of operands and results, registers beside.

    Names are those that Vivado infers interfaces from. Each input stream of the core is
    ``s_axis_<name>``, the results are ``m_axis_results``. :class:`BeatsToWords`,
    :class:`WordsToBeats` and :class:`ResultPacketizer` define how words lie in their beats, and
    where packets end. Registers are at ``s_axi_ctrl``: see :func:`register_map`.

    A beat of results that was offered stays, also through a soft reset. ``tready`` depends on
    nothing but registers.

    Parameters
    ----------
    core : Engine
    data_width : int
        Width of the streams' beats, one of :data:`DATA_WIDTHS`.
    digest, generator, revision : int
        Values of the registers ``DIGEST``, ``GENERATOR`` and ``REVISION``; 0 for none.

    Members
    -------
    aclk, aresetn : ``In(1)``
        The reset is low while active, and synchronous.
    s_axis_<name> : ``In(axi_stream(data_width))``
    m_axis_results : ``Out(axi_stream(data_width))``
    s_axi_ctrl : ``In(axi_lite())``
    interrupt : ``Out(1)``
        High while an enabled event is pending.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "bus"

    def __init__(self, *, core, data_width, digest, generator=0, revision=0):
        check_data_width(data_width)
        identity = {"digest": digest, "generator": generator, "revision": revision}
        self.shell = {"core": core, "top": "axis", "data_width": data_width, **identity}
        shell = Shell(**self.shell)
        beats = axi_stream(data_width)
        super().__init__(
            {"aclk": In(1), "aresetn": In(1)}
            | {f"s_axis_{name}": In(beats) for name in shell.inputs}
            | {"m_axis_results": Out(beats), "s_axi_ctrl": In(axi_lite()), "interrupt": Out(1)}
        )
        interfaces = [f"s_axis_{name}" for name in shell.inputs] + ["m_axis_results"]
        mark_clock(self, [*interfaces, "s_axi_ctrl"])
        self.bus = shell.description() | COMMON_PORTS
        for name, interface in zip(self.bus["streams"], interfaces, strict=True):
            self.bus["streams"][name]["interface"] = interface

    def build(self):
        m = Module()
        add_clock(m, self)
        m.submodules.shell = shell = Shell(**self.shell)
        m.submodules.control = control = AxiLite()
        connect_control(m, self, control, shell)
        for name in shell.inputs:
            port, beats = getattr(self, f"s_axis_{name}"), getattr(shell, name)
            m.d.comb += [
                beats.payload.data.eq(port.tdata),
                beats.payload.keep.eq(port.tkeep),
                beats.payload.last.eq(port.tlast),
                beats.valid.eq(port.tvalid),
                port.tready.eq(beats.ready),
            ]
        # Outside of what the soft reset resets: a beat that was offered must not disappear.
        beats, port = shell.results, self.m_axis_results
        width = len(Value.cast(beats.payload))
        m.submodules.results = results = Fifo(width=width, depth=2)
        wiring.connect(m, beats, results.i)
        m.d.comb += [
            Cat(port.tdata, port.tkeep, port.tlast).eq(results.o.payload),
            port.tvalid.eq(results.o.valid),
            results.o.ready.eq(port.tready),
        ]
        return m


#: Entries of a manifest's ``bus`` for the ports that all wrappers with AXI have.
COMMON_PORTS = {
    "clock": "aclk",
    "reset": "aresetn",
    "interrupt": "interrupt",
    "control": {"interface": "s_axi_ctrl", "address_width": ADDRESS_BITS},
}


def add_clock(m, top):
    """The domain of the ports ``aclk`` and ``aresetn``."""
    m.domains.sync = domain = ClockDomain("sync", local=True)
    m.d.comb += [domain.clk.eq(top.aclk), domain.rst.eq(~top.aresetn)]


def connect_control(m, top, control, shell):
    """The registers to their port, and the interrupt."""
    wiring.connect(m, control.registers, shell.registers)
    wiring.connect(m, wiring.flipped(top.s_axi_ctrl), control.axi)
    m.d.comb += top.interrupt.eq(shell.interrupt)


def mark_clock(top, interfaces):
    """Attributes by which Vivado knows what clock and reset belong to, and what interrupts."""
    marks = {
        "aclk": (
            "clock:1.0 aclk CLK",
            f"ASSOCIATED_BUSIF {':'.join(interfaces)}, ASSOCIATED_RESET aresetn",
        ),
        "aresetn": ("reset:1.0 aresetn RST", "POLARITY ACTIVE_LOW"),
        "interrupt": ("interrupt:1.0 interrupt INTERRUPT", "SENSITIVITY LEVEL_HIGH"),
    }
    for name, (info, parameter) in marks.items():
        signal = Value.cast(getattr(top, name))
        signal.attrs["X_INTERFACE_INFO"] = f"xilinx.com:signal:{info}"
        signal.attrs["X_INTERFACE_PARAMETER"] = parameter
