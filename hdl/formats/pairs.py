"""Marks of outlier-victim pairs: what a decoder has to know of its code's neighbour."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .. import formats
from ..checks import check_integer, check_relation
from ..stream.register_slice import RegisterSlice
from ..unit import Unit, data_register

__all__ = ["PAIR_LATENCY", "PairMarks", "pair_marks"]

#: Cycles that the second word of a pair spends in :class:`PairMarks` at least.
PAIR_LATENCY = 2


def _is_mark(code):
    return code == 1 << (len(code) - 1)


def pair_marks(m, fmt, codes, lanes):
    """Codes of pairs in neighbouring lanes, with ``outlier`` above each: ``lane_width`` bits."""
    marks = Signal(lanes, name=f"{codes.name}_marks")
    words = [Value.cast(codes).word_select(lane, fmt.bits) for lane in range(lanes)]
    m.d.comb += marks.eq(Cat(_is_mark(word) for word in words))
    return Cat(Cat(word, marks[lane ^ 1]) for lane, word in enumerate(words))


class PairMarks(Unit):
    """Of two words that follow each other, each lane is a pair; puts ``outlier`` above each code.

    A word leaves when the other of its pair is there too: 2 cycles after it came at the earliest,
    and the first of a pair not before the second has come. Throughput is one word a cycle.

    Parameters
    ----------
    lanes : int
    format : str
        One of pairs, or a set with such a format.

    Members
    -------
    i : ``In(stream.Signature(lanes * bits))``
    o : ``Out(stream.Signature(lanes * (bits + 1)))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range, or the format not one of pairs.
    """

    role = "decoders"

    def __init__(self, *, lanes, format):
        check_integer("Lane count", lanes, 1)
        self.format = fmt = formats.get(format)
        check_relation(fmt.pair, f"Format must be one of pairs, not {fmt.name!r}")
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(lanes * fmt.bits))),
                "o": Out(stream.Signature(unsigned(lanes * fmt.lane_width))),
            }
        )

    def build(self):
        m = Module()
        lanes, bits = self.parameters["lanes"], self.format.bits
        m.submodules.hold = register = RegisterSlice(width=lanes * bits)
        word = data_register(lanes * bits, name="word")
        first_marks = data_register(lanes, name="first_marks")
        present = Signal()
        second = Signal()
        moves = Signal()
        codes = [word.word_select(lane, bits) for lane in range(lanes)]
        next_marks = Cat(_is_mark(register.word.word_select(lane, bits)) for lane in range(lanes))
        outlier = Signal(lanes)
        wiring.connect(m, wiring.flipped(self.i), register.i)
        m.d.comb += [
            outlier.eq(Mux(second, first_marks, next_marks)),
            self.o.payload.eq(Cat(Cat(code, outlier[lane]) for lane, code in enumerate(codes))),
            self.o.valid.eq(present & (second | register.held)),
            moves.eq(self.o.valid & self.o.ready),
            register.take.eq(register.held & (~present | moves)),
        ]
        with m.If(moves):
            m.d.sync += [
                present.eq(0),
                second.eq(~second),
                first_marks.eq(Cat(_is_mark(code) for code in codes)),
            ]
        with m.If(register.take):
            m.d.sync += [present.eq(1), word.eq(register.word)]
        return m
