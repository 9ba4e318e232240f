"""Decoders between the codes of a stream and the operands of an array."""

from amaranth.hdl import Cat, Const, Module, Mux, unsigned
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from .. import formats
from ..checks import check_choice, check_integer, check_relation
from ..unit import Unit, data_register
from .format import chosen, named

__all__ = ["Decoder", "DecoderBank"]


def check_nan_inf(nan_inf):
    check_choice("NaN and Inf handling", nan_inf, ["saturate", "flag"])


class Decoder(Unit):
    """Turns a code into terms ``mantissa * 2**exponent``, whose sum is the operand.

    It is combinational. For OVP formats ``outlier`` is asserted when the neighbour is the victim
    identifier. For a set of formats ``kind`` selects one.

    Parameters
    ----------
    format : str
        See :func:`formats.get`.
    nan_inf : str
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
        If there is no such format, or ``nan_inf`` is none of its choices.
    """

    role = "decoders"

    def __init__(self, *, format, nan_inf="saturate"):
        self.format = fmt = formats.get(format)
        check_nan_inf(nan_inf)
        ports = {"code": In(unsigned(fmt.bits)), "o": Out(fmt.operand.shape)}
        if fmt.pair:
            ports["outlier"] = In(1)
        if fmt.type_width:
            ports["kind"] = In(fmt.type_width)
        if nan_inf == "flag":
            ports["special"] = Out(1)
        super().__init__(ports)

    def build(self):
        m = Module()
        fmt, flag = self.format, self.parameters["nan_inf"] == "flag"
        outlier = self.outlier if fmt.pair else None
        choices = []
        for type_ in fmt.types:
            code = self.code[fmt.bits - type_.bits :]
            terms = type_.decode(m, code, outlier)
            special = type_.special(code) if flag else None
            if special is not None:
                special = named(m, f"{type_.name}_flag", special)
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
    format, nan_inf
        Those of :class:`Decoder`.
    together, step : int
        Neighbours that work in the same cycle, and cycles by which the next ones are later; lanes
        are a multiple.

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

    def __init__(self, *, lanes, format, nan_inf="saturate", together=1, step=1):
        check_integer("Lane count", lanes, 1)
        check_nan_inf(nan_inf)
        check_integer("Lanes at a time", together, 1, lanes)
        check_integer("Step", step, 1)
        check_relation(
            lanes % together == 0,
            f"Lane count must be a multiple of the {together} at a time, not {lanes}",
        )
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
        params, fmt = self.parameters, self.format
        decoder = {name: params[name] for name in ("format", "nan_inf")}
        type_index = self.kind if fmt.type_width else None
        operands = []
        for lane in range(params["lanes"]):
            m.submodules[f"decoder_{lane}"] = unit = Decoder(**decoder)
            code = self.i.word_select(lane, fmt.lane_width)
            m.d.comb += unit.code.eq(code[: fmt.bits])
            if fmt.pair:
                m.d.comb += unit.outlier.eq(code[-1])
            if type_index is not None:
                m.d.comb += unit.kind.eq(type_index)
                ends = (lane + 1) % params["together"] == 0
                for cycle in range(params["step"] if ends else 0):
                    name = f"kind_{lane}" if params["step"] == 1 else f"kind_{lane}_{cycle}"
                    later = data_register(fmt.type_width, name=name)
                    m.d.sync += later.eq(type_index)
                    type_index = later
            operands.append(unit.o)
        m.d.comb += self.o.eq(Cat(operands))
        if type_index is not None:
            m.d.comb += self.kind_o.eq(type_index)
        return m
