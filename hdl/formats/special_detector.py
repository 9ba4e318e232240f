"""Detection of codes that are no numbers."""

from functools import reduce
from operator import or_

from amaranth.hdl import Module, unsigned
from amaranth.lib.wiring import In, Out

from .. import formats
from ..checks import check_integer, check_relation
from ..unit import Unit

__all__ = ["SpecialDetector"]


class SpecialDetector(Unit):
    """Whether any lane of a word is NaN, NaR or an infinity. It is combinational.

    Parameters
    ----------
    lanes : int
    format : str
        One that has such codes, or a set with one.

    Members
    -------
    i : ``In(lanes * lane_width)``
    kind : ``In(type_width)``, only of several formats
    o : ``Out(1)``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range, or the format has no such codes.
    """

    role = "decoders"

    def __init__(self, *, lanes, format):
        check_integer("Lane count", lanes, 1)
        self.format = fmt = formats.get(format)
        check_relation(
            fmt.has_special, f"Format must have special values, which {fmt.name!r} has not"
        )
        ports = {"i": In(unsigned(lanes * fmt.lane_width)), "o": Out(1)}
        if fmt.type_width:
            ports["kind"] = In(fmt.type_width)
        super().__init__(ports)

    def build(self):
        m = Module()
        fmt = self.format
        lanes = [
            self.i.word_select(lane, fmt.lane_width)[: fmt.bits]
            for lane in range(self.parameters["lanes"])
        ]
        flags = []
        for index, type_ in enumerate(fmt.types):
            special = [type_.special(code[fmt.bits - type_.bits :]) for code in lanes]
            if special[0] is not None:
                selected = (self.kind == index) if fmt.type_width else 1
                flags.append(reduce(or_, special) & selected)
        m.d.comb += self.o.eq(reduce(or_, flags))
        return m
