"""Accumulators: sums of the rows that are visited."""

from collections.abc import Iterable

from ..overflow import limit

__all__ = ["accumulator"]


def accumulator(
    visits: Iterable[tuple[bool, int, int]], *, acc_width: int, overflow: str
) -> list[int]:
    """The sum of each visit, a triple ``first``, ``row`` and partial sum.

    ``first`` begins a row's sum anew. Each visit wraps or saturates once.
    """
    rows: dict[int, int] = {}
    sums = []
    for first, row, psum in visits:
        rows[row] = limit((0 if first else rows[row]) + psum, acc_width, overflow)
        sums.append(rows[row])
    return sums
