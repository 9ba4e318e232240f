"""Narrowing of binary32."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib.wiring import In, Out

from ..checks import check_choice
from ..unit import Unit, data_register
from .layout import FLOATS
from .rounding import rounds_up, shifted_right

__all__ = ["Narrow"]

_SINGLE = FLOATS["fp32"]


class Narrow(Unit):
    """A binary32 number in a format of 16 bits, rounded to nearest, ties to even.

    Overflow gives the infinity of the sign, infinities stay, and NaNs become the canonical quiet
    NaN (sign 0, of the fraction only the top bit). ``fp16`` results underflow gradually, as in IEEE
    754. Subnormal inputs, none of which is in the range of ``fp16``, count as zeros of their sign.

    Latency is 1 cycle; throughput is one number a cycle.

    Parameters
    ----------
    format : str
        ``"bf16"`` or ``"fp16"``.

    Members
    -------
    i : ``In(32)``
    o : ``Out(16)``

    Raises
    ------
    TypeError, ValueError
        If the format is not of its kind, or another.
    """

    role = "results"
    latency = 1

    def __init__(self, *, format):
        check_choice("Format", format, ["bf16", "fp16"])
        self.layout = FLOATS[format]
        super().__init__({"i": In(_SINGLE.bits), "o": Out(self.layout.bits)})

    def build(self):
        m = Module()
        mantissa, exponent = self.layout.mantissa_width, self.layout.exponent_width
        fraction, field, sign = self.i[:23], self.i[23:31], self.i[31]
        special, zero, nan = Signal(), Signal(), Signal()
        m.d.comb += [
            special.eq(field.all()),
            zero.eq(~field.any()),
            nan.eq(special & fraction.any()),
        ]
        dropped = _SINGLE.mantissa_width - mantissa
        if exponent == _SINGLE.exponent_width:
            # A zero's exponent leaves with its fraction below.
            kept, rest, large = self.i[dropped:31], fraction[:dropped], special
        else:
            kept, rest, large = self._gradual(m, fraction, field)
        rounded = Signal(mantissa + exponent)
        m.d.comb += rounded.eq(kept + rounds_up(kept, rest))
        infinite, clear = Signal(), Signal()
        m.d.comb += [
            infinite.eq(large | rounded[mantissa:].all()),
            clear.eq(infinite | zero),
        ]
        out = Cat(
            rounded[: mantissa - 1] & ~clear.replicate(mantissa - 1),
            (rounded[mantissa - 1] & ~clear) | nan,
            (rounded[mantissa:] & ~zero.replicate(exponent)) | infinite.replicate(exponent),
            sign & ~nan,
        )
        register = data_register(self.layout.bits, name="o_q")
        m.d.sync += register.eq(out)
        m.d.comb += self.o.eq(register)
        return m

    def _gradual(self, m, fraction, field):
        """Magnitude and bits below it in a format of fewer exponents, and overflow of these."""
        mantissa = self.layout.mantissa_width
        offset = _SINGLE.bias - self.layout.bias
        dropped = _SINGLE.mantissa_width - mantissa
        subnormal, distance = Signal(), Signal(range(mantissa + 3))
        # From this distance on nothing but a sticky bit is left.
        furthest = mantissa + 2
        m.d.comb += [
            subnormal.eq(field <= offset),
            distance.eq(
                Mux(field < offset + 1 - furthest, furthest, (offset + 1 - field)[: len(distance)])
            ),
        ]
        wide = Cat(fraction[dropped - 1 :], Const(1, 1))
        tiny, lost = shifted_right(m, wide, distance, fraction[: dropped - 1].any())
        normal = Cat(fraction[dropped:], (field - offset)[: self.layout.exponent_width])
        kept = Mux(subnormal, tiny[1:], normal)
        guard = Mux(subnormal, tiny[0], fraction[dropped - 1])
        sticky = Mux(subnormal, lost, fraction[: dropped - 1].any())
        return kept, Cat(sticky, guard), field >= offset + self.layout.special
