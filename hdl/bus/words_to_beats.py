"""Beats of a bus out of the words of a core."""

from itertools import pairwise

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..unit import Unit, data_register
from .layout import beat_layout, word_layout, word_of_packet

__all__ = ["WordsToBeats"]


class WordsToBeats(Unit):
    """The inverse of :class:`BeatsToWords`: several words in a beat, or beats for a word.

    A beat of several words leaves when it is full, or with the last word of a packet; ``keep``
    tells which words it has. Bits between a word and the next are zero; words that a beat has not
    are those of the beats before.

    A beat is offered in the cycle after its last word came. Throughput is one word a cycle, or one
    beat a cycle where a word takes several. ``i.ready`` depends on ``o.ready``.

    Parameters
    ----------
    width, data_width : int
        Widths of a word and of a beat in bits.

    Members
    -------
    i : ``In(stream.Signature(word_of_packet(width)))``
    o : ``Out(stream.Signature(beat_layout(data_width)))``

    Raises
    ------
    TypeError, ValueError
        What :func:`word_layout` raises.
    """

    role = "bus"

    def __init__(self, *, width, data_width):
        self.layout = word_layout(width, data_width)
        super().__init__(
            {
                "i": In(stream.Signature(word_of_packet(width))),
                "o": Out(stream.Signature(beat_layout(data_width))),
            }
        )

    def build(self):
        m = Module()
        if self.layout.beats_per_word > 1:
            self._deal(m)
        else:
            self._collect(m)
        return m

    def _collect(self, m):
        """A register for each word of a beat."""
        layout, slots = self.layout, self.layout.words_per_beat
        word, beat = self.i.payload, self.o.payload
        full = Signal()
        last = data_register(1, name="last")
        takes = Signal()
        ends = Signal()
        place = Signal(index_shape(slots))
        # A beat always has its first word.
        kept = [Const(1), *(data_register(1, name=f"kept_{slot}") for slot in range(1, slots))]
        filled = []
        for slot in range(slots):
            register = data_register(layout.width, name=f"word_{slot}")
            with m.If(takes & (place == slot)):
                m.d.sync += register.eq(word.word)
            filled.append(Cat(register, Const(0, layout.stride * 8 - layout.width)))
        m.d.comb += [
            beat.data.eq(Cat(filled)),
            beat.keep.eq(Cat(bit.replicate(layout.stride) for bit in kept)),
            beat.last.eq(last),
            self.o.valid.eq(full),
            self.i.ready.eq(~full | self.o.ready),
            takes.eq(self.i.valid & self.i.ready),
            ends.eq(takes & (word.last | (place == slots - 1))),
        ]
        with m.If(self.i.ready):
            m.d.sync += [full.eq(ends), last.eq(word.last)]
        with m.If(takes):
            m.d.sync += place.eq(Mux(ends, 0, place + 1))
            for below, above in pairwise(kept):
                m.d.sync += above.eq(below & (place != 0))

    def _deal(self, m):
        """A word in a register for each beat; they move down as the lowest one leaves."""
        layout, beats = self.layout, self.layout.beats_per_word
        word, beat = self.i.payload, self.o.payload
        held = Signal(beats)
        last = data_register(1, name="last")
        ends = [min((number + 1) * layout.data_width, layout.width) for number in range(beats)]
        starts = [number * layout.data_width for number in range(beats)]
        pieces = [
            data_register(end - start, name=f"beat_{number}")
            for number, (start, end) in enumerate(zip(starts, ends, strict=True))
        ]
        m.d.comb += [
            beat.data.eq(pieces[0]),
            beat.keep.eq(~0),
            beat.last.eq(last & ~held[1]),
            self.o.valid.eq(held[0]),
            self.i.ready.eq(~held[0] | (self.o.ready & ~held[1])),
        ]
        with m.If(self.i.ready):
            m.d.sync += [held.eq(self.i.valid.replicate(beats)), last.eq(word.last)]
            for piece, start, end in zip(pieces, starts, ends, strict=True):
                m.d.sync += piece.eq(word.word[start:end])
        with m.Elif(self.o.ready):
            m.d.sync += held.eq(held[1:])
            for piece, above in pairwise(pieces):
                m.d.sync += piece.eq(above)
