"""Products of integers and short floating-point numbers, rounded."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib.wiring import In, Out

from ..arith.leading import normalized
from ..checks import check_integer, check_relation
from ..formats.format import named
from ..unit import Unit, data_register
from .layout import FLOATS
from .rounding import rounds_up

__all__ = ["IntScale", "scales_exactly"]

_SINGLE = FLOATS["fp32"]


def scales_exactly(width, unit, mantissa):
    """Whether the rounding of :class:`IntScale` is that of two, :class:`ToFloat`'s and then that of
    :class:`FpScale`.

    So it is if no rounding of the integers themselves lies between, or the scale is a power of two,
    and neither can they overflow nor underflow.
    """
    exact = mantissa == 0 or width <= _SINGLE.mantissa_width + 2
    return exact and unit >= 1 - _SINGLE.bias and unit + width - 1 <= _SINGLE.bias


class IntScale(Unit):
    """The product of ``i * 2**unit`` and a short number in binary32, to nearest, ties to even.

    The scale is that of :class:`FpScale`, whose rules for subnormals, underflow, overflow, NaN and
    infinities are these, too. The sign of a zero is that of the scale, as integers have only +0.
    The integer is multiplied as it comes, and normalized and rounded only then: there is one shift
    and one rounding, where :class:`ToFloat` before :class:`FpScale` has two.

    Latency is 4 cycles, 3 for powers of two, from the integer; the scale comes a cycle behind the
    integer. Throughput is one product a cycle.

    Parameters
    ----------
    width : int
        Bits of the integers, 2 to 128.
    unit : int
        Binary exponent of an integer's last bit, -1024 to 1024.
    mantissa : int
        Fraction bits of the scale, 0 to 23.

    Members
    -------
    i : ``In(signed(width))``
    scale : ``In(9 + mantissa)``, or ``In(10)`` without a fraction: its lowest bit marks NaN
    o : ``Out(32)``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range, or a product rounds twice.
    """

    role = "accumulators"

    def __init__(self, *, width, unit, mantissa):
        check_integer("Width", width, 2, 128)
        check_integer("Unit", unit, -1024, 1024)
        check_integer("Mantissa width", mantissa, 0, _SINGLE.mantissa_width)
        check_relation(
            scales_exactly(width, unit, mantissa),
            f"Integers of {width} bits and the unit {unit} must be numbers of binary32 for scales "
            f"of {mantissa} fraction bits",
        )
        self.latency = 4 if mantissa else 3
        scale = 1 + _SINGLE.exponent_width + max(1, mantissa)
        super().__init__({"i": In(signed(width)), "scale": In(scale), "o": Out(_SINGLE.bits)})

    def build(self):
        m = Module()
        fields, mantissa = _SINGLE.exponent_width, self.parameters["mantissa"]
        # The magnitude of the lowest integer has as many bits as the integer.
        negative = self.i[-1]
        magnitude = _stage(m, "magnitude", Mux(negative, -self.i, self.i)[: len(self.i)])
        sign = _stage(m, "sign", negative)

        fraction, exponent = self.scale[: -fields - 1], self.scale[-fields - 1 : -1]
        product, sign = magnitude, sign ^ self.scale[-1]
        nan = exponent.all() & fraction.any()
        if mantissa:
            product = _stage(m, "product", magnitude * Cat(fraction, Const(1, 1)))
            sign, exponent = _stage(m, "sign_q", sign), _stage(m, "exponent", exponent)
            nan = _stage(m, "nan", nan)
        significand, rest, field, nan = self._normalize(m, product, exponent, nan)
        sign = _stage(m, "sign_qq", sign & ~nan)
        nan = _stage(m, "nan_q", nan)
        self._round(m, significand, rest, field, sign, nan)
        return m

    def _normalize(self, m, product, exponent, nan):
        """The product with its top bit in place, the bits below it, and its exponent field."""
        width, fields = _SINGLE.mantissa_width, _SINGLE.exponent_width
        below = max(width + 1 - len(product), 0)
        value, distance = normalized(m, Cat(Const(0, below), product))
        lost = value[: -width - 1]
        rest = Cat(lost[:-1].any(), lost[-1]) if len(lost) > 1 else lost
        zero = named(m, "zero", ~value[-1] | ~exponent.any())
        special = named(m, "special", exponent.all())
        # That of a number whose top bit is one, with the scale 2^-bias; the scale's field comes on
        # top. Beyond the limits no carry of the rounding reaches the numbers between.
        unit = self.parameters["unit"] - self.parameters["mantissa"]
        top_field = len(product) - 1 + unit
        bits = max(abs(top_field) + len(product), 1 << fields).bit_length() + 2
        total = Signal(signed(bits), name="total")
        m.d.comb += total.eq(exponent + top_field - distance)
        field = Signal(signed(bits), name="field")
        m.d.comb += field.eq(total)
        with m.If(special):
            m.d.comb += field.eq(_SINGLE.special)
        with m.Elif(zero):
            m.d.comb += field.eq(-1)
        return (
            _stage(m, "significand", value[-width - 1 : -1]),
            _stage(m, "rest", rest) if len(lost) else None,
            _stage(m, "field_q", field),
            nan | (special & ~value[-1]),
        )

    def _round(self, m, fraction, rest, field, sign, nan):
        """The code of a product whose exponent field may be out of range."""
        width, fields = _SINGLE.mantissa_width, _SINGLE.exponent_width
        rounded = Signal(signed(width + len(field) + 1))
        up = Const(0, 1) if rest is None else rounds_up(fraction, rest)
        m.d.comb += rounded.eq(Cat(fraction, field).as_signed() + up)
        field = rounded[width:].as_signed()
        tiny = named(m, "tiny", field <= 0)
        over = named(m, "over", field >= _SINGLE.special)
        clear = named(m, "clear", tiny | over)
        result = Cat(
            rounded[: width - 1] & ~clear.replicate(width - 1),
            (rounded[width - 1] & ~clear) | nan,
            (field[:fields] & ~tiny.replicate(fields)) | over.replicate(fields),
            sign,
        )
        m.d.comb += self.o.eq(_stage(m, "result", result))


def _stage(m, name, value):
    register = data_register(value.shape(), name=name)
    m.d.sync += register.eq(value)
    return register
