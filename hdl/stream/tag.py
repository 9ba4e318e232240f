"""Words of one stream beside those of another, which come more rarely."""

from amaranth.hdl import Cat, Module, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..checks import check_integer
from ..unit import Unit

__all__ = ["Tag"]


class Tag(Unit):
    """Puts a tag above each word; the same one above ``count`` words, then the next.

    It is combinational but for a counter: latency is 0, throughput one word a cycle. ``valid`` of
    each input reaches ``o.valid`` and the other's ``ready`` within a cycle.

    Parameters
    ----------
    width, tag_width : int
        Widths of a word and a tag in bits.
    count : int
        Words for each tag.

    Members
    -------
    i : ``In(stream.Signature(width))``
    tags : ``In(stream.Signature(tag_width))``
    o : ``Out(stream.Signature(width + tag_width))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a positive integer.
    """

    role = "control"

    def __init__(self, *, width, tag_width, count):
        check_integer("Word width", width, 1)
        check_integer("Tag width", tag_width, 1)
        check_integer("Word count", count, 1)
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(width))),
                "tags": In(stream.Signature(unsigned(tag_width))),
                "o": Out(stream.Signature(unsigned(width + tag_width))),
            }
        )

    def build(self):
        m = Module()
        last = self.parameters["count"] - 1
        number = Signal(index_shape(last + 1))
        moves = Signal()
        m.d.comb += [
            self.o.payload.eq(Cat(self.i.payload, self.tags.payload)),
            self.o.valid.eq(self.i.valid & self.tags.valid),
            moves.eq(self.o.valid & self.o.ready),
            self.i.ready.eq(self.o.ready & self.tags.valid),
            self.tags.ready.eq(moves & (number == last)),
        ]
        with m.If(moves):
            m.d.sync += number.eq(number + 1)
            with m.If(number == last):
                m.d.sync += number.eq(0)
        return m
