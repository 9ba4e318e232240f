"""Products of binary32 numbers and short ones, rounded."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib.wiring import In, Out

from ..checks import check_integer
from ..formats.format import named
from ..unit import Unit, data_register
from .layout import FLOATS

__all__ = ["FpScale"]

_SINGLE = FLOATS["fp32"]


class FpScale(Unit):
    """The product of a binary32 number and one cut short, rounded to nearest, ties to even.

    The second operand has the sign, the 8 exponent bits and the topmost fraction bits of binary32;
    without any fraction bits it is a power of two, and nothing is multiplied. Subnormal operands
    count as zeros of their sign, and products that are below the smallest normal number after a
    rounding to all 24 significand bits become zeros of their sign. Overflow gives an infinity. A
    NaN operand, and infinity times zero, give the canonical quiet NaN (0x7FC00000).

    Latency is 2 cycles; throughput is one product a cycle.

    Parameters
    ----------
    mantissa : int
        Fraction bits of the second operand, 0 to 23.

    Members
    -------
    a : ``In(32)``
    scale : ``In(9 + mantissa)``, or ``In(10)`` without a fraction: its lowest bit marks NaN
    o : ``Out(32)``

    Raises
    ------
    TypeError, ValueError
        If ``mantissa`` is not an integer or out of range.
    """

    role = "accumulators"
    latency = 2

    def __init__(self, *, mantissa):
        check_integer("Mantissa width", mantissa, 0, 23)
        scale = 1 + _SINGLE.exponent_width + max(1, mantissa)
        super().__init__({"a": In(_SINGLE.bits), "scale": In(scale), "o": Out(_SINGLE.bits)})

    def build(self):
        m = Module()
        width, fields = _SINGLE.mantissa_width, _SINGLE.exponent_width
        mantissa = self.parameters["mantissa"]
        stored = max(1, mantissa)
        a_exponent, s_exponent = self.a[width:-1], self.scale[stored:-1]
        zero = named(m, "zero", ~a_exponent.any() | ~s_exponent.any())
        special = named(m, "special", a_exponent.all() | s_exponent.all())
        nan = named(
            m,
            "nan",
            (a_exponent.all() & self.a[:width].any())
            | (s_exponent.all() & self.scale[:stored].any())
            | (special & zero),
        )
        significand = Cat(self.a[:width], Const(1, 1))
        factor = Cat(self.scale[:mantissa], Const(1, 1))
        product = significand * factor if mantissa else significand

        def stage(name, value):
            register = data_register(value.shape(), name=f"{name}_q")
            m.d.sync += register.eq(value)
            return register

        product = stage("product", product)
        # Zeros and infinities are told by the smallest and the greatest sum of exponents.
        total = stage(
            "total",
            ((a_exponent + s_exponent) & ~zero.replicate(fields + 1))
            | special.replicate(fields + 1),
        )
        sign = stage("sign", (self.a[-1] ^ self.scale[-1]) & ~nan)
        nan = stage("nan", nan)

        # The product of significands is from 1 to below 4.
        large = named(m, "large", product[-1]) if mantissa else Const(0, 1)
        normal = named(m, "normal", Mux(large, product, product << 1)[: len(product)])
        if not mantissa:
            normal = product
        lost = len(normal) - width - 1
        fraction = normal[lost : lost + width]
        up = Const(0, 1)
        if lost:
            up = normal[lost - 1] & (normal[: lost - 1].any() | fraction[0])
        exponent = named(m, "exponent", total + large)
        # A carry out of the fraction, then all zero, goes into the exponent.
        rounded = Signal(width + fields + 2)
        m.d.comb += rounded.eq(Cat(fraction, exponent) + up)
        field = rounded[width:]
        tiny = named(m, "tiny", field <= _SINGLE.bias)
        over = named(m, "over", field >= _SINGLE.bias + _SINGLE.special)
        clear = named(m, "clear", tiny | over)
        result = Cat(
            rounded[: width - 1] & ~clear.replicate(width - 1),
            (rounded[width - 1] & ~clear) | nan,
            ((field - _SINGLE.bias)[:fields] & ~tiny.replicate(fields)) | over.replicate(fields),
            sign,
        )
        m.d.comb += self.o.eq(stage("result", result))
        return m
