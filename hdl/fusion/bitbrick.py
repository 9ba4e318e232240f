"""The two-bit multiplier that everything fuses from."""

from amaranth.hdl import Cat, Module, signed
from amaranth.lib.wiring import In, Out

from ..unit import Unit

__all__ = ["BitBrick"]


class BitBrick(Unit):
    """Multiplies two digits of two bits, each with or without sign.

    Sharma et al., "Bit Fusion: Bit-Level Dynamically Composable Architecture for Accelerating Deep
    Neural Networks", ISCA 2018, section III. The product is from -6 to 9. It is combinational.

    Members
    -------
    x, y : ``In(2)``
    x_signed, y_signed : ``In(1)``
        The upper bit counts -2 instead of 2.
    o : ``Out(signed(5))``
    """

    role = "PEs"

    def __init__(self):
        super().__init__(
            {"x": In(2), "y": In(2), "x_signed": In(1), "y_signed": In(1), "o": Out(signed(5))}
        )

    def build(self):
        m = Module()
        x = Cat(self.x, self.x[1] & self.x_signed).as_signed()
        y = Cat(self.y, self.y[1] & self.y_signed).as_signed()
        m.d.comb += self.o.eq(x * y)
        return m
