"""Weight-stationary array: tiles of processing elements, and meshes of tiles."""

from amaranth.hdl import Const, Module, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from .. import formats
from ..checks import check_integer
from ..unit import Unit
from ._grid import place, spans, wire_grid
from .pe_ws import PeWs

__all__ = ["MeshWs", "TileWs"]


def _entering(rows, cols, a_format, w_format):
    check_integer("Row count", rows, 1)
    check_integer("Column count", cols, 1)
    acts = data.ArrayLayout(formats.get(a_format, "Activation format").shape, rows)
    weights = data.ArrayLayout(formats.get(w_format, "Weight format").shape, cols)
    return {"acts": acts, "shift": rows, "swap": rows, "weights": weights}


def _in_and_out(ports):
    return {name: In(shape) for name, shape in ports.items()} | {
        f"{name}_o": Out(shape) for name, shape in ports.items()
    }


class TileWs(Unit):
    """``rows`` × ``cols`` elements :class:`PeWs`, each connected to its neighbours.

    Lane *n* of ``acts``, ``shift`` and ``swap`` enters row *n* at the left, lane *n* of
    ``weights`` and ``psums`` enters column *n* at the top; each leaves on the opposite side.
    Wavefronts are the business of what is around: see :class:`GemmWs`. Latencies are those of
    the elements times the number of them on the way.

    Parameters
    ----------
    rows, cols : int
    a_format, w_format, psum_width, pipeline
        Those of :class:`PeWs`.

    Members
    -------
    acts, shift, swap, weights, psums : ``In``
        Arrays of ``rows``, or ``cols``, lanes.
    acts_o, shift_o, swap_o, weights_o, psums_o : ``Out``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    def __init__(self, *, rows, cols, a_format, w_format, psum_width, pipeline):
        ports = _entering(rows, cols, a_format, w_format)
        ports["psums"] = data.ArrayLayout(signed(psum_width), cols)
        super().__init__(_in_and_out(ports))

    def build(self):
        m = Module()
        pe = dict(self.parameters)
        grid = spans(pe.pop("rows"), 1), spans(pe.pop("cols"), 1)
        pes = place(m, "pe", lambda rows, cols: PeWs(**pe), *grid)
        leaving = wire_grid(
            m,
            pes,
            across={"acts": self.acts, "shift": self.shift, "swap": self.swap},
            down={"weights": self.weights, "psums": self.psums},
            row_spans=grid[0],
            column_spans=grid[1],
        )
        for port, value in leaving.items():
            m.d.comb += Value.cast(getattr(self, f"{port}_o")).eq(value)
        return m


class MeshWs(Unit):
    """``rows`` × ``cols`` elements in tiles of at most ``tile_rows`` × ``tile_cols``.

    Tiles only make the hierarchy: the mesh behaves as one tile of its size would. They keep its
    Verilog short and its buses narrow, and the tiles at the right and lower border are smaller
    where the shape does not divide.

    Parameters
    ----------
    rows, cols : int
    tile_rows, tile_cols : int
    a_format, w_format, psum_width, pipeline
        Those of :class:`PeWs`.

    Members
    -------
    acts, shift, swap, weights : ``In``
        Those of :class:`TileWs`.
    psums : ``Out(data.ArrayLayout(signed(psum_width), cols))``
        The sums that leave the last row; those that enter the first are zero.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    def __init__(
        self, *, rows, cols, tile_rows, tile_cols, a_format, w_format, psum_width, pipeline
    ):
        check_integer("Tile row count", tile_rows, 1)
        check_integer("Tile column count", tile_cols, 1)
        ports = _entering(rows, cols, a_format, w_format)
        psums = data.ArrayLayout(signed(psum_width), cols)
        super().__init__({name: In(shape) for name, shape in ports.items()} | {"psums": Out(psums)})

    def build(self):
        m = Module()
        tile = dict(self.parameters)
        grid = (
            spans(tile.pop("rows"), tile.pop("tile_rows")),
            spans(tile.pop("cols"), tile.pop("tile_cols")),
        )
        tiles = place(m, "tile", lambda rows, cols: TileWs(rows=rows, cols=cols, **tile), *grid)
        leaving = wire_grid(
            m,
            tiles,
            across={"acts": self.acts, "shift": self.shift, "swap": self.swap},
            down={"weights": self.weights, "psums": Const(0, len(Value.cast(self.psums)))},
            row_spans=grid[0],
            column_spans=grid[1],
        )
        m.d.comb += Value.cast(self.psums).eq(leaving["psums"])
        return m
