"""Wiring of PEs into tiles and of tiles into meshes: both are grids of neighbours."""

from amaranth.hdl import Cat, Signal, Value

from ..checks import check_integer, check_relation
from ..unit import data_register

__all__ = ["SHAPE", "check_tile", "fill", "levels", "spans", "stagger", "wire_grid"]

#: Names of the parameters that are the shape of a mesh and of its tiles.
SHAPE = ("rows", "cols", "tile_rows", "tile_cols")

#: Most cells along a side of a tile that is made of tiles.
RADIX = 4


def spans(total, size):
    """Cut ``total`` lanes into ``(start, count)`` pieces of ``size``, the last one what is left."""
    return [(start, min(size, total - start)) for start in range(0, total, size)]


def levels(rows, cols, tile_rows, tile_cols):
    """Levels of tiles, each of at most 4 × 4 of the level below, that a mesh of 4 × 4 needs."""
    count = 1
    while rows > tile_rows * RADIX**count or cols > tile_cols * RADIX**count:
        count += 1
    return count


def check_tile(rows, cols, tile_rows, tile_cols, level=None):
    """Check the shape of a tile of a level, or of a mesh, which has as many levels as it needs."""
    check_integer("Row count", rows, 1)
    check_integer("Column count", cols, 1)
    check_integer("Tile row count", tile_rows, 1)
    check_integer("Tile column count", tile_cols, 1)
    if level is None:
        return
    check_integer("Level", level, 0)
    for side, size, tile in [("Row", rows, tile_rows), ("Column", cols, tile_cols)]:
        check_relation(
            size <= tile * RADIX**level,
            f"{side} count {size} is more than the {tile * RADIX**level} of a tile of level "
            f"{level} (= {tile} × {RADIX}^{level})",
        )


def fill(m, parameters, level, tile):
    """Fill a grid of the given level with PEs, or with tiles of the level below.

    Parameters
    ----------
    parameters : dict
        Those of the grid, ``pe`` the class of its PEs; all but its shape are passed on.
    tile : class of units

    Returns
    -------
    (list of lists of units, spans, spans)
        ``cells[r][c]``, and which rows and columns they span. In ``m`` they are called
        ``pe_r_c`` or ``tile_r_c``.
    """
    shared = {name: value for name, value in parameters.items() if name not in (*SHAPE, "level")}
    rows, cols, tile_rows, tile_cols = (parameters[name] for name in SHAPE)
    if level == 0:
        grid = spans(rows, 1), spans(cols, 1)
        pe = shared.pop("pe")
        cells = [[pe(**shared) for _ in grid[1]] for _ in grid[0]]
    else:
        size = RADIX ** (level - 1)
        grid = spans(rows, tile_rows * size), spans(cols, tile_cols * size)
        shared |= {"tile_rows": tile_rows, "tile_cols": tile_cols, "level": level - 1}
        cells = [
            [tile(rows=height, cols=width, **shared) for _, width in grid[1]]
            for _, height in grid[0]
        ]
    for r, row in enumerate(cells):
        for c, cell in enumerate(row):
            m.submodules[f"{'tile' if level else 'pe'}_{r}_{c}"] = cell
    return cells, *grid


def wire_grid(m, cells, *, across, down, row_spans, column_spans):
    """Connect each cell to the next on the right and to the next below.

    Parameters
    ----------
    cells : list of lists of units
        ``cells[r][c]``; a port ``x`` that passes through them has an output ``x_o``.
    across, down : dict
        For each port that passes to the right, or downwards, what enters: an array of lanes.
    row_spans, column_spans : list of (int, int)
        First lane and number of lanes of each row and column of cells.

    Returns
    -------
    dict
        For each port the value of all lanes that leaves at the far side.
    """
    leaving = {}
    for flows, lane_spans, lines in [
        (across, row_spans, cells),
        (down, column_spans, list(zip(*cells, strict=True))),
    ]:
        lanes = sum(count for _, count in lane_spans)
        for port, entering in flows.items():
            entering = Value.cast(entering)
            width = len(entering) // lanes
            ends = []
            for line, (start, count) in zip(lines, lane_spans, strict=True):
                value = entering[start * width : (start + count) * width]
                for cell in line:
                    m.d.comb += getattr(cell, port).eq(value)
                    value = Value.cast(getattr(cell, f"{port}_o"))
                ends.append(value)
            leaving[port] = Cat(ends)
    return leaving


def stagger(m, name, flag, lanes, content="flags", step=1):
    """``flag`` for lane 0, and ``step`` cycles later for each lane more: along a border.

    ``content`` is that of :class:`Delay`.
    """
    if lanes == 1:
        return flag
    length = (lanes - 1) * step
    if content == "flags":
        later = Signal(length, name=f"{name}_wave")
    else:
        later = data_register(length, name=f"{name}_wave")
    m.d.sync += later.eq(Cat(flag, later)[:-1])
    return Cat(flag, later)[::step]
