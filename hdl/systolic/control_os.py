"""Sequencing of the output-stationary engine."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..checks import check_integer
from ..stream.fifo import Fifo
from ..unit import Unit, connect_stream

__all__ = ["ControlOs", "tile_layout"]


def tile_layout(*, rows, max_k):
    """One tile: ``length`` terms and ``height`` rows of results, each less one (as AXI counts)."""
    return data.StructLayout({"length": index_shape(max_k), "height": index_shape(rows)})


class ControlOs(Unit):
    """Lets one pair of operand words after the other into the array.

    A pair goes (``step``) when both words are there and their tile is known. The last of a tile
    waits in addition until there is room for its results, and until ``rows`` cycles after that of
    the tile before, because the rows' sums leave one after the other.

    Parameters
    ----------
    rows : int
    max_k : int
        Most terms of a tile.
    depth : int
        Words in the result queue.

    Members
    -------
    tiles : ``In(stream.Signature(tile_layout(...)))``
    acts_held, weights_held, may_launch : ``In(1)``
        The words are there; a run of results may be launched.
    room : ``In(range(depth + 1))``
        Free words in the result queue.
    step, first, launch : ``Out(1)``
        A pair of words goes; it is its tile's first; it is its tile's last.
    emit : ``Out(1)``
        High for as many cycles as the tile has rows, from ``launch`` on.
    reserve : ``Out(range(rows + 1))``
        Words to be reserved in this cycle.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a positive integer.
    """

    def __init__(self, *, rows, max_k, depth):
        check_integer("Row count", rows, 1)
        check_integer("Largest K", max_k, 1)
        check_integer("Result queue depth", depth, 2)
        super().__init__(
            {
                "tiles": In(stream.Signature(tile_layout(rows=rows, max_k=max_k))),
                "acts_held": In(1),
                "weights_held": In(1),
                "may_launch": In(1),
                "room": In(range(depth + 1)),
                "step": Out(1),
                "first": Out(1),
                "launch": Out(1),
                "emit": Out(1),
                "reserve": Out(range(rows + 1)),
            }
        )

    def build(self):
        m = Module()
        rows = self.parameters["rows"]
        layout = self.tiles.payload.shape()
        m.submodules.queue = queue = Fifo(width=len(Value.cast(self.tiles.payload)), depth=2)
        tile = data.View(layout, queue.o.payload)
        term = Signal(index_shape(self.parameters["max_k"]))
        spacing = Signal(index_shape(rows))
        left = Signal(index_shape(rows))
        at_end = Signal()
        m.d.comb += [
            *connect_stream(self.tiles, queue.i),
            at_end.eq(term == tile.length),
            self.step.eq(
                queue.o.valid
                & self.acts_held
                & self.weights_held
                & (~at_end | ((spacing == 0) & self.may_launch & (self.room > tile.height)))
            ),
            self.first.eq(self.step & (term == 0)),
            self.launch.eq(self.step & at_end),
            queue.o.ready.eq(self.launch),
            self.emit.eq(self.launch | (left != 0)),
            self.reserve.eq(Mux(self.launch, tile.height + 1, 0)),
        ]
        with m.If(self.step):
            m.d.sync += term.eq(term + 1)
        with m.If(self.launch):
            m.d.sync += [term.eq(0), spacing.eq(rows - 1), left.eq(tile.height)]
        with m.Else():
            with m.If(spacing != 0):
                m.d.sync += spacing.eq(spacing - 1)
            with m.If(left != 0):
                m.d.sync += left.eq(left - 1)
        return m
