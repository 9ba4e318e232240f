"""Change of an array's mode between tiles."""

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..checks import check_integer
from ..stream.fifo import Fifo
from ..systolic.sequencer_ws import tile_layout
from ..unit import Unit, data_register
from .mode import CHOICE

__all__ = ["ModeSwitch", "fusion_tile_layout"]

#: The array's mode, and by how many bytes its sums are shifted.
SETTING = data.StructLayout({"choice": CHOICE, "shift": 2})


def fusion_tile_layout(depth):
    """One tile: the fields of ``tile_layout``, and those of ``CHOICE`` and ``shift``."""
    fields = {name: field.shape for name, field in tile_layout(depth)}
    fields |= {name: field.shape for name, field in CHOICE}
    return data.StructLayout(fields | {"shift": 2})


class ModeSwitch(Unit):
    """Lets tiles pass to the control, and holds one of another mode back until all is quiet.

    A tile of the mode in use passes at once, a cycle after it came. Another waits until the tiles
    before have ended and ``drain`` cycles have gone by since their last row; then the mode changes,
    and ``settle`` cycles later, when the array has it, the tile passes: ``drain + settle + 2``
    cycles after the last row. As the mode is the tile's, it cannot change within one.

    Parameters
    ----------
    depth : int
        Rows of the accumulators.
    drain, settle : int
        Cycles.

    Members
    -------
    i : ``In(stream.Signature(fusion_tile_layout(depth)))``
    o : ``Out(stream.Signature(tile_layout(depth)))``
        The control has at most 7 tiles at a time.
    step, last : ``In(1)``
        The control lets a row go; it is its tile's last.
    choice : ``Out(CHOICE)``
    shift : ``Out(2)``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "control"

    def __init__(self, *, depth, drain, settle):
        check_integer("Accumulator depth", depth, 1)
        check_integer("Drain time", drain, 1)
        check_integer("Settling time", settle, 1)
        super().__init__(
            {
                "i": In(stream.Signature(fusion_tile_layout(depth))),
                "o": Out(stream.Signature(tile_layout(depth))),
                "step": In(1),
                "last": In(1),
                "choice": Out(CHOICE),
                "shift": Out(2),
            }
        )

    def build(self):
        m = Module()
        drain, settle = self.parameters["drain"], self.parameters["settle"]
        m.submodules.queue = queue = Fifo(width=len(Value.cast(self.i.payload)), depth=4)
        tile = data.View(self.i.payload.shape(), queue.o.payload)
        known = Signal(3)  # tiles that the control has; its queue is shorter
        quiet = Signal(range(max(drain, settle) + 1))
        # Without a reset: the first cycle after one has no tile, and ends it.
        settling = data_register(1, name="settling")
        wanted = Signal(SETTING)
        in_use = Signal(SETTING)
        same = Signal()
        passes = Signal()
        wiring.connect(m, wiring.flipped(self.i), queue.i)
        m.d.comb += [
            *(wanted.choice[name].eq(tile[name]) for name, _ in CHOICE),
            wanted.shift.eq(tile.shift),
            same.eq(wanted == in_use),
            *(self.o.payload[name].eq(tile[name]) for name, _ in self.o.payload.shape()),
            self.o.valid.eq(queue.o.valid & same & ~settling),
            passes.eq(self.o.valid & self.o.ready),
            queue.o.ready.eq(passes),
            self.choice.eq(in_use.choice),
            self.shift.eq(in_use.shift),
        ]
        m.d.sync += known.eq(known + passes - (self.step & self.last))
        with m.If(quiet != 0):
            m.d.sync += quiet.eq(quiet - 1)
        with m.Else():
            m.d.sync += settling.eq(0)
            with m.If(queue.o.valid & ~same & (known == 0)):
                m.d.sync += [in_use.eq(wanted), settling.eq(1), quiet.eq(settle - 1)]
        with m.If(self.step):
            m.d.sync += quiet.eq(drain)
        return m
