"""Product of the scale of a group of weights and that of a block of activations."""

from typing import NamedTuple

from amaranth.hdl import Cat, Const, Module, Mux, unsigned
from amaranth.lib.wiring import In, Out

from ..checks import check_choice
from ..formats.format import named
from ..unit import Unit
from .float_decoder import FloatDecoder
from .layout import FLOATS

__all__ = ["SCALES", "ScaleLayout", "ScaleProduct"]

_SINGLE = FLOATS["fp32"]


class ScaleLayout(NamedTuple):
    """Width of the code of a scale, and its fraction bits."""

    bits: int
    mantissa: int


#: Formats of scales.
SCALES = {
    "fp16": ScaleLayout(16, 10),
    "bf16": ScaleLayout(16, 7),
    "e4m3": ScaleLayout(8, 3),
    "e8m0": ScaleLayout(8, 0),
}


class ScaleProduct(Unit):
    """The product of two scales as a binary32 code cut short: it is exact, and combinational.

    ``e8m0`` is OCP's power of two, 2^(code - 127), with NaN for 255 (OCP Microscaling Formats 1.0,
    section 5.4.1). Other scales are those of the number formats, with their infinities and NaN;
    subnormals of ``bf16`` count as zeros. A product below the smallest normal binary32 number is
    zero, one beyond the largest infinite; NaN has a fraction.

    Parameters
    ----------
    w_scale : str
        ``"fp16"``, ``"bf16"``, ``"e4m3"`` or ``"e8m0"``.
    a_scale : str
        ``"none"``, ``"e4m3"`` or ``"e8m0"``.

    Members
    -------
    w : ``In(bits of w_scale)``
    a : ``In(bits of a_scale)``, unless there is none
    o : ``Out(9 + mantissa)``, for a mantissa of 0 of 10 bits
        See :class:`FpScale`.

    Raises
    ------
    TypeError, ValueError
        If a format is none of its choices.
    """

    role = "accumulators"

    def __init__(self, *, w_scale, a_scale):
        check_choice("Weight scale format", w_scale, tuple(SCALES))
        check_choice("Activation scale format", a_scale, ("none", "e4m3", "e8m0"))
        #: Fraction bits of the product.
        self.mantissa = SCALES[w_scale].mantissa
        ports = {"w": In(unsigned(SCALES[w_scale].bits))}
        if a_scale != "none":
            ports["a"] = In(unsigned(SCALES[a_scale].bits))
            both = self.mantissa > 0 and SCALES[a_scale].mantissa > 0
            self.mantissa += SCALES[a_scale].mantissa + both
        super().__init__(ports | {"o": Out(9 + max(1, self.mantissa))})
        self.sides = {"w": w_scale} | ({"a": a_scale} if a_scale != "none" else {})

    def build(self):
        m = Module()
        parts = [self._parts(m, side, name) for side, name in self.sides.items()]
        sign, exponent, significand, zero, infinite, nan = parts[0]
        rebias = 0
        if len(parts) == 2:
            other = parts[1]
            zero_times_infinity = (zero & other[4]) | (infinite & other[3])
            nan = nan | other[5] | zero_times_infinity
            zero, infinite = zero | other[3], infinite | other[4]
            sign = sign ^ other[0]
            exponent, rebias = exponent + other[1], _SINGLE.bias
            if len(significand) == 1 or len(other[2]) == 1:
                significand = significand if len(other[2]) == 1 else other[2]
            else:
                product = named(m, "product", significand * other[2])
                large = product[-1]
                exponent = exponent + large
                significand = named(m, "normal", Mux(large, product, product << 1)[: len(product)])
        exponent = named(m, "exponent", exponent)
        tiny = named(m, "tiny", (exponent <= rebias) | zero)
        over = named(m, "over", (exponent >= rebias + _SINGLE.special) | infinite)
        nan = named(m, "nan_product", nan)
        clear = named(m, "clear", tiny | over | nan)
        stored = max(1, self.mantissa)
        fraction = significand[:-1] if self.mantissa else Const(0, 1)
        field = Mux(tiny, 0, (exponent - rebias)[:8])
        m.d.comb += self.o.eq(
            Cat(
                Mux(clear, Cat(Const(0, stored - 1), nan), fraction),
                Mux(over | nan, _SINGLE.special, field)[:8],
                sign & ~nan,
            )
        )
        return m

    def _parts(self, m, side, name):
        """Sign, exponent field of binary32, significand, and whether zero, infinite, NaN."""
        code = getattr(self, side)
        if name == "e8m0":
            # The field of 0 is the power of two below the smallest normal number.
            return Const(0, 1), code, Const(1, 1), Const(0, 1), Const(0, 1), code.all()
        decoder = FloatDecoder(format=name)
        m.submodules[f"{side}_decoder"] = decoder
        m.d.comb += decoder.code.eq(code)
        mantissa = SCALES[name].mantissa
        fraction, field = decoder.o[:mantissa], decoder.o[mantissa:-1]
        special = field.all()
        return (
            decoder.o[-1],
            field,
            Cat(fraction, Const(1, 1)),
            ~field.any(),
            special & ~fraction.any(),
            special & fraction.any(),
        )
