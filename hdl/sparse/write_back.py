"""From exact sums to activations."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from ..arith.requantize import shift_and_jam
from ..arith.saturate import saturated
from ..checks import check_integer
from ..unit import Unit, data_register

__all__ = ["LATENCY", "WriteBack", "finish_layout"]

#: Cycles from a sum to its activation.
LATENCY = 2


def finish_layout():
    """What is done to sums: a right shift of 0 to 63 positions, and ``relu``."""
    return data.StructLayout({"shift": 6, "relu": 1})


class WriteBack(Unit):
    """Shifts a sum right, rounds to nearest with ties to even, applies ReLU, and saturates.

    Latency is 2 cycles, throughput one sum a cycle.

    Parameters
    ----------
    acc_width, act_width : int
        Widths of sums and activations.

    Members
    -------
    i : ``In(signed(acc_width))``
    how : ``In(finish_layout())``
        Stays as it is while sums pass.
    o : ``Out(signed(act_width))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "results"

    def __init__(self, *, acc_width, act_width):
        check_integer("Accumulator width", acc_width, 2, 64)
        check_integer("Activation width", act_width, 2, 32)
        super().__init__(
            {"i": In(signed(acc_width)), "how": In(finish_layout()), "o": Out(signed(act_width))}
        )

    def build(self):
        m = Module()
        width = self.parameters["acc_width"] + 2
        shifted = data_register(signed(width), name="shifted")
        m.d.sync += shifted.eq(shift_and_jam(m, Cat(Const(0, 2), self.i), self.how.shift, 1))
        up = Signal()
        rounded = Signal(signed(width - 1))
        o = data_register(signed(self.parameters["act_width"]), name="o_q")
        m.d.comb += [
            up.eq(shifted[1] & (shifted[0] | shifted[2])),
            rounded.eq(shifted[2:].as_signed() + up),
            self.o.eq(o),
        ]
        within = saturated(m, rounded, self.parameters["act_width"])
        m.d.sync += o.eq(Mux(self.how.relu & rounded[-1], 0, within))
        return m
