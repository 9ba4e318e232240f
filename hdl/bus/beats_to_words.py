"""Words of a core out of the beats of a bus."""

from itertools import pairwise

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..unit import Unit, data_register
from .layout import beat_layout, word_layout, word_of_packet

__all__ = ["BeatsToWords"]


class BeatsToWords(Unit):
    """Takes the beats of packets apart, or puts them together, to words: see :class:`WordLayout`.

    In a beat of several words those count whose lowest byte has ``keep``, from the first on
    as far as there is no gap. Of wider words a beat counts if its lowest byte has ``keep``.
    The last word of a packet has ``last``.

    ``broken`` tells that a packet ended within a word, or with a beat without any, or that there
    was a gap: it comes with the transfer of that beat. The part of a word is dropped, the next
    packet is right again.

    A word is offered in the cycle after its last beat came. Throughput is one word a cycle, or one
    beat a cycle where a word takes several. ``i.ready`` depends on ``o.ready``.

    Parameters
    ----------
    width, data_width : int
        Widths of a word and of a beat in bits.

    Members
    -------
    i : ``In(stream.Signature(beat_layout(data_width)))``
    o : ``Out(stream.Signature(word_of_packet(width)))``
    broken : ``Out(1)``

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
                "i": In(stream.Signature(beat_layout(data_width))),
                "o": Out(stream.Signature(word_of_packet(width))),
                "broken": Out(1),
            }
        )

    def build(self):
        m = Module()
        if self.layout.beats_per_word > 1:
            self._collect(m)
        else:
            self._deal(m)
        return m

    def _deal(self, m):
        """A beat in a register for each word; they move down as the lowest one leaves."""
        layout, slots = self.layout, self.layout.words_per_beat
        beat, word = self.i.payload, self.o.payload
        held = Signal(slots)
        last = data_register(1, name="last")
        takes = Signal()
        comes = Signal(slots)
        words = [data_register(layout.width, name=f"word_{slot}") for slot in range(slots)]
        keeps = [beat.keep[slot * layout.stride] for slot in range(slots)]
        m.d.comb += [
            *(comes[slot].eq(Cat(keeps[: slot + 1]).all()) for slot in range(slots)),
            word.word.eq(words[0]),
            word.last.eq(last & ~held[1] if slots > 1 else last),
            self.o.valid.eq(held[0]),
            self.i.ready.eq(~held[0] | (self.o.ready & ~held[1:].any())),
            takes.eq(self.i.valid & self.i.ready),
            self.broken.eq(takes & ((beat.last & ~keeps[0]) | (Cat(keeps) != comes))),
        ]
        with m.If(self.i.ready):
            m.d.sync += [held.eq(comes & self.i.valid.replicate(slots)), last.eq(beat.last)]
            for slot, register in enumerate(words):
                low = slot * layout.stride * 8
                m.d.sync += register.eq(beat.data[low : low + layout.width])
        with m.Elif(self.o.ready):
            m.d.sync += held.eq(held[1:])
            for register, above in pairwise(words):
                m.d.sync += register.eq(above)

    def _collect(self, m):
        """A register for each beat of a word."""
        layout, beats = self.layout, self.layout.beats_per_word
        beat, word = self.i.payload, self.o.payload
        full = Signal()
        last = data_register(1, name="last")
        takes = Signal()
        ends = Signal()
        place = Signal(index_shape(beats))
        pieces = []
        for number in range(beats):
            low = number * layout.data_width
            width = min(layout.data_width, layout.width - low)
            piece = data_register(width, name=f"beat_{number}")
            with m.If(takes & (place == number)):
                m.d.sync += piece.eq(beat.data[:width])
            pieces.append(piece)
        m.d.comb += [
            word.word.eq(Cat(pieces)),
            word.last.eq(last),
            self.o.valid.eq(full),
            self.i.ready.eq(~full | self.o.ready),
            takes.eq(self.i.valid & self.i.ready & beat.keep[0]),
            ends.eq(takes & (place == beats - 1)),
            self.broken.eq(self.i.valid & self.i.ready & beat.last & ~ends),
        ]
        with m.If(self.i.ready):
            m.d.sync += [full.eq(ends), last.eq(beat.last)]
        with m.If(takes):
            m.d.sync += place.eq(place + 1)
        with m.If(ends | self.broken):
            m.d.sync += place.eq(0)
