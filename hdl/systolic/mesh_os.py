"""Output-stationary array: tiles of processing elements, and meshes of tiles."""

from amaranth.hdl import Cat, Module, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from .. import formats
from ..checks import check_integer
from ..unit import Unit, data_register
from ._grid import place, spans, wire_grid
from .drain import Drain, drain_latency
from .pe_os import PeOs

__all__ = ["MeshOs", "TileOs", "mesh_latency"]


def mesh_latency(*, rows, tile_rows):
    """Cycles from an element's ``done`` until the mesh puts its sum out."""
    return 1 + drain_latency(len(spans(rows, tile_rows)))


def _entering(rows, cols, a_format, w_format):
    check_integer("Row count", rows, 1)
    check_integer("Column count", cols, 1)
    acts = data.ArrayLayout(formats.get(a_format, "Activation format").shape, rows)
    weights = data.ArrayLayout(formats.get(w_format, "Weight format").shape, cols)
    return {"acts": acts, "first": rows, "done": rows, "weights": weights}


class TileOs(Unit):
    """``rows`` × ``cols`` elements :class:`PeOs`, each connected to its neighbours.

    Lane *n* of ``acts``, ``first`` and ``done`` enters row *n* at the left, lane *n* of
    ``weights`` enters column *n* at the top; each leaves on the opposite side. ``sums`` is, one
    cycle later, the sum of that element of each column that is ``done``, or zero.

    Parameters
    ----------
    rows, cols : int
    a_format, w_format, acc_width, overflow, pipeline
        Those of :class:`PeOs`.

    Members
    -------
    acts, first, done, weights : ``In``
        Arrays of ``rows``, or ``cols``, lanes.
    acts_o, first_o, done_o, weights_o : ``Out``
    sums : ``Out(data.ArrayLayout(signed(acc_width), cols))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    def __init__(self, *, rows, cols, a_format, w_format, acc_width, overflow, pipeline):
        ports = _entering(rows, cols, a_format, w_format)
        sums = data.ArrayLayout(signed(acc_width), cols)
        super().__init__(
            {name: In(shape) for name, shape in ports.items()}
            | {f"{name}_o": Out(shape) for name, shape in ports.items()}
            | {"sums": Out(sums)}
        )

    def build(self):
        m = Module()
        pe = dict(self.parameters)
        rows, cols = pe.pop("rows"), pe.pop("cols")
        grid = spans(rows, 1), spans(cols, 1)
        pes = place(m, "pe", lambda rows, cols: PeOs(**pe), *grid)
        leaving = wire_grid(
            m,
            pes,
            across={"acts": self.acts, "first": self.first, "done": self.done},
            down={"weights": self.weights},
            row_spans=grid[0],
            column_spans=grid[1],
        )
        for port, value in leaving.items():
            m.d.comb += Value.cast(getattr(self, f"{port}_o")).eq(value)
        for c in range(cols):
            total = pes[0][c].sums.as_unsigned()
            for r in range(1, rows):
                total = total | pes[r][c].sums.as_unsigned()
            register = data_register(signed(pe["acc_width"]), name=f"sum_{c}")
            m.d.sync += register.eq(total)
            m.d.comb += self.sums[c].eq(register)
        return m


class MeshOs(Unit):
    """``rows`` × ``cols`` elements in tiles of at most ``tile_rows`` × ``tile_cols``.

    Each column of tiles has a :class:`Drain` that joins their sums. So the sum of an element is
    out ``latency`` cycles after its ``done``, from whichever row: rows that finish one after the
    other leave one after the other, and no sum is shifted through the array.

    Parameters
    ----------
    rows, cols : int
    tile_rows, tile_cols : int
    a_format, w_format, acc_width, overflow, pipeline
        Those of :class:`PeOs`.

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
    ):
        check_integer("Tile row count", tile_rows, 1)
        check_integer("Tile column count", tile_cols, 1)
        ports = _entering(rows, cols, a_format, w_format)
        sums = data.ArrayLayout(signed(acc_width), cols)
        super().__init__({name: In(shape) for name, shape in ports.items()} | {"sums": Out(sums)})
        self.latency = mesh_latency(rows=rows, tile_rows=tile_rows)

    def build(self):
        m = Module()
        tile = dict(self.parameters)
        grid = row_spans, column_spans = (
            spans(tile.pop("rows"), tile.pop("tile_rows")),
            spans(tile.pop("cols"), tile.pop("tile_cols")),
        )
        tiles = place(m, "tile", lambda rows, cols: TileOs(rows=rows, cols=cols, **tile), *grid)
        wire_grid(
            m,
            tiles,
            across={"acts": self.acts, "first": self.first, "done": self.done},
            down={"weights": self.weights},
            row_spans=row_spans,
            column_spans=column_spans,
        )
        leaving = []
        for c, (_, cols) in enumerate(column_spans):
            drain = Drain(width=cols * tile["acc_width"], inputs=len(row_spans))
            m.submodules[f"drain_{c}"] = drain
            m.d.comb += [drain.i[r].eq(Value.cast(row[c].sums)) for r, row in enumerate(tiles)]
            leaving.append(drain.o)
        m.d.comb += Value.cast(self.sums).eq(Cat(leaving))
        return m
