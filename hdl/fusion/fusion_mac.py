"""Multiply-accumulate units of equal use: fused, of one width, and one digit at a time."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib.wiring import In, Out

from ..unit import Unit, data_register
from .bitbrick import BitBrick
from .fusion_unit import FusionUnit
from .mode import MODE

__all__ = ["FixedMac", "FusionMac", "TemporalMac"]


class FusionMac(Unit):
    """A fusion unit and an accumulator of 32 bits.

    Numbers of 16 bits take two or four cycles of 8 bits: ``shift`` is 2 for the halves that are
    both high, 1 where one is. The sum wraps. A product is in ``o`` a cycle after its operands came;
    throughput is one set of operands a cycle.

    Parameters
    ----------
    tree : str
        That of :class:`FusionUnit`.

    Members
    -------
    a, w, mode, offset
        Those of :class:`FusionUnit`.
    shift : ``In(2)``
        By so many bytes.
    first : ``In(1)``
        The sum begins anew.
    o : ``Out(signed(32))``

    Raises
    ------
    TypeError, ValueError
        If ``tree`` is none of its choices.
    """

    role = "PEs"

    def __init__(self, *, tree="separable"):
        FusionUnit(tree=tree)
        super().__init__(
            {
                "a": In(32),
                "w": In(32),
                "mode": In(MODE),
                "offset": In(unsigned(17)),
                "shift": In(2),
                "first": In(1),
                "o": Out(signed(32)),
            }
        )

    def build(self):
        m = Module()
        m.submodules.unit = unit = FusionUnit(**self.parameters)
        acc = data_register(signed(32), name="acc")
        m.d.comb += [
            unit.a.eq(self.a),
            unit.w.eq(self.w),
            unit.mode.eq(self.mode),
            unit.offset.eq(self.offset),
            self.o.eq(acc),
        ]
        by_one = Mux(self.shift[0], unit.o << 8, unit.o)
        m.d.sync += acc.eq(Mux(self.first, 0, acc) + Mux(self.shift[1], by_one << 16, by_one))
        return m


class FixedMac(Unit):
    """A multiplier of 8 × 8 bits and an accumulator of 32 bits: what fusion is compared with.

    Members
    -------
    a, w : ``In(8)``
    a_signed, w_signed, first : ``In(1)``
    o : ``Out(signed(32))``
    """

    role = "PEs"

    def __init__(self):
        super().__init__(
            {
                "a": In(8),
                "w": In(8),
                "a_signed": In(1),
                "w_signed": In(1),
                "first": In(1),
                "o": Out(signed(32)),
            }
        )

    def build(self):
        m = Module()
        acc = data_register(signed(32), name="acc")
        a = Cat(self.a, self.a[-1] & self.a_signed).as_signed()
        w = Cat(self.w, self.w[-1] & self.w_signed).as_signed()
        m.d.sync += acc.eq(Mux(self.first, 0, acc) + a * w)
        m.d.comb += self.o.eq(acc)
        return m


class TemporalMac(Unit):
    """One BitBrick that multiplies numbers of any width digit by digit, and an accumulator.

    What Bit Fusion's section III calls the temporal design: a product of *i* × *j* digits takes
    *i* · *j* cycles; ``shift`` is the sum of the digits' places. Sixteen of them do as many
    products of 2 × 2 bits in a cycle as one fusion unit. The sum wraps.

    Members
    -------
    x, y : ``In(2)``
    x_signed, y_signed, first : ``In(1)``
    shift : ``In(3)``
        In digits, 0 to 6.
    o : ``Out(signed(32))``
    """

    role = "PEs"

    def __init__(self):
        super().__init__(
            {
                "x": In(2),
                "y": In(2),
                "x_signed": In(1),
                "y_signed": In(1),
                "shift": In(3),
                "first": In(1),
                "o": Out(signed(32)),
            }
        )

    def build(self):
        m = Module()
        m.submodules.brick = brick = BitBrick()
        acc = data_register(signed(32), name="acc")
        term = brick.o
        for position, bit in enumerate(self.shift):
            shifted = Signal(signed(len(term) + (2 << position)), name=f"shifted_{2 << position}")
            m.d.comb += shifted.eq(Mux(bit, term << (2 << position), term))
            term = shifted
        m.d.comb += [
            brick.x.eq(self.x),
            brick.y.eq(self.y),
            brick.x_signed.eq(self.x_signed),
            brick.y_signed.eq(self.y_signed),
            self.o.eq(acc),
        ]
        m.d.sync += acc.eq(Mux(self.first, 0, acc) + term)
        return m
