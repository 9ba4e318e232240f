"""Decoder of a whole outlier-victim pair."""

from amaranth.hdl import Module, unsigned
from amaranth.lib.wiring import In, Out

from .. import formats
from ..checks import check_choice, check_relation
from ..unit import Unit
from .decoder import Decoder

__all__ = ["PairDecoder"]


class PairDecoder(Unit):
    """Turns a byte, or two of 8-bit codes, into two operands ``mantissa * 2**exponent``.

    OliVe's decoder by itself, for designs of other people's: the arrays here have one decoder for
    each code, and carry what it has to know of its neighbour along. It is combinational.

    Parameters
    ----------
    format : str
        ``ovp_int4``, ``ovp_flint4``, ``ovp_int8`` or ``ovp_int8_e2m5``.
    even : str
        Which half of ``code`` is the even element's: ``"low"`` or ``"high"``. The paper does not
        say; neighbours in memory are ``"low"`` first on machines of today.
    undefined : str
        What two victims' marks are, which no encoder makes: with ``"zeros"`` two zeros; with
        ``"outlier"`` the even one is the victim, and the odd one what its code is as an outlier's,
        the least negative: what a decoder finds that looks at the even mark first.

    Members
    -------
    code : ``In(2 * bits)``
    even, odd : ``Out(shape of the operand)``

    Raises
    ------
    TypeError, ValueError
        If a parameter is none of its choices.
    """

    role = "decoders"

    def __init__(self, *, format, even="low", undefined="zeros"):
        self.format = fmt = formats.get(format)
        # Also no set of them, of which there would be one to choose.
        check_relation(
            fmt.pair and not fmt.type_width, f"Format must be one of pairs, not {fmt.name!r}"
        )
        check_choice("Place of the even element", even, ["low", "high"])
        check_choice("Undefined pair", undefined, ["zeros", "outlier"])
        super().__init__(
            {
                "code": In(unsigned(2 * fmt.bits)),
                "even": Out(fmt.operand.shape),
                "odd": Out(fmt.operand.shape),
            }
        )

    def build(self):
        m = Module()
        fmt = self.format
        halves = [self.code[: fmt.bits], self.code[fmt.bits :]]
        even, odd = halves if self.parameters["even"] == "low" else reversed(halves)
        for name, code, neighbour in (("even", even, odd), ("odd", odd, even)):
            m.submodules[f"{name}_decoder"] = decoder = Decoder(format=fmt.name)
            m.d.comb += [decoder.code.eq(code), decoder.outlier.eq(fmt.mark(neighbour))]
            m.d.comb += getattr(self, name).eq(decoder.o)
        if self.parameters["undefined"] == "outlier":
            # The mark as an outlier: minus one and a zero fraction, with the least exponent.
            (_, mantissa, exponent), *_ = fmt.operand.parts(self.odd)
            with m.If(fmt.mark(even) & fmt.mark(odd)):
                m.d.comb += [mantissa.eq(-(1 << fmt.mantissa_bits)), exponent.eq(fmt.bias)]
        return m
