"""Weight-stationary array: tiles of PEs, and meshes of tiles."""

from amaranth.hdl import Const, Module, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from ..array.grid import SHAPE, check_tile, fill, levels, wire_grid
from ..unit import Unit
from .pe_ws import PeWs

__all__ = ["MeshWs", "TileWs"]


def _entering(rows, cols, pe):
    """Ports at the left and at the top, but for the sums, of PEs like ``pe``."""
    return {
        "acts": data.ArrayLayout(pe.acts.shape(), rows),
        "shift": rows * len(pe.shift),
        "swap": rows * len(pe.swap),
        "weights": data.ArrayLayout(pe.weights.shape(), cols),
    }


def _in_and_out(ports):
    return {name: In(shape) for name, shape in ports.items()} | {
        f"{name}_o": Out(shape) for name, shape in ports.items()
    }


class TileWs(Unit):
    """``rows`` × ``cols`` PEs :class:`PeWs`, each connected to its neighbours.

    Lane *n* of ``acts``, ``shift`` and ``swap`` enters row *n* at the left, lane *n* of
    ``weights`` and ``psums`` enters column *n* at the top; each leaves on the opposite side.
    Wavefronts are the business of what is around: see :class:`GemmWs`. Latencies are those of
    the PEs times the number of them on the way.

    A tile of level 0 is made of PEs; one of level *n* of tiles of level *n* - 1, up to 4 × 4
    of them. It makes no other difference.

    Parameters
    ----------
    rows, cols : int
        At most ``4 ** level`` times ``tile_rows`` and ``tile_cols``, for levels from 1.
    tile_rows, tile_cols : int
        Most rows and columns of tiles of level 0.
    level : int
    a_format, w_format, psum_width, pipeline
        Those of :class:`PeWs`.
    pe : type
        Class of the PEs, a subclass of :class:`PeWs`; further parameters are its own.

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
        psum_width,
        pipeline,
        pe=PeWs,
        **pe_parameters,
    ):
        check_tile(rows, cols, tile_rows, tile_cols, level)
        # It checks the parameters of the PEs.
        element = pe(
            a_format=a_format,
            w_format=w_format,
            psum_width=psum_width,
            pipeline=pipeline,
            **pe_parameters,
        )
        ports = _entering(rows, cols, element)
        ports["psums"] = data.ArrayLayout(signed(psum_width), cols)
        super().__init__(_in_and_out(ports))

    def build(self):
        m = Module()
        leaving = _wire(self, m, self.parameters["level"], self.psums)
        for port, value in leaving.items():
            m.d.comb += getattr(self, f"{port}_o").eq(value)
        return m


class MeshWs(Unit):
    """The whole array: tiles, or tiles of tiles, of ``rows`` × ``cols`` PEs.

    Tiles only make the hierarchy: the mesh behaves as one tile of its size would. They keep its
    Verilog short and its buses narrow, and the tiles at the right and lower border are smaller
    where the shape does not divide.

    Parameters
    ----------
    rows, cols : int
    tile_rows, tile_cols : int
        Most rows and columns of tiles of PEs.
    a_format, w_format, psum_width, pipeline
        Those of :class:`PeWs`.
    pe : type
        Class of the PEs, a subclass of :class:`PeWs`; further parameters are its own.

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
        psum_width,
        pipeline,
        pe=PeWs,
        **pe_parameters,
    ):
        check_tile(rows, cols, tile_rows, tile_cols)
        element = pe(
            a_format=a_format,
            w_format=w_format,
            psum_width=psum_width,
            pipeline=pipeline,
            **pe_parameters,
        )
        ports = _entering(rows, cols, element)
        psums = data.ArrayLayout(signed(psum_width), cols)
        super().__init__({name: In(shape) for name, shape in ports.items()} | {"psums": Out(psums)})

    def build(self):
        m = Module()
        level = levels(*(self.parameters[name] for name in SHAPE))
        leaving = _wire(self, m, level, Const(0, len(Value.cast(self.psums))))
        m.d.comb += self.psums.eq(leaving["psums"])
        return m


def _wire(grid, m, level, psums):
    """Fill ``grid`` with cells; returns what leaves them at the right and at the bottom."""
    cells, row_spans, column_spans = fill(m, grid.parameters, level, TileWs)
    return wire_grid(
        m,
        cells,
        across={"acts": grid.acts, "shift": grid.shift, "swap": grid.swap},
        down={"weights": grid.weights, "psums": psums},
        row_spans=row_spans,
        column_spans=column_spans,
    )
