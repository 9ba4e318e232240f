"""Visits of accumulators: rows at distances that are allowed."""

from collections.abc import Collection

from ...lib.bench import Bench, manifest

__all__ = ["schedule"]


def schedule(
    bench: Bench,
    length: int,
    busy: float,
    distances: Collection[int],
    revisit: int | None = None,
) -> list[int | None]:
    """Visits, one row or None for each cycle.

    Parameters
    ----------
    busy : float
        Share of the cycles with a visit, if a row is free.
    distances : collection of int
        Cycles from visit to visit of a row that are preferred.
    revisit : int or None
        Least distance; by default the unit's parameter.
    """
    params = manifest().parameters
    depth, revisit = params["depth"], revisit or params["revisit"]
    last: dict[int, int] = {}
    rows: list[int | None] = []
    for cycle in range(length):
        free = [row for row in range(depth) if cycle - last.get(row, -99) >= revisit]
        wanted = [row for row in free if cycle - last.get(row, -99) in distances]
        row = None
        if free and bench.rng.random() < busy:
            row = bench.rng.choice(wanted if wanted and bench.rng.random() < 0.8 else free)
            last[row] = cycle
        rows.append(row)
    return rows
