"""Products of short floating-point numbers, exact in binary32."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib.wiring import In, Out

from ..checks import check_integer, check_relation
from ..unit import Unit, data_register
from .layout import FLOATS

__all__ = ["FpMultiply"]

_RESULT = FLOATS["fp32"]


class FpMultiply(Unit):
    """The exact product, as a binary32 code, of two numbers that are binary32 codes cut short.

    An operand has the sign, the 8 exponent bits and the topmost fraction bits of binary32: bfloat16
    with 7 of them, TF32 with 10. Significands of n and m fraction bits have products of n + m + 1,
    which binary32 holds up to 23, so nothing is rounded.

    Subnormal operands count as zeros of their sign, and products below the smallest normal number
    become zeros of their sign. Overflow gives an infinity. A NaN operand, and infinity times zero,
    give the canonical quiet NaN (0x7FC00000).

    The significands' product comes first, so that a DSP block takes multiplier and register.
    Latency is 1 cycle with ``registered``, else 0; throughput is one product a cycle.

    Parameters
    ----------
    a_mantissa, w_mantissa : int
        Fraction bits of the operands, from 1 on; at most 22 together.
    registered : int
        1 for a register after the multiplier of the significands, 0 for none.

    Members
    -------
    a : ``In(9 + a_mantissa)``
    w : ``In(9 + w_mantissa)``
    o : ``Out(32)``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "PEs"

    def __init__(self, *, a_mantissa, w_mantissa, registered):
        check_integer("Mantissa width of a", a_mantissa, 1, 21)
        check_integer("Mantissa width of w", w_mantissa, 1, 21)
        check_integer("Register count", registered, 0, 1)
        check_relation(
            a_mantissa + w_mantissa <= 22,
            f"Mantissa widths {a_mantissa} and {w_mantissa} must be at most 22 together, for "
            f"products of 23 fraction bits, not {a_mantissa + w_mantissa}",
        )
        self.latency = registered
        super().__init__({"a": In(9 + a_mantissa), "w": In(9 + w_mantissa), "o": Out(_RESULT.bits)})

    def build(self):
        m = Module()
        a_mantissa, w_mantissa = self.parameters["a_mantissa"], self.parameters["w_mantissa"]

        def stage(name, value):
            if not self.parameters["registered"]:
                signal = Signal(value.shape(), name=name)
                m.d.comb += signal.eq(value)
                return signal
            register = data_register(value.shape(), name=f"{name}_q")
            m.d.sync += register.eq(value)
            return register

        a_exponent, w_exponent = self.a[a_mantissa:-1], self.w[w_mantissa:-1]
        zero, special, nan, total = Signal(), Signal(), Signal(), Signal(9)
        # The sum of the exponent fields is above that of the product by the bias, and with another
        # 1, a carry, by 128: the low 7 bits are those of the product. The other two tell zeros, 00,
        # and infinities, 11.
        m.d.comb += [
            zero.eq(~a_exponent.any() | ~w_exponent.any()),
            special.eq(a_exponent.all() | w_exponent.all()),
            nan.eq(
                (a_exponent.all() & self.a[:a_mantissa].any())
                | (w_exponent.all() & self.w[:w_mantissa].any())
                | (special & zero)
            ),
            total.eq((Cat(Const(1, 1), a_exponent) + Cat(Const(1, 1), w_exponent))[1:]),
        ]
        top = (total[7:] & ~zero.replicate(2)) | special.replicate(2)
        product = stage(
            "product", Cat(self.a[:a_mantissa], Const(1, 1)) * Cat(self.w[:w_mantissa], Const(1, 1))
        )
        total = stage("total", Cat(total[:7], top))
        sign = stage("sign", (self.a[-1] ^ self.w[-1]) & ~nan)
        nan = stage("nan", nan)

        # The product of significands is from 1 to below 4.
        large = product[-1]
        exponent = Signal(9)
        tiny, over, clear = Signal(), Signal(), Signal()
        m.d.comb += [
            exponent.eq(total + large),
            tiny.eq(~exponent[8] & ~(exponent[7] & exponent[:7].any())),
            # Only the sum of a NaN, whose significand is above 1, comes round.
            over.eq(nan | (exponent[8] & (exponent[7] | exponent[:7].all()))),
            clear.eq(tiny | over),
        ]
        unused = _RESULT.mantissa_width - (a_mantissa + w_mantissa + 1)
        fraction = Cat(Const(0, unused), Mux(large, product[:-1], Cat(Const(0, 1), product[:-2])))
        low = _RESULT.mantissa_width - 1
        m.d.comb += self.o.eq(
            Cat(
                fraction[:low] & ~clear.replicate(low),
                (fraction[low] & ~clear) | nan,
                (Cat(exponent[:7], ~exponent[7]) & ~tiny.replicate(8)) | over.replicate(8),
                sign,
            )
        )
        return m
