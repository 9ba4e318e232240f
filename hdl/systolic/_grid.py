"""Wiring of elements into tiles and of tiles into meshes: both are grids of neighbours."""

from amaranth.hdl import Cat, Signal, Value

__all__ = ["place", "spans", "wave", "wire_grid"]


def spans(total, size):
    """Cut ``total`` lanes into ``(start, count)`` pieces of ``size``, the last one what is left."""
    return [(start, min(size, total - start)) for start in range(0, total, size)]


def place(m, prefix, make, row_spans, column_spans):
    """Add ``make(rows, cols)`` to ``m`` for each cell, named ``prefix_r_c``; return their rows."""
    cells = [[make(rows, cols) for _, cols in column_spans] for _, rows in row_spans]
    for r, row in enumerate(cells):
        for c, cell in enumerate(row):
            m.submodules[f"{prefix}_{r}_{c}"] = cell
    return cells


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
                    m.d.comb += Value.cast(getattr(cell, port)).eq(value)
                    value = Value.cast(getattr(cell, f"{port}_o"))
                ends.append(value)
            leaving[port] = Cat(ends)
    return leaving


def wave(m, name, flag, lanes):
    """``flag`` for lane 0, and a cycle later for each lane more: a wavefront along a border."""
    if lanes == 1:
        return flag
    later = Signal(lanes - 1, name=f"{name}_wave")
    m.d.sync += later.eq(Cat(flag, later)[:-1])
    return Cat(flag, later)
