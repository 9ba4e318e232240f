"""One word of a stream, held until it is taken."""

from amaranth.hdl import Module, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from ..checks import check_integer
from ..unit import Unit, data_register

__all__ = ["RegisterSlice"]


class RegisterSlice(Unit):
    """Keeps the word that arrived last, for logic that decides by itself when to use it.

    ``take``, allowed when ``held``, gives the word up in this cycle; the next one can be there in
    the next. Latency is 1 cycle, throughput one word a cycle. ``ready`` depends on ``take``, but
    not on ``valid``.

    Parameters
    ----------
    width : int
        Width of a word in bits.

    Members
    -------
    i : ``In(stream.Signature(width))``
    held : ``Out(1)``
    word : ``Out(width)``
    take : ``In(1)``

    Raises
    ------
    TypeError, ValueError
        If the width is not a positive integer.
    """

    role = "queues"

    def __init__(self, *, width):
        check_integer("Word width", width, 1)
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(width))),
                "held": Out(1),
                "word": Out(width),
                "take": In(1),
            }
        )

    def build(self):
        m = Module()
        word = data_register(self.parameters["width"], name="word_q")
        m.d.comb += [self.i.ready.eq(~self.held | self.take), self.word.eq(word)]
        with m.If(self.i.ready):
            m.d.sync += [self.held.eq(self.i.valid), word.eq(self.i.payload)]
        return m
