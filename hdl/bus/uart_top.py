"""A core behind a serial line, for boards without a processor."""

from amaranth.hdl import Cat, ClockDomain, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..unit import Unit
from .shell import Shell
from .uart_link import PROTOCOL, UartLink
from .uart_rx import UartRx, baud_divisor
from .uart_tx import UartTx

__all__ = ["UartTop"]


class UartTop(Unit):
    """A core with a clock and two wires: operands, results and registers on a serial line.

    The line has 8 data bits, no parity and a stop bit; what the bytes mean says :class:`UartLink`.
    Words are split into bytes as those of an 8-bit bus: see :class:`WordLayout`.

    There is no reset pin. Some cycles after configuration, whose values of registers it relies on,
    the top leaves its own reset; a break on the line, while it lasts, resets everything again but
    the receiver.

    Parameters
    ----------
    core : Engine
    digest, generator, revision : int
        Values of the registers ``DIGEST``, ``GENERATOR`` and ``REVISION``; 0 for none.
    clock_hz, baud : int
        Frequency of the clock, and bits a second: see :func:`baud_divisor`.
    depth : int
        Bytes from the host that can wait: see :class:`UartLink`.

    Members
    -------
    clk : ``In(1)``
    uart_rx : ``In(1)``
    uart_tx : ``Out(1)``
    led : ``Out(1)``
        High while there are words on their way into the core, or results owed.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range, or the clock does not make the rate.
    """

    role = "bus"

    def __init__(self, *, core, digest, generator=0, revision=0, clock_hz, baud, depth=512):
        divisor = baud_divisor(clock_hz, baud)
        self.line = {"divisor": divisor}
        identity = {"digest": digest, "generator": generator, "revision": revision}
        # Counters of each stream would take as much as all else but the core.
        self.shell = {"core": core, "top": "uart", "data_width": 8, **identity, "counters": 0}
        shell = Shell(**self.shell)
        self.link = {"inputs": len(shell.inputs), "depth": depth}
        UartLink(**self.link)
        super().__init__({"clk": In(1), "uart_rx": In(1), "uart_tx": Out(1), "led": Out(1)})
        self.bus = shell.description() | {"clock": "clk", "protocol": PROTOCOL}
        self.bus |= {"clock_hz": clock_hz, "baud": baud, "divisor": divisor, "depth": depth}

    def build(self):
        m = Module()
        rx, tx, link = UartRx(**self.line), UartTx(**self.line), UartLink(**self.link)
        self._clock(m, rx)
        m.submodules.rx, m.submodules.tx, m.submodules.link = rx, tx, link
        m.submodules.shell = shell = Shell(**self.shell)
        wiring.connect(m, link.o, tx.i)
        wiring.connect(m, shell.results, link.results)
        m.d.comb += [
            rx.i.eq(self.uart_rx),
            link.data.eq(rx.data),
            link.valid.eq(rx.valid),
            link.error.eq(rx.error),
            self.uart_tx.eq(tx.o),
            self.led.eq(~shell.quiet),
        ]
        wiring.connect(m, link.registers, shell.registers)
        for number, name in enumerate(shell.inputs):
            wiring.connect(m, getattr(link, f"i_{number}"), getattr(shell, name))
        return m

    def _clock(self, m, rx):
        """Domains: of the start, which nothing resets, of the receiver, and of everything else."""
        m.domains.power = power = ClockDomain("power", reset_less=True, local=True)
        m.domains.line = line = ClockDomain("line", local=True)
        m.domains.sync = sync = ClockDomain("sync", local=True)
        started = Signal(4)
        m.d.comb += [domain.clk.eq(self.clk) for domain in (power, line, sync)]
        m.d.comb += [line.rst.eq(~started[-1]), sync.rst.eq(line.rst | rx.break_)]
        m.d.power += started.eq(Cat(Const(1), started))
        rx.domain = "line"
