"""Bytes to a serial line."""

from amaranth.hdl import Cat, Const, Module, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from ..checks import check_integer
from ..unit import Unit

__all__ = ["UartTx"]


class UartTx(Unit):
    """Sends each byte as a start bit, 8 data bits, the lowest first, and a stop bit.

    The start bit begins in the cycle after the byte was taken. Throughput is a byte in
    10 · ``divisor`` cycles: the next is taken in the last cycle of the stop bit. ``ready`` comes
    from registers, and so does the line, which is high when nothing is sent.

    Parameters
    ----------
    divisor : int
        Cycles of a bit, 4 to 65536: see :func:`brickwork.hdl.bus.uart_rx.baud_divisor`.

    Members
    -------
    i : ``In(stream.Signature(8))``
    o : ``Out(1)``

    Raises
    ------
    TypeError, ValueError
        If the divisor is not an integer or out of range.
    """

    role = "bus"

    def __init__(self, *, divisor):
        check_integer("Clock divisor", divisor, 4, 1 << 16)
        super().__init__({"i": In(stream.Signature(unsigned(8))), "o": Out(1)})

    def build(self):
        m = Module()
        divisor = self.parameters["divisor"]
        timer = Signal(range(divisor))
        left = Signal(4)  # bits after the one on the line
        bits = Signal(9, init=~0)  # that one first
        m.d.comb += [self.i.ready.eq((left == 0) & (timer == 0)), self.o.eq(bits[0])]
        with m.If(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Elif(left != 0):
            m.d.sync += [
                timer.eq(divisor - 1),
                left.eq(left - 1),
                bits.eq(Cat(bits[1:], Const(1))),
            ]
        with m.Elif(self.i.valid):
            m.d.sync += [
                timer.eq(divisor - 1),
                left.eq(9),
                bits.eq(Cat(Const(0, 1), self.i.payload)),
            ]
        return m
