"""Steps of the rows of a window walk, in words, from the pitch of rows."""

from amaranth.hdl import Const, Module, Mux, Signal, signed
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from ..checks import check_integer
from ..unit import Unit, data_register

__all__ = ["WindowSteps", "steps_layout", "window_layout"]

#: Bits of ``iy0``, the longest multiplier: a bit takes a cycle.
_BITS = 8


def window_layout(pitch_width):
    """Rows of a window: ``pitch`` in words, ``iy0``, and ``sy`` and ``dy`` less one."""
    return data.StructLayout({"pitch": pitch_width, "iy0": signed(_BITS), "sy": 3, "dy": 3})


def steps_layout(address_width):
    """Words from row 0 to the first tap's (``start``), to the next window's, to the next tap's."""
    return data.StructLayout(
        {"start": address_width, "window": address_width, "tap": address_width}
    )


class WindowSteps(Unit):
    """Multiplies the pitch of rows by a window's offset, stride and dilation.

    Computes ``start = iy0 * pitch``, ``window = (sy + 1) * pitch`` and ``tap = (dy + 1) * pitch``
    modulo 2^address_width, by shifts and additions, a bit of the multipliers a cycle.

    **Latency** is 9 cycles; a window is accepted every 10 cycles at best. ``ready`` and ``valid``
    come from registers.

    Parameters
    ----------
    pitch_width, address_width : int

    Members
    -------
    i : ``In(stream.Signature(window_layout(pitch_width)))``
    o : ``Out(stream.Signature(steps_layout(address_width)))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a positive integer.
    """

    role = "npu addresses"
    latency = _BITS + 1

    def __init__(self, *, pitch_width, address_width):
        check_integer("Pitch width", pitch_width, 1)
        check_integer("Address width", address_width, 1)
        super().__init__(
            {
                "i": In(stream.Signature(window_layout(pitch_width))),
                "o": Out(stream.Signature(steps_layout(address_width))),
            }
        )

    def build(self):
        m = Module()
        width = self.parameters["address_width"]
        window = self.i.payload
        left = Signal(_BITS)  # a bit for each bit of the multipliers that is still to come
        shifted = data_register(width, name="shifted")
        taken = Signal()
        m.d.comb += [
            self.i.ready.eq(~left[0] & ~self.o.valid),
            taken.eq(self.i.valid & self.i.ready),
        ]
        m.d.sync += left.eq(Mux(taken, (1 << _BITS) - 1, left >> 1))
        m.d.sync += shifted.eq(Mux(taken, window.pitch, shifted << 1))
        with m.If(left == 1):
            m.d.sync += self.o.valid.eq(1)
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        multipliers = {"start": window.iy0, "window": window.sy + 1, "tap": window.dy + 1}
        for name, value in multipliers.items():
            multiplier = data_register(_BITS, name=f"{name}_multiplier")
            product = data_register(width, name=name)
            term = Signal(width, name=f"{name}_term")
            m.d.comb += term.eq(Mux(multiplier[0], shifted, Const(0)))
            m.d.comb += self.o.payload[name].eq(product)
            with m.If(taken):
                m.d.sync += [multiplier.eq(value), product.eq(0)]
            with m.Elif(left[0]):
                # The highest bit of iy0 is its sign; the others' is 0.
                negative = left == 1
                m.d.sync += [
                    multiplier.eq(multiplier >> 1),
                    product.eq(Mux(negative, product - term, product + term)),
                ]
        return m
