"""Decoders between the codes of a stream and the operands of an array."""

from amaranth.hdl import Cat, Const, Module, Mux, Value, unsigned
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from .. import formats
from ..checks import check_choice, check_integer
from ..unit import Unit, data_register
from .format import chosen, named

__all__ = ["Decoder", "DecoderBank"]


def check_specials(specials):
    check_choice("Special values", specials, ["saturate", "flag"])


class Decoder(Unit):
    """Turns a code into terms ``mantissa * 2**exponent``, whose sum is the operand.

    It is mere logic. Of formats of pairs ``outlier`` says that the neighbour is a victim's mark.
    Of several formats ``kind`` chooses one.

    Parameters
    ----------
    format : str
        See :func:`formats.get`.
    specials : str
        What NaN and infinities count as: with ``"saturate"`` as the greatest finite number of
        their sign (NaR: as zero), with ``"flag"`` as zero; ``special`` is set for them.

    Members
    -------
    code : ``In(bits)``
        Narrower codes in the high bits.
    outlier : ``In(1)``, only of pairs
    kind : ``In(type_width)``, only of several formats
    o : ``Out(shape of the operand)``
    special : ``Out(1)``, only with ``"flag"``

    Raises
    ------
    TypeError, ValueError
        If there is no such format, or ``specials`` is none of its choices.
    """

    role = "decoders"

    def __init__(self, *, format, specials="saturate"):
        self.format = fmt = formats.get(format)
        check_specials(specials)
        ports = {"code": In(unsigned(fmt.bits)), "o": Out(fmt.operand.shape)}
        if fmt.pair:
            ports["outlier"] = In(1)
        if fmt.type_width:
            ports["kind"] = In(fmt.type_width)
        if specials == "flag":
            ports["special"] = Out(1)
        super().__init__(ports)

    def build(self):
        m = Module()
        fmt, flag = self.format, self.parameters["specials"] == "flag"
        outlier = self.outlier if fmt.pair else None
        choices = []
        for kind in fmt.types:
            code = self.code[fmt.bits - kind.bits :]
            terms = kind.decode(m, code, outlier)
            special = kind.special(code) if flag else None
            if special is not None:
                special = named(m, f"{kind.name}_flag", special)
                terms = [(Mux(special, 0, mantissa), exponent) for mantissa, exponent in terms]
            choices.append((terms, special))
        index = self.kind if fmt.type_width else Const(0)
        for number, (_, mantissa, exponent) in enumerate(fmt.operand.parts(self.o)):
            missing = (0, 0)  # a term that this type has not
            terms = [(*terms, missing, missing)[number] for terms, _ in choices]
            m.d.comb += mantissa.eq(chosen(index, enumerate(term[0] for term in terms)))
            if exponent is not None:
                m.d.comb += exponent.eq(chosen(index, enumerate(term[1] for term in terms)))
        if flag:
            specials = (0 if special is None else special for _, special in choices)
            m.d.comb += self.special.eq(chosen(index, enumerate(specials)))
        return m


class DecoderBank(Unit):
    """A decoder for each lane along a border of an array; lane *n* works *n* cycles late.

    It takes skewed codes, and the type of lane 0's, which it passes on from lane to lane.

    Parameters
    ----------
    lanes : int
    format, specials
        Those of :class:`Decoder`.

    Members
    -------
    i : ``In(lanes * lane_width)``
        The codes; above each, of pairs, ``outlier``.
    kind, kind_o : ``In``, ``Out(type_width)``, only of several formats
    o : ``Out(data.ArrayLayout(shape of the operand, lanes))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "decoders"

    def __init__(self, *, lanes, format, specials="saturate"):
        check_integer("Lane count", lanes, 1)
        check_specials(specials)
        self.format = fmt = formats.get(format)
        ports = {
            "i": In(unsigned(lanes * fmt.lane_width)),
            "o": Out(data.ArrayLayout(fmt.operand.shape, lanes)),
        }
        if fmt.type_width:
            ports |= {"kind": In(fmt.type_width), "kind_o": Out(fmt.type_width)}
        super().__init__(ports)

    def build(self):
        m = Module()
        given, fmt = self.parameters, self.format
        decoder = {name: given[name] for name in ("format", "specials")}
        kind = self.kind if fmt.type_width else None
        operands = []
        for lane in range(given["lanes"]):
            m.submodules[f"decoder_{lane}"] = unit = Decoder(**decoder)
            code = self.i.word_select(lane, fmt.lane_width)
            m.d.comb += unit.code.eq(code[: fmt.bits])
            if fmt.pair:
                m.d.comb += unit.outlier.eq(code[-1])
            if kind is not None:
                m.d.comb += unit.kind.eq(kind)
                later = data_register(fmt.type_width, name=f"kind_{lane}")
                m.d.sync += later.eq(kind)
                kind = later
            operands.append(Value.cast(unit.o))
        m.d.comb += Value.cast(self.o).eq(Cat(operands))
        if kind is not None:
            m.d.comb += self.kind_o.eq(kind)
        return m
