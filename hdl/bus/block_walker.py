"""From the index of a block-sparse matrix to tiles of its blocks."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from ..checks import check_integer, check_relation
from ..stream.fifo import Fifo
from ..unit import Unit, data_register
from .layout import word_of_packet

__all__ = ["BlockWalker"]

#: Tiles that wait for the core, beside those that it knows: their rows are read ahead.
_AHEAD = 4

#: Bits of a number of blocks, and of a block column.
_COUNT_WIDTH = 32


class BlockWalker(Unit):
    """Walks through a matrix in the format BSR: a tile for each of its blocks.

    ``row_ptr`` has an entry for each block row and one more: where its blocks begin in ``col_idx``,
    and at last how many these are. ``col_idx`` has the block column of each block. A block row is
    a run: its first tile has ``first`` set, its last one ``last``. A block row without blocks has
    one tile all the same, of block column 0, for its results. With each tile goes the number of
    the rows of activations that meet it, its block column.

    ``row_ptr`` begins with 0, never descends, and ends with ``count``. ``failed`` tells of an entry
    that does not; its block row is taken for one without blocks. All entries of both are taken,
    and a walk always ends.

    **Throughput** is a tile in 2 cycles, and one cycle more for each block row. Up to 4 tiles wait
    in front of the core.

    Parameters
    ----------
    width : int
        Bits of a tile's word.
    first, last : int
        Those that mark the first and the last tile of a run.

    Members
    -------
    start : ``In(1)``
        A walk begins; only while not ``busy``, with ``tile`` and ``count`` in that cycle.
    tile : ``In(width)``
        The word of every tile, but for ``first`` and ``last``.
    count : ``In(32)``
        Blocks.
    row_ptr : ``In(stream.Signature(word_of_packet(32)))``
        One packet for each walk.
    col_idx : ``In(stream.Signature(32))``
    o : ``Out(stream.Signature(word_of_packet(width)))``
        Tiles, one packet for each walk.
    blocks : ``Out(stream.Signature(32))``
        Block columns.
    busy : ``Out(1)``
    failed : ``Out(1)``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "bus"

    def __init__(self, *, width, first, last):
        check_integer("Tile width", width, 2, 32)
        check_integer("Bit of the first tile", first, 0, width - 1)
        check_integer("Bit of the last tile", last, 0, width - 1)
        check_relation(first != last, f"Bits of the first and the last tile must differ: {first}")
        super().__init__(
            {
                "start": In(1),
                "tile": In(width),
                "count": In(_COUNT_WIDTH),
                "row_ptr": In(stream.Signature(word_of_packet(_COUNT_WIDTH))),
                "col_idx": In(stream.Signature(_COUNT_WIDTH)),
                "o": Out(stream.Signature(word_of_packet(width))),
                "blocks": Out(stream.Signature(_COUNT_WIDTH)),
                "busy": Out(1),
                "failed": Out(1),
            }
        )

    def build(self):
        m = Module()
        params = self.parameters
        m.submodules.tiles = queue = Fifo(width=params["width"] + 1, depth=_AHEAD)
        tile = data_register(params["width"], name="tile_q")
        count = data_register(_COUNT_WIDTH, name="count_q")
        begun = data_register(1, name="begun")  # the first entry of ``row_ptr`` was taken
        final = data_register(1, name="final")  # the block row is the last one
        first = data_register(1, name="first")
        last = data_register(1, name="last")
        at = data_register(_COUNT_WIDTH, name="at")  # blocks so far
        end = data_register(_COUNT_WIDTH, name="end")  # ... and with this block row
        number = data_register(_COUNT_WIDTH, name="number")
        following = Signal(_COUNT_WIDTH)
        empty = Signal()
        entry = self.row_ptr.payload
        wrong = Signal()
        walking = Signal()
        marks = {params["first"]: first, params["last"]: last}
        word = Cat(marks.get(bit, tile[bit]) for bit in range(params["width"]))
        m.d.comb += [
            following.eq(at + 1),
            empty.eq(at == end),
            wrong.eq(
                Mux(
                    begun,
                    (entry.word < at) | (entry.word > count) | (entry.last & (entry.word != count)),
                    entry.word != 0,
                )
            ),
            queue.i.payload.eq(Cat(word, last & final)),
            self.o.payload.eq(queue.o.payload),
            self.blocks.payload.eq(number),
            self.o.valid.eq(queue.o.valid),
            queue.o.ready.eq(self.o.ready),
            self.busy.eq(walking | queue.o.valid),
        ]
        m.d.sync += self.failed.eq(0)
        with m.FSM() as machine:
            m.d.comb += walking.eq(~machine.ongoing("IDLE"))
            with m.State("IDLE"):
                m.d.sync += [tile.eq(self.tile), count.eq(self.count), begun.eq(0), at.eq(0)]
                with m.If(self.start):
                    m.next = "ROW"
            # The entry of ``row_ptr`` that ends a block row is awaited; the first one ends none.
            with m.State("ROW"):
                m.d.comb += self.row_ptr.ready.eq(1)
                m.d.sync += [first.eq(1), final.eq(entry.last), end.eq(entry.word)]
                with m.If(wrong):
                    m.d.sync += end.eq(at)
                with m.If(self.row_ptr.valid):
                    m.d.sync += [begun.eq(1), self.failed.eq(wrong)]
                    with m.If(begun):
                        m.next = "BLOCK"
                    with m.Elif(entry.last):
                        m.next = "REST"
            # The next block of the block row; ``at`` is before ``end``, or there is none.
            with m.State("BLOCK"):
                m.d.comb += self.col_idx.ready.eq(~empty)
                m.d.sync += [number.eq(self.col_idx.payload), last.eq(following == end)]
                with m.If(empty):
                    m.d.sync += [number.eq(0), last.eq(1)]
                    m.next = "TILE"
                with m.Elif(self.col_idx.valid):
                    m.d.sync += at.eq(following)
                    m.next = "TILE"
            # Tile and block column leave in the same cycle.
            with m.State("TILE"):
                m.d.comb += [
                    self.blocks.valid.eq(queue.i.ready),
                    queue.i.valid.eq(self.blocks.ready),
                ]
                m.d.sync += first.eq(first & ~(queue.i.ready & self.blocks.ready))
                with m.If(queue.i.ready & self.blocks.ready):
                    m.next = "BLOCK"
                    with m.If(last):
                        m.next = "ROW"
                    with m.If(last & final):
                        m.next = "REST"
            # Blocks beyond those of the block rows, after a wrong entry.
            with m.State("REST"):
                m.d.comb += self.col_idx.ready.eq(at != count)
                with m.If(at == count):
                    m.next = "IDLE"
                with m.Elif(self.col_idx.valid):
                    m.d.sync += at.eq(following)
        return m
