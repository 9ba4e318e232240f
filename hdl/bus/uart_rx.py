"""Bytes from a serial line."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib.wiring import In, Out

from ..checks import check_integer, check_relation
from ..unit import Unit, data_register

__all__ = ["BREAK_BITS", "UartRx", "baud_divisor"]

#: After so many bits of a low line ``break_`` is asserted; before two frames, 20 bits, it is not.
BREAK_BITS = 27

#: Most that the rate may be off, relative, which leaves some for the other end.
_TOLERANCE = 0.02


def baud_divisor(frequency, baud):
    """Clock cycles of a bit at ``baud`` bits a second, with a clock of ``frequency`` Hz.

    Raises
    ------
    TypeError, ValueError
        If a number is not a positive integer, or no divisor comes within 2 % of the rate.
    """
    check_integer("Clock frequency", frequency, 1)
    check_integer("Baud rate", baud, 1)
    divisor = max(4, min((2 * frequency + baud) // (2 * baud), 1 << 16))
    rate = frequency / divisor
    check_relation(
        abs(rate / baud - 1) <= _TOLERANCE,
        f"Baud rate must be within {_TOLERANCE:.0%} of the clock divided by an integer from 4 to "
        f"65536, not {baud}; the nearest of a clock of {frequency} Hz is {rate:.0f}",
    )
    return divisor


class UartRx(Unit):
    """Receives frames of a start bit, 8 data bits, the lowest first, and a stop bit.

    The line passes two flip-flops, and then a majority of three cycles in a row, so that a glitch
    of one cycle is not seen. A start bit that has ended by its middle is none. Bits are sampled in
    their middle. A byte comes in the cycle after the middle of its stop bit was seen, and another
    start bit may follow at once: throughput is a byte in 10 · ``divisor`` cycles.

    A frame without a stop bit is dropped, with ``error``; then the line has to go high before
    anything else is received. When it stays low for more than two frames, at most
    :data:`BREAK_BITS` bits, ``break_`` is asserted until it goes high. A reset leaves the receiver
    like a frame without a stop bit, but without ``error``: it receives nothing until the line is
    high.

    The other end's rate may be off by 2.5 % with a divisor of 4, by 3.5 % from 5 on, and by 4.5 %
    from 11 on.

    Parameters
    ----------
    divisor : int
        Cycles of a bit, 4 to 65536: see :func:`baud_divisor`.

    Members
    -------
    i : ``In(1)``
        The line, of another clock.
    data : ``Out(8)``
    valid : ``Out(1)``
        For one cycle, in which ``data`` has to be taken.
    error : ``Out(1)``
        For one cycle.
    break_ : ``Out(1)``

    Raises
    ------
    TypeError, ValueError
        If the divisor is not an integer or out of range.
    """

    role = "bus"

    def __init__(self, *, divisor):
        check_integer("Clock divisor", divisor, 4, 1 << 16)
        super().__init__(
            {"i": In(1), "data": Out(8), "valid": Out(1), "error": Out(1), "break_": Out(1)}
        )

    def build(self):
        m = Module()
        divisor = self.parameters["divisor"]
        timer = Signal(range(divisor))
        bits = Signal(4)
        byte = data_register(8, name="byte_q")
        samples = Signal()
        line = self._line(m)
        m.d.comb += [samples.eq(timer == 0), self.data.eq(byte)]
        m.d.sync += [timer.eq(timer - 1), self.valid.eq(0), self.error.eq(0)]
        with m.If(samples):
            m.d.sync += [timer.eq(divisor - 1), bits.eq(bits + 1)]
        with m.FSM(init="LOW"):
            # The line is free. ``timer`` is set for the middle of the start bit.
            with m.State("HIGH"):
                m.d.sync += [timer.eq((divisor - 1) // 2 - 1), bits.eq(0)]
                with m.If(~line):
                    m.next = "FRAME"
            # A start bit came: samples 0 (start), 1 to 8 (data), 9 (stop). A start bit that is over
            # by its middle was a glitch.
            with m.State("FRAME"):
                with m.If(samples & (bits == 9)):
                    m.d.sync += [self.valid.eq(line), self.error.eq(~line), bits.eq(0)]
                    with m.If(line):
                        m.next = "HIGH"
                    with m.Else():
                        m.next = "LOW"
                with m.Elif(samples):
                    m.d.sync += byte.eq(Cat(byte[1:], line))
                    with m.If((bits == 0) & line):
                        m.next = "HIGH"
            # No frame may begin before the line is high: after a reset, or a frame without a stop
            # bit. ``bits`` counts how long it has been low, for the break.
            with m.State("LOW"):
                with m.If(samples & (bits == 15)):
                    m.d.sync += self.break_.eq(1)
                with m.If(line):
                    m.d.sync += self.break_.eq(0)
                    m.next = "HIGH"
        return m

    def _line(self, m):
        """The line in this clock, without glitches."""
        late = Signal(4)
        line = Signal()
        first, second, third = late[1:]
        m.d.sync += [
            late.eq(Cat(self.i, late[:3])),
            line.eq((first & second) | (third & (first | second))),
        ]
        return line
