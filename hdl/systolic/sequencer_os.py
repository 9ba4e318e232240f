"""Sequencing of the output-stationary engine."""

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..checks import check_integer, check_relation
from ..stream.fifo import Fifo
from ..unit import Unit

__all__ = ["SequencerOs", "tile_layout"]


def tile_layout(*, rows, max_k, a_type=0, w_type=0, multipass=0):
    """One tile: ``length`` terms and ``height`` rows of results, each less one (as AXI counts).

    There follow ``a_type`` and ``w_type``, of the widths given: which of several formats its
    operands have. One of width 0, of a format that needs no choice, is left out. With
    ``multipass`` a tile has one or more passes, of one type each. Every pass has a word, and
    ``first`` and ``last`` mark the first and the last of a tile.
    """
    fields = {"length": index_shape(max_k), "height": index_shape(rows)}
    fields |= {"a_type": a_type} if a_type else {}
    fields |= {"w_type": w_type} if w_type else {}
    fields |= {"first": 1, "last": 1} if multipass else {}
    return data.StructLayout(fields)


class SequencerOs(Unit):
    """Lets one pair of operand words after the other into the array.

    A pair goes (``step``) when both words are there and their tile is known. The last of a tile
    waits in addition until there is room for its results, and until ``rows`` cycles after that of
    the tile before, because the rows' sums leave one after the other.

    PEs that interleave several sums take a word of activations for each group of rows and a single
    word of weights in turn for each term. A step of the group *g* then goes in every ``groups``-th
    cycle only, *g* cycles after those of group 0; with the tile's first step a new turn begins, in
    any cycle. The last group's step ends a term.

    Parameters
    ----------
    rows : int
        Most rows of results of a tile.
    max_k : int
        Most terms of a tile.
    depth : int
        Words in the result queue.
    a_type, w_type, multipass : int
        Those of :func:`tile_layout`.
    groups : int
        Sums that a PE interleaves.

    Members
    -------
    tiles : ``In(stream.Signature(tile_layout(...)))``
    acts_held, weights_held, may_launch : ``In(1)``
        The words are there; a run of results may be launched.
    room : ``In(range(depth + 1))``
        Free words in the result queue.
    step, first, launch : ``Out(1)``
        A pair of words goes; it is its tile's first, with groups the first of its group; it is its
        tile's last.
    load : ``Out(1)``, if there are several groups
        Group 0 goes: the word of weights is taken, and stays in use for the other groups.
    a_type, w_type : ``Out``, unless they have no bits
        Those of the pair of words.
    emit : ``Out(1)``
        High for as many cycles as the tile has rows, from ``launch`` on.
    reserve : ``Out(range(rows + 1))``
        Words to be reserved in this cycle.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range, or tiles have both groups and passes.
    """

    role = "control"

    def __init__(self, *, rows, max_k, depth, a_type=0, w_type=0, multipass=0, groups=1):
        check_integer("Row count", rows, 1)
        check_integer("Largest K", max_k, 1)
        check_integer("Result queue depth", depth, 2)
        types = {"a_type": a_type, "w_type": w_type}
        for width in types.values():
            check_integer("Type width", width, 0)
        check_integer("Multipass", multipass, 0, 1)
        check_integer("Group count", groups, 1)
        check_relation(
            groups == 1 or not multipass,
            f"Group count must be 1 for tiles of several passes, not {groups}",
        )
        layout = tile_layout(rows=rows, max_k=max_k, **types, multipass=multipass)
        ports = {
            "tiles": In(stream.Signature(layout)),
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
        ports |= {"load": Out(1)} if groups > 1 else {}
        super().__init__(ports | {name: Out(width) for name, width in types.items() if width})

    def build(self):
        m = Module()
        rows = self.parameters["rows"]
        layout = self.tiles.payload.shape()
        m.submodules.queue = queue = Fifo(width=len(Value.cast(self.tiles.payload)), depth=2)
        tile = data.View(layout, queue.o.payload)
        term = Signal(index_shape(self.parameters["max_k"]))
        spacing = Signal(range(rows))
        left = Signal(range(rows))
        at_end = Signal()  # of a tile, or of its pass
        done = Signal()
        begins, ends = (tile.first, tile.last) if self.parameters["multipass"] else (1, 1)
        in_turn, weights_held, ends_term = self._groups(m, term == 0)
        wiring.connect(m, wiring.flipped(self.tiles), queue.i)
        m.d.comb += [
            at_end.eq(term == tile.length),
            done.eq(at_end & ends & ends_term),
            self.step.eq(
                queue.o.valid
                & self.acts_held
                & weights_held
                & in_turn
                & (~done | ((spacing == 0) & self.may_launch & (self.room > tile.height)))
            ),
            self.first.eq(self.step & (term == 0) & begins),
            self.launch.eq(self.step & done),
            queue.o.ready.eq(self.step & at_end & ends_term),
            self.emit.eq(self.launch | (left != 0)),
            self.reserve.eq(Mux(self.launch, tile.height + 1, 0)),
        ]
        with m.If(self.step & ends_term):
            m.d.sync += term.eq(Mux(at_end, 0, term + 1))
        with m.If(self.launch):
            m.d.sync += [spacing.eq(rows - 1), left.eq(tile.height)]
        with m.Else():
            with m.If(spacing != 0):
                m.d.sync += spacing.eq(spacing - 1)
            with m.If(left != 0):
                m.d.sync += left.eq(left - 1)
        for name in ("a_type", "w_type"):
            if self.parameters[name]:
                m.d.comb += getattr(self, name).eq(tile[name])
        return m

    def _groups(self, m, begins):
        """Whether the next group may go, has weights if it needs any, and ends the term."""
        groups = self.parameters["groups"]
        if groups == 1:
            return Const(1), self.weights_held, Const(1)
        group = Signal(range(groups))
        turn = Signal(range(groups))  # the group whose sums are at the adders of the PEs
        starts = Signal()
        m.d.comb += [
            starts.eq(begins & (group == 0)),
            self.load.eq(self.step & (group == 0)),
        ]
        m.d.sync += turn.eq(Mux(turn == groups - 1, 0, turn + 1))
        with m.If(self.step):
            m.d.sync += group.eq(Mux(group == groups - 1, 0, group + 1))
            with m.If(starts):
                m.d.sync += turn.eq(1)
        return starts | (group == turn), self.weights_held | (group != 0), group == groups - 1
