"""Sequencing of the weight-stationary engine."""

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..checks import check_choice, check_integer
from ..output.accumulator import visit_layout
from ..stream.fifo import Fifo
from ..stream.register_slice import RegisterSlice
from ..unit import Unit, data_register

__all__ = ["SequencerWs", "results_owed", "tile_layout"]


def tile_layout(depth, **widths):
    """One tile: ``length`` rows of activations less one (as AXI counts), ``first``, ``last``.

    ``first`` and ``last`` mark the first and the last tile of K for these accumulators. There
    follow, of the widths given, ``a_type`` and ``w_type``, which of several formats its operands
    have, and ``close``, whether the tile ends a group of terms that have a scale. A field of width
    0 is left out.
    """
    fields = {"length": index_shape(depth), "first": 1, "last": 1}
    return data.StructLayout(fields | {name: int(w) for name, w in widths.items() if w})


def results_owed(tile):
    """Words of results that a tile owes: the last tile of an accumulation group owes its rows."""
    return Mux(tile.last, tile.length + 1, 0)


class SequencerWs(Unit):
    """Lets one row of activations after the other into the array.

    A row goes (``step``) when it is there, its tile is known, the tile's weights are loaded, and,
    in the last tile of K, there is room for its result. Tiles follow each other without a gap,
    except that each accumulator is visited at most every ``revisit`` cycles: after a tile of fewer
    rows the next waits for as many cycles as rows are missing. Where weights take as long to load
    it never waits for this, unless rows were late and weights were not.

    Parameters
    ----------
    depth : int
        Rows of the accumulators.
    revisit : int
        Least distance of two visits of the same row of the accumulators in cycles.
    a_type : int
        Width of the tiles' ``a_type``.
    ahead : int
        Tiles that can be known at a time. A tile can begin 2 cycles after it was accepted.
    groups : str
        Groups of terms with a scale: ``"none"``, each ``"tile"``, or ``"tiles"`` up to one that
        has ``close`` set, as each tile with ``last`` has.

    Members
    -------
    tiles : ``In(stream.Signature(tile_layout(depth, a_type=a_type)))``
    acts_held, weights_loaded, room, may_launch : ``In(1)``
        A row is there; so are the tile's weights; a result word is free; a run may be launched.
    step : ``Out(1)``
    a_type : ``Out(a_type)``, unless it has no bits
        That of the row.
    swap, last : ``Out(1)``
        The row is a tile's first, its last.
    visit : ``Out(visit_layout(depth))``
        What the accumulators are to do with its partial sums.
    emit : ``Out(1)``
        Its sums are results.
    launch : ``Out(1)``
        They are the first of a run.
    scale_held : ``In(1)``, with groups
        The scales of the next group are there.
    opens, closes, begins : ``Out(1)``, with groups
        The row is of the first, and of the last, tile of a group; of the first group of its sums.
    claim : ``Out(1)``, with groups
        The row is the first of a tile that ends a group.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "control"

    def __init__(self, *, depth, revisit, a_type=0, ahead=3, groups="none"):
        check_integer("Accumulator depth", depth, 1)
        check_integer("Revisit distance", revisit, 1)
        check_integer("Type width", a_type, 0)
        check_integer("Tiles ahead", ahead, 3)
        check_choice("Groups", groups, ("none", "tile", "tiles"))
        layout = tile_layout(depth, a_type=a_type, close=groups == "tiles")
        ports = {
            "tiles": In(stream.Signature(layout)),
            "acts_held": In(1),
            "weights_loaded": In(1),
            "room": In(1),
            "may_launch": In(1),
            "step": Out(1),
            "swap": Out(1),
            "last": Out(1),
            "visit": Out(visit_layout(depth)),
            "emit": Out(1),
            "launch": Out(1),
        }
        if a_type:
            ports["a_type"] = Out(a_type)
        if groups != "none":
            ports["scale_held"] = In(1)
            ports |= {name: Out(1) for name in ("opens", "closes", "begins", "claim")}
        super().__init__(ports)

    def build(self):
        m = Module()
        layout = self.tiles.payload.shape()
        width = len(Value.cast(self.tiles.payload))
        m.submodules.queue = queue = Fifo(width=width, depth=self.parameters["ahead"] - 1)
        m.submodules.current = current = RegisterSlice(width=width)
        tile = data.View(layout, current.word)
        row = Signal(index_shape(self.parameters["depth"]))
        missing = self.parameters["revisit"] - 1  # rows, of a tile of one
        pause = Signal(range(missing + 1))
        at_start = Signal(init=1)
        at_end = Signal()
        wiring.connect(m, wiring.flipped(self.tiles), queue.i)
        wiring.connect(m, queue.o, current.i)
        may_begin = self.weights_loaded & (pause == 0)
        if self.parameters["groups"] != "none":
            may_begin &= self._groups(m, tile, at_start, at_end)
        m.d.comb += [
            at_end.eq(row == tile.length),
            self.step.eq(
                current.held
                & self.acts_held
                & (may_begin | ~at_start)
                & (~tile.last | (self.room & (self.may_launch | ~at_start)))
            ),
            self.last.eq(self.step & at_end),
            current.take.eq(self.last),
            self.swap.eq(self.step & at_start),
            self.visit.valid.eq(self.step),
            self.visit.first.eq(tile.first),
            self.visit.row.eq(row),
            self.emit.eq(self.step & tile.last),
            self.launch.eq(self.emit & at_start),
        ]
        if self.parameters["a_type"]:
            m.d.comb += self.a_type.eq(tile.a_type)
        with m.If(pause != 0):
            m.d.sync += pause.eq(pause - 1)
        with m.If(self.step):
            m.d.sync += [row.eq(row + 1), at_start.eq(at_end)]
            with m.If(at_end):
                m.d.sync += row.eq(0)
                with m.If(tile.length < missing):
                    m.d.sync += pause.eq(missing - tile.length)
        return m

    def _groups(self, m, tile, at_start, at_end):
        """Flags of the row about groups; returns whether its tile can have its scales."""
        closes = tile.close if self.parameters["groups"] == "tiles" else Const(1, 1)
        opens = Signal(init=1)
        # The tiles so far of these sums are in one group, which is not complete. After a reset the
        # first tile tells by itself that it begins sums.
        begun = data_register(1, name="begun")
        begins = Signal()
        m.d.comb += [
            begins.eq(tile.first | begun),
            self.opens.eq(opens),
            self.closes.eq(closes),
            self.begins.eq(begins),
            self.claim.eq(self.step & at_start & closes),
        ]
        with m.If(self.step & at_end):
            m.d.sync += [opens.eq(closes), begun.eq(begins & ~closes)]
        return self.scale_held | ~closes
