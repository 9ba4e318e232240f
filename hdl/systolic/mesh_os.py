"""Output-stationary array: tiles of PEs, and meshes of tiles."""

from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Module, Value
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from ..array.grid import RADIX, check_tile, fill, levels, wire_grid
from ..unit import Unit, data_register
from .pe_os import PeOs

__all__ = ["MeshOs", "TileOs", "mesh_latency"]


def mesh_latency(*, rows, cols, tile_rows, tile_cols):
    """Cycles from a PE's ``done`` until the mesh puts its sum out."""
    level = levels(rows, cols, tile_rows, tile_cols)
    return level + (rows > tile_rows * RADIX ** (level - 1))


def _entering(rows, cols, pe):
    """Ports at the left and at the top, of PEs like ``pe``."""
    acts = data.ArrayLayout(pe.acts.shape(), rows)
    weights = data.ArrayLayout(pe.weights.shape(), cols)
    return {"acts": acts} | dict.fromkeys(pe.flags, rows) | {"weights": weights}


class TileOs(Unit):
    """``rows`` × ``cols`` PEs :class:`PeOs`, each connected to its neighbours.

    Lane *n* of ``acts``, ``first`` and ``done`` enters row *n* at the left, lane *n* of
    ``weights`` enters column *n* at the top; each leaves on the opposite side. ``sums`` is,
    ``level + 1`` cycles later, the sum of that PE of each column that is ``done``, or zero.

    A tile of level 0 is made of PEs; one of level *n* of tiles of level *n* - 1, up to 4 × 4
    of them. So the sums of a column meet in a tree of ORs with a register at each level.

    Parameters
    ----------
    rows, cols : int
        At most ``4 ** level`` times ``tile_rows`` and ``tile_cols``, for levels from 1.
    tile_rows, tile_cols : int
        Most rows and columns of tiles of level 0.
    level : int
    a_format, w_format, acc_width, overflow, pipeline
        Those of :class:`PeOs`.
    pe : type
        Class of the PEs, a subclass of :class:`PeOs`; further parameters are its own.

    Members
    -------
    acts, first, done, weights : ``In``
        Arrays of ``rows``, or ``cols``, lanes; with further ``flags`` of the PEs these, too.
    acts_o, first_o, done_o, weights_o : ``Out``
    sums : ``Out(data.ArrayLayout(shape of a sum, cols))``

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
        a_format,
        w_format,
        acc_width,
        overflow,
        pipeline,
        pe=PeOs,
        **pe_parameters,
    ):
        check_tile(rows, cols, tile_rows, tile_cols, level)
        # It checks the parameters of the PEs.
        element = pe(
            a_format=a_format,
            w_format=w_format,
            acc_width=acc_width,
            overflow=overflow,
            pipeline=pipeline,
            **pe_parameters,
        )
        ports = _entering(rows, cols, element)
        sums = data.ArrayLayout(element.sums.shape(), cols)
        super().__init__(
            {name: In(shape) for name, shape in ports.items()}
            | {f"{name}_o": Out(shape) for name, shape in ports.items()}
            | {"sums": Out(sums)}
        )

    def build(self):
        m = Module()
        joined, leaving = _wire(self, m, self.parameters["level"])
        for port, value in leaving.items():
            m.d.comb += getattr(self, f"{port}_o").eq(value)
        register = data_register(len(joined), name="joined")
        m.d.sync += register.eq(joined)
        m.d.comb += self.sums.eq(register)
        return m


class MeshOs(Unit):
    """The whole array: tiles, or tiles of tiles, of ``rows`` × ``cols`` PEs.

    The sum of a PE is out :func:`mesh_latency` cycles after its ``done``, from whichever
    row: rows that finish one after the other leave one after the other, and no sum is shifted
    through the array.

    Parameters
    ----------
    rows, cols : int
    tile_rows, tile_cols : int
        Most rows and columns of tiles of PEs.
    a_format, w_format, acc_width, overflow, pipeline
        Those of :class:`PeOs`.
    pe : type
        Class of the PEs, a subclass of :class:`PeOs`; further parameters are its own.

    Members
    -------
    acts, first, done, weights : ``In``
    sums : ``Out``
        Those of :class:`TileOs`.

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
        a_format,
        w_format,
        acc_width,
        overflow,
        pipeline,
        pe=PeOs,
        **pe_parameters,
    ):
        check_tile(rows, cols, tile_rows, tile_cols)
        element = pe(
            a_format=a_format,
            w_format=w_format,
            acc_width=acc_width,
            overflow=overflow,
            pipeline=pipeline,
            **pe_parameters,
        )
        ports = _entering(rows, cols, element)
        sums = data.ArrayLayout(element.sums.shape(), cols)
        super().__init__({name: In(shape) for name, shape in ports.items()} | {"sums": Out(sums)})
        shape = {"rows": rows, "cols": cols, "tile_rows": tile_rows, "tile_cols": tile_cols}
        self.level = levels(**shape)
        self.latency = mesh_latency(**shape)

    def build(self):
        m = Module()
        joined, _ = _wire(self, m, self.level)
        if self.latency > self.level:  # more than one row of tiles
            register = data_register(len(joined), name="joined")
            m.d.sync += register.eq(joined)
            joined = register
        m.d.comb += self.sums.eq(joined)
        return m


def _wire(grid, m, level):
    """Fill ``grid`` with cells; returns the sums of each column's cells, and what leaves them."""
    cells, row_spans, column_spans = fill(m, grid.parameters, level, TileOs)
    leaving = wire_grid(
        m,
        cells,
        across={name: getattr(grid, name) for name in ("acts", *grid.parameters["pe"].flags)},
        down={"weights": grid.weights},
        row_spans=row_spans,
        column_spans=column_spans,
    )
    sums = [
        [Value.cast(cell.sums).as_unsigned() for cell in column]
        for column in zip(*cells, strict=True)
    ]
    return Cat(reduce(or_, column) for column in sums), leaving
