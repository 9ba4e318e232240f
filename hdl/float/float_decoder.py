"""Decoder from codes of small floats to truncated binary32 codes."""

from amaranth.hdl import Cat, Const, Module, Mux, unsigned
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from .. import formats
from ..arith.leading import leading_zeros
from ..checks import check_integer, check_relation
from ..formats.format import named
from ..formats.small_float import SmallFloat
from ..unit import Unit
from .layout import FLOATS

__all__ = ["FloatDecoder", "FloatDecoderBank", "float_format", "truncated_width"]


def float_format(name, subject):
    """The small float called ``name`` whose numbers are normal in binary32.

    Raises
    ------
    TypeError, ValueError
        If there is no such format; the message begins with ``subject``.
    """
    fmt = formats.get(name, subject)
    check_relation(
        isinstance(fmt, SmallFloat) and fmt.exponent_bits <= FLOATS["fp32"].exponent_width,
        f"{subject} must be a small float for sums in fp32, such as bf16, not {name!r}",
    )
    return fmt


def truncated_width(fmt):
    """Bits of a binary32 code that is cut off behind the fraction bits of a small float."""
    return 1 + FLOATS["fp32"].exponent_width + fmt.mantissa_bits


class FloatDecoder(Unit):
    """Turns the code of a small float into a binary32 code without the low fraction bits.

    All values are kept: subnormals, which are normal in binary32, are normalized; infinities stay
    infinities, and a NaN becomes the quiet NaN of its sign. Formats with the exponent of binary32
    pass unchanged, their subnormals and NaNs included. The decoder is combinational.

    Parameters
    ----------
    format : str
        A small float of at most 8 exponent bits.

    Members
    -------
    code : ``In(bits)``
    o : ``Out(9 + fraction bits)``

    Raises
    ------
    TypeError, ValueError
        If there is no such format, or it is no small float.
    """

    role = "decoders"

    def __init__(self, *, format):
        self.format = fmt = float_format(format, "Format")
        super().__init__({"code": In(unsigned(fmt.bits)), "o": Out(truncated_width(fmt))})

    def build(self):
        m = Module()
        fmt = self.format
        single = FLOATS["fp32"]
        if fmt.exponent_bits == single.exponent_width:
            m.d.comb += self.o.eq(self.code)
            return m
        fraction = self.code[: fmt.mantissa_bits]
        field = self.code[fmt.mantissa_bits : -1]
        subnormal = named(m, "subnormal", field == 0)
        rebias = single.bias - fmt.bias
        exponent, normalized = field + rebias, fraction
        zero = Const(0)
        if fmt.mantissa_bits:
            # The leading one of a subnormal becomes the hidden bit.
            zeros = named(m, "zeros", leading_zeros(fraction))
            shifted = named(m, "shifted", (fraction << zeros << 1)[: fmt.mantissa_bits])
            normalized = Mux(subnormal, shifted, fraction)
            exponent = Mux(subnormal, rebias - zeros, exponent)
            zero = fraction == 0
        else:
            zero = Const(1)
        exponent = Mux(subnormal & zero, 0, exponent)[: single.exponent_width]
        special = fmt.special(self.code)
        if special is not None:
            special = named(m, "special", special)
            nan = fraction.any() if fmt.has_infinity else Const(1)
            top = Cat(Const(0, max(0, fmt.mantissa_bits - 1)), nan)
            normalized = Mux(special, top, normalized)
            exponent = Mux(special, (1 << single.exponent_width) - 1, exponent)
        m.d.comb += self.o.eq(Cat(normalized[: fmt.mantissa_bits], exponent[:8], self.code[-1]))
        return m


class FloatDecoderBank(Unit):
    """A :class:`FloatDecoder` for each lane along a border of an array.

    Parameters
    ----------
    lanes : int
    format : str

    Members
    -------
    i : ``In(lanes * bits)``
    o : ``Out(data.ArrayLayout(9 + fraction bits, lanes))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "decoders"

    def __init__(self, *, lanes, format):
        check_integer("Lane count", lanes, 1)
        self.format = fmt = float_format(format, "Format")
        super().__init__(
            {
                "i": In(unsigned(lanes * fmt.bits)),
                "o": Out(data.ArrayLayout(truncated_width(fmt), lanes)),
            }
        )

    def build(self):
        m = Module()
        for lane in range(self.parameters["lanes"]):
            m.submodules[f"decoder_{lane}"] = unit = FloatDecoder(format=self.format.name)
            m.d.comb += [
                unit.code.eq(self.i.word_select(lane, self.format.bits)),
                self.o[lane].eq(unit.o),
            ]
        return m
