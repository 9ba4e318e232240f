"""Conversion of integers to floating point."""

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, signed
from amaranth.lib.wiring import In, Out

from ..arith.leading import normalized
from ..checks import check_choice, check_integer
from ..unit import Unit, data_register
from .layout import FLOATS
from .rounding import rounds_up

__all__ = ["ToFloat"]


class ToFloat(Unit):
    """The floating-point number nearest to ``i * 2**unit``, rounded once, ties to even.

    Integers are fixed-point numbers whose last bit has a constant weight, such as exact sums of
    products of floats. Overflow gives the infinity of the sign; zero is +0.

    ``fp16`` results underflow gradually, as in IEEE 754: below the smallest normal number they are
    rounded to multiples of the smallest subnormal one. ``fp32`` and ``bf16`` results that are below
    the smallest normal number after a rounding to all their significand bits become zeros of their
    sign.

    Latency is 3 cycles; throughput is one integer a cycle.

    Parameters
    ----------
    width : int
        Bits of the integers, 2 to 128.
    unit : int
        Binary exponent of an integer's last bit, -1024 to 1024.
    format : str
        ``"fp32"``, ``"bf16"`` or ``"fp16"``.

    Members
    -------
    i : ``In(signed(width))``
    o : ``Out(32)``, or ``Out(16)``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "results"
    latency = 3

    def __init__(self, *, width, unit, format):
        check_integer("Width", width, 2, 128)
        check_integer("Unit", unit, -1024, 1024)
        check_choice("Format", format, list(FLOATS))
        self.layout = FLOATS[format]
        super().__init__({"i": In(signed(width)), "o": Out(self.layout.bits)})

    def build(self):
        m = Module()
        width, unit = self.parameters["width"], self.parameters["unit"]
        gradual = self.parameters["format"] == "fp16"
        mantissa = self.layout.mantissa_width

        def stage(name, value):
            register = data_register(value.shape(), name=name)
            m.d.sync += register.eq(value)
            return register

        # The magnitude of the lowest integer has as many bits as the integer.
        negative = self.i[-1]
        magnitude = stage("magnitude", Mux(negative, -self.i, self.i)[:width])
        sign = stage("sign", negative)

        # The exponent field of a number whose top bit is one. Where subnormal numbers are wanted,
        # no shift goes beyond the field 1.
        top_field = width - 1 + unit + self.layout.bias
        most, above = None, 0
        if gradual:
            # Numbers as far below the last bit as this are nothing but a sticky bit.
            above = min(max(1 - top_field, 0), mantissa + 2)
            top_field += above
            most = top_field - 1 if top_field - 1 < width - 1 else None
        # A significand and a guard bit at least, and bits below.
        below = max(mantissa + 2 - width - above, 0)
        value = Cat(Const(0, below), magnitude, Const(0, above))
        if above == 0:
            value, distance = normalized(m, value, most)
        else:
            distance = Const(0, 1)
        rest = value[: -mantissa - 1]
        significand = stage("significand", value[-mantissa - 1 :])
        rest = stage("rest", Cat(rest[:-1].any(), rest[-1]))
        distance = stage("distance", distance)
        sign = stage("sign_q", sign)

        fields = range(min(top_field - width + 1, 0), max(top_field, 0) + 1)
        field = Signal(signed(Shape.cast(fields).width + 1))
        with m.If(significand[-1]):
            m.d.comb += field.eq(top_field - distance)
        fraction = significand[:-1]
        rounded = Signal(signed(mantissa + len(field) + 1))
        m.d.comb += rounded.eq(Cat(fraction, field).as_signed() + rounds_up(fraction, rest))
        m.d.comb += self.o.eq(stage("o_q", self._packed(m, rounded, sign, gradual)))
        return m

    def _packed(self, m, rounded, sign, gradual):
        """The code of a rounded number, whose exponent field may be out of range."""
        mantissa, exponent = self.layout.mantissa_width, self.layout.exponent_width
        field = rounded[mantissa:].as_signed()
        over, tiny, clear = Signal(), Signal(), Signal()
        m.d.comb += [
            over.eq(field >= self.layout.special),
            clear.eq(over | tiny),
        ]
        if not gradual:
            m.d.comb += tiny.eq(field <= 0)
        return Cat(
            rounded[:mantissa] & ~clear.replicate(mantissa),
            (field[:exponent] | over.replicate(exponent)) & ~tiny.replicate(exponent),
            sign,
        )
