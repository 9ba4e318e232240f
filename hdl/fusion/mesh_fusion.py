"""Array of fusion units: tiles of PEs, and meshes of tiles."""

from amaranth.hdl import Module, Signal, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from ..array.grid import SHAPE, check_tile, fill, levels, wire_grid
from ..unit import Unit
from .mode import MODE
from .pe_fusion import PeFusion

__all__ = ["MeshFusion", "TileFusion", "mode_latency"]


def mode_latency(*, rows, cols, tile_rows, tile_cols):
    """Cycles from a change of a mesh's mode until all PEs have it."""
    return levels(rows, cols, tile_rows, tile_cols) + 1  # the mesh's own register


def _entering(rows, cols):
    words = {"acts": data.ArrayLayout(32, rows), "weights": data.ArrayLayout(32, cols)}
    return words | {"shift": rows, "swap": rows}


class TileFusion(Unit):
    """``rows`` × ``cols`` PEs :class:`PeFusion`: see :class:`TileWs`.

    The mode takes a register in each tile, so that no wire of it has to reach all PEs.

    Parameters
    ----------
    rows, cols, tile_rows, tile_cols, level : int
        Those of :class:`TileWs`.
    psum_width, pipeline : int
        Those of :class:`PeFusion`.
    pe : type
        Class of the PEs, a subclass of :class:`PeFusion`; further parameters are its own.

    Members
    -------
    acts, shift, swap, weights, psums : ``In``
        Arrays of ``rows``, or ``cols``, lanes.
    acts_o, shift_o, swap_o, weights_o, psums_o : ``Out``
    mode : ``In(MODE)``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "array"

    def __init__(
        self,
        *,
        rows,
        cols,
        tile_rows,
        tile_cols,
        level,
        psum_width,
        pipeline,
        pe=PeFusion,
        **pe_parameters,
    ):
        check_tile(rows, cols, tile_rows, tile_cols, level)
        # It checks the parameters of the PEs.
        pe(psum_width=psum_width, pipeline=pipeline, **pe_parameters)
        ports = _entering(rows, cols) | {"psums": data.ArrayLayout(signed(psum_width), cols)}
        super().__init__(
            {name: In(shape) for name, shape in ports.items()}
            | {f"{name}_o": Out(shape) for name, shape in ports.items()}
            | {"mode": In(MODE)}
        )

    def build(self):
        m = Module()
        leaving = _wire(self, m, self.parameters["level"])
        for port, value in leaving.items():
            m.d.comb += getattr(self, f"{port}_o").eq(value)
        return m


class MeshFusion(Unit):
    """The whole array of ``rows`` × ``cols`` PEs: see :class:`MeshWs`.

    Parameters
    ----------
    rows, cols, tile_rows, tile_cols : int
        Those of :class:`MeshWs`.
    psum_width, pipeline : int
        Those of :class:`PeFusion`.
    pe : type
        Class of the PEs, a subclass of :class:`PeFusion`; further parameters are its own.

    Members
    -------
    acts, shift, swap, weights : ``In``
        Those of :class:`TileFusion`.
    mode : ``In(MODE)``
        All PEs have it :func:`mode_latency` cycles later. A reset makes it 0, which is that of 2
        bits without signs, in all of them at once.
    offset : ``In(signed(psum_width))``
        What the sums begin with.
    psums : ``Out(data.ArrayLayout(signed(psum_width), cols))``
        The sums that leave the last row.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "array"

    def __init__(
        self,
        *,
        rows,
        cols,
        tile_rows,
        tile_cols,
        psum_width,
        pipeline,
        pe=PeFusion,
        **pe_parameters,
    ):
        check_tile(rows, cols, tile_rows, tile_cols)
        pe(psum_width=psum_width, pipeline=pipeline, **pe_parameters)
        psums = data.ArrayLayout(signed(psum_width), cols)
        super().__init__(
            {name: In(shape) for name, shape in _entering(rows, cols).items()}
            | {"mode": In(MODE), "offset": In(signed(psum_width)), "psums": Out(psums)}
        )
        shape = dict(zip(SHAPE, (rows, cols, tile_rows, tile_cols), strict=True))
        self.timing = {"mode_latency": mode_latency(**shape)}

    def build(self):
        m = Module()
        level = levels(*(self.parameters[name] for name in SHAPE))
        psums = Value.cast(self.offset).as_unsigned().replicate(self.parameters["cols"])
        leaving = _wire(self, m, level, psums)
        m.d.comb += self.psums.eq(leaving["psums"])
        return m


def _wire(grid, m, level, psums=None):
    """Fill ``grid`` with cells; returns what leaves them at the right and at the bottom."""
    cells, row_spans, column_spans = fill(m, grid.parameters, level, TileFusion)
    mode_q = Signal(MODE)
    m.d.sync += mode_q.eq(grid.mode)
    m.d.comb += [cell.mode.eq(mode_q) for row in cells for cell in row]
    return wire_grid(
        m,
        cells,
        across={"acts": grid.acts, "shift": grid.shift, "swap": grid.swap},
        down={"weights": grid.weights, "psums": grid.psums if psums is None else psums},
        row_spans=row_spans,
        column_spans=column_spans,
    )
