"""Addition of floating-point numbers."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib.wiring import In, Out

from ..arith.leading import normalized
from ..checks import check_integer
from ..unit import Unit, data_register
from .layout import FloatLayout
from .rounding import rounds_up, shifted_right

__all__ = ["FpAdd"]


class FpAdd(Unit):
    """The sum of two floating-point numbers, rounded to nearest, ties to even.

    IEEE 754 but for subnormal numbers: subnormal inputs count as zeros of their sign, and results
    below the smallest normal number become zeros of their sign. Overflow gives an infinity. A NaN
    is always the canonical quiet one (sign 0, of the fraction only the top bit); the sum of
    infinities of opposite signs is NaN. ``x + (-x)`` is +0, and -0 + -0 is -0. Intel's AMX defines
    its bf16 dot product (TDPBF16PS) the same way.

    The operand of larger magnitude passes unshifted. The other is aligned to it, with a guard bit,
    a round bit and a sticky bit behind the fraction.

    Latency is 3 cycles; throughput is one sum a cycle.

    Parameters
    ----------
    exponent_width : int
        3 to 8 bits; binary32 has 8.
    mantissa_width : int
        Bits of the fraction without the hidden bit, 2 to 23; binary32 has 23.

    Members
    -------
    a, b : ``In(1 + exponent_width + mantissa_width)``
    o : ``Out(1 + exponent_width + mantissa_width)``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "PEs"
    latency = 3

    def __init__(self, *, exponent_width, mantissa_width):
        check_integer("Exponent width", exponent_width, 3, 8)
        check_integer("Mantissa width", mantissa_width, 2, 23)
        self.layout = FloatLayout(exponent_width=exponent_width, mantissa_width=mantissa_width)
        bits = self.layout.bits
        super().__init__({"a": In(bits), "b": In(bits), "o": Out(bits)})

    def build(self):
        m = Module()
        aligned = self._align(m)
        total = self._add(m, *aligned)
        self._round(m, *total)
        return m

    def _align(self, m):
        """First stage: the larger operand, and the smaller one shifted to its exponent."""
        mantissa, exponent = self.layout.mantissa_width, self.layout.exponent_width
        magnitude = mantissa + exponent
        a, b = self.a, self.b

        # One subtraction both compares the magnitudes and gives the distance of the exponents: the
        # fractions borrow 1 from it.
        difference = _named(m, "difference", a[:magnitude] - b[:magnitude])
        less = difference[magnitude]
        borrow = difference[mantissa] ^ a[mantissa] ^ b[mantissa]
        distance = Signal(exponent)
        upper = difference[mantissa:magnitude] ^ less.replicate(exponent)
        m.d.comb += distance.eq(upper + (less ^ borrow))

        a_zero = _named(m, "a_zero", ~a[mantissa:magnitude].any())
        b_zero = _named(m, "b_zero", ~b[mantissa:magnitude].any())
        y_zero = _named(m, "y_zero", Mux(less, a_zero, b_zero))
        x_exponent = _named(
            m, "x_exponent", Mux(less, b[mantissa:magnitude], a[mantissa:magnitude])
        )
        x_fraction = _named(m, "x_fraction", Mux(less, b[:mantissa], a[:mantissa]))
        sign = Mux(less, b[-1], a[-1])
        subtract = _named(m, "subtract", a[-1] ^ b[-1])

        # A NaN has the largest magnitude of all, so it is the operand x.
        special = _named(m, "special", x_exponent.all())
        nan = _named(m, "nan", special & (x_fraction.any() | (subtract & ~distance.any())))
        # Behind this many positions only the sticky bit is left. Nothing changes an infinity.
        steps = (mantissa + 2).bit_length()
        far = _named(m, "far", distance[steps:].any())
        keep_a = _named(m, "keep_a", less & ~far & ~a_zero & ~special)
        keep_b = _named(m, "keep_b", ~less & ~far & ~b_zero & ~special)
        y = Cat(
            Const(0, 2),
            (a[:mantissa] & keep_a.replicate(mantissa))
            | (b[:mantissa] & keep_b.replicate(mantissa)),
            keep_a | keep_b,
        )
        lost = far & ~y_zero & ~special
        y, lost = shifted_right(m, y, distance[:steps], lost)

        # Zeros of opposite signs add to +0; the smallest exponent makes all of x a zero.
        positive = nan | (subtract & a_zero & b_zero)
        return (
            _register(m, "x_fraction_q", x_fraction),
            _register(m, "y_q", y),
            _register(m, "lost_q", lost),
            _register(m, "subtract_q", subtract),
            _register(m, "sign_q", sign & ~positive),
            _register(m, "x_exponent_q", x_exponent),
            _register(m, "nan_q", nan),
        )

    def _add(self, m, x_fraction, y, lost, subtract, sign, exponent, nan):
        """Second stage: the sum or the difference of the significands, never negative."""
        width = len(y)
        x = Cat(Const(0, 2), x_fraction, Const(1, 1))
        # What was shifted out of a subtrahend borrows 1 and leaves a rest.
        carry = subtract & ~lost
        total = _named(m, "total", Cat(Const(1, 1), x) + Cat(carry, y ^ subtract.replicate(width)))[
            1:
        ]
        total = Cat(lost, total[:width], total[width] & ~subtract)
        return (
            _register(m, "total_q", total),
            _register(m, "sign_qq", sign),
            _register(m, "x_exponent_qq", exponent),
            _register(m, "nan_qq", nan),
        )

    def _round(self, m, total, sign, x_exponent, nan):
        """Third stage: normalized, rounded, and packed."""
        mantissa, exponent = self.layout.mantissa_width, self.layout.exponent_width
        # Only neighbouring exponents cancel more than a bit: nothing is behind the guard bit then.
        value, distance = normalized(m, total, near=2)
        zero = ~value[-1]
        fraction = value[4:-1]
        # One less than the exponent field: the 1 that is missing is added with the rounding.
        field = _named(m, "field", x_exponent - distance)
        rounded = Signal(mantissa + exponent)
        up = Cat(rounds_up(fraction, value[:4]), Const(0, mantissa - 1), Const(1, 1))
        m.d.comb += rounded.eq(Cat(fraction, field[:exponent]) + up)
        # No tiny sum needs rounding: its bits are multiples of the smallest subnormal number.
        tiny = _named(m, "tiny", zero | field[-1])
        # An infinity or a NaN comes as the operand x, alone, and has this field, too.
        clear = _named(m, "clear", tiny | rounded[mantissa:].all())
        out = Cat(
            rounded[: mantissa - 1] & ~clear.replicate(mantissa - 1),
            (rounded[mantissa - 1] & ~clear) | nan,
            rounded[mantissa:] & ~tiny.replicate(exponent),
            sign & ~zero,
        )
        m.d.comb += self.o.eq(_register(m, "o_q", out))


def _named(m, name, value):
    signal = Signal(value.shape(), name=name)
    m.d.comb += signal.eq(value)
    return signal


def _register(m, name, value):
    register = data_register(value.shape(), name=name)
    m.d.sync += register.eq(value)
    return register
