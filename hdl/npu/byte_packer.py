"""Runs of bytes from words of one size into words of another."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..checks import check_integer, check_relation
from ..unit import Unit, data_register

__all__ = ["BytePacker", "packed_layout", "piece_layout"]


def piece_layout(in_bytes, out_sizes, byte_width):
    """A word with bytes of a run.

    ``move`` is where the word's byte 0 goes, relative to the end of the bytes before it; 0 but for
    the first word of a run. Bytes from ``end`` on are not of the run. ``size`` is an index into
    ``out_sizes``, the same for all words of a run; ``last`` marks the run's last word.
    """
    return data.StructLayout(
        {
            "data": in_bytes * byte_width,
            "move": signed(max(in_bytes, *out_sizes).bit_length() + 1),
            "end": range(in_bytes + 1),
            "last": 1,
            "size": index_shape(len(out_sizes)),
        }
    )


def packed_layout(out_sizes, byte_width):
    """A word with ``count`` bytes of a run, and whether it is the run's last."""
    most = max(out_sizes)
    return data.StructLayout({"data": most * byte_width, "count": range(most + 1), "last": 1})


class BytePacker(Unit):
    """Packs the bytes of each run into consecutive words; a run begins with a new word.

    The first word of a run gives up its lowest ``-move`` bytes, or leaves ``move`` bytes ahead of
    it in the run's first word out: these are zero. ``count`` includes them; bytes from ``count``
    on are of no use, or those behind ``end`` in the word that came.

    A word is offered in the cycle after its last byte came. With ``move`` of 0 or less, a run takes
    as many cycles as it has words at the side with more of them, and runs of equal ``size`` follow
    each other without a gap. A run with ``move`` above 0 may take a cycle more if the side that
    comes has the smaller words. ``i.ready`` depends on ``i.payload`` and ``o.ready``.

    Parameters
    ----------
    in_bytes : int
        Bytes of a word that comes, 1 to 64.
    out_sizes : tuple of int
        Bytes of words that leave, each 1 to 64; ``size`` chooses.
    byte_width : int
        Bits of a byte, with what goes beside it.

    Members
    -------
    i : ``In(stream.Signature(piece_layout(...)))``
        ``move`` is more than ``-end`` and less than the word's size.
    o : ``Out(stream.Signature(packed_layout(...)))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range, or there is no size.
    """

    role = "npu DMA"

    def __init__(self, *, in_bytes, out_sizes, byte_width):
        check_integer("Bytes in", in_bytes, 1, 64)
        check_relation(len(out_sizes) > 0, "Sizes of words must be at least one, not none")
        for size in out_sizes:
            check_integer("Bytes out", size, 1, 64)
        check_integer("Byte width", byte_width, 1)
        super().__init__(
            {
                "i": In(stream.Signature(piece_layout(in_bytes, out_sizes, byte_width))),
                "o": Out(stream.Signature(packed_layout(out_sizes, byte_width))),
            }
        )

    def build(self):
        m = Module()
        sizes, width = self.parameters["out_sizes"], self.parameters["byte_width"]
        piece, word = self.i.payload, self.o.payload
        # A word, and another one that comes.
        most = max(sizes) + self.parameters["in_bytes"]
        held = data_register(most * width, name="held")
        moved = Signal.like(held)  # without the bytes that leave
        count = Signal(range(most + 1))
        size = data_register(len(piece.size), name="size")
        ending = Signal()  # all bytes are here of the run that came last
        # The word that is offered is the last of its run, behind it is the next run.
        closed = Signal()
        closing = data_register(range(max(sizes) + 1), name="closing")  # bytes of that word
        bytes_out = Signal(range(max(sizes) + 1))
        kept = Signal.like(count)  # of ``count``, after what leaves
        last = Signal()
        takes = Signal()
        gives = Signal()
        joins = Signal()
        base = Signal.like(count)
        position = Signal(signed(len(piece.move) + 1))
        total = Signal.like(count)
        ends = Signal()
        m.d.comb += [
            bytes_out.eq(_choose(size, sizes)),
            gives.eq(self.o.valid & self.o.ready),
            last.eq(closed | (ending & (count <= bytes_out))),
            ends.eq(ending & ~(gives & last & ~closed)),
            kept.eq(Mux(gives, Mux(ends | ~ending, count - bytes_out, 0), count)),
            joins.eq((kept != 0) & ending),
            self.i.ready.eq(
                (kept == 0)
                | (
                    (gives | ~self.o.valid)
                    & (kept <= bytes_out)
                    & (~ending | ((piece.size == size) & (piece.move <= 0)))
                )
            ),
            takes.eq(self.i.valid & self.i.ready),
            base.eq(Mux(joins, bytes_out, kept)),
            position.eq(base + piece.move),
            total.eq(position + piece.end),
            word.data.eq(held),
            word.count.eq(Mux(closed, closing, Mux(count < bytes_out, count, bytes_out))),
            word.last.eq(last),
            moved.eq(held),
        ]
        for number, each in enumerate(sizes):
            with m.If(gives & (size == number)):
                m.d.comb += moved.eq(held[each * width :])
        placed = self._place(m, position, most)
        m.d.sync += held.eq(
            Cat(
                Mux(takes & (base <= n), placed.word_select(n, width), moved.word_select(n, width))
                for n in range(most)
            )
        )
        with m.If(takes):
            m.d.sync += [
                count.eq(total),
                size.eq(piece.size),
                ending.eq(piece.last),
                closed.eq(joins),
                closing.eq(kept),
                self.o.valid.eq(joins | piece.last | (total >= _choose(piece.size, sizes))),
            ]
        with m.Elif(gives):
            m.d.sync += [
                count.eq(kept),
                ending.eq(ends),
                closed.eq(0),
                self.o.valid.eq(ends | (kept >= bytes_out)),
            ]
        return m

    def _place(self, m, position, most):
        """The word in a ring of bytes, its byte 0 at ``position``: a shift to either side."""
        width = self.parameters["byte_width"]
        levels = (most - 1).bit_length()
        ring = Cat(self.i.payload.data, Const(0, (width << levels) - len(self.i.payload.data)))
        for level in range(levels):
            turned = Signal(width << levels, name=f"turned_{level}")
            m.d.comb += turned.eq(Mux(position[level], ring.rotate_left(width << level), ring))
            ring = turned
        return ring


def _choose(index, values):
    """The value with an index."""
    chosen = Const(values[0])
    for number, value in enumerate(values[1:], 1):
        chosen = Mux(index == number, value, chosen)
    return chosen
