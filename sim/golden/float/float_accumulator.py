"""Accumulators in binary32: sums of the rows that are visited."""

from collections.abc import Iterable

import numpy as np

from .fp_add import fp_add

__all__ = ["float_accumulator"]


def float_accumulator(visits: Iterable[tuple[bool, int, np.ndarray]]) -> list[np.ndarray]:
    """The sums of each visit, a triple ``first``, ``row`` and the codes of partial sums by lane.

    A visit adds to the row's sums, or with ``first`` to +0; see :func:`fp_add`.
    """
    rows: dict[int, np.ndarray] = {}
    sums = []
    for first, row, psums in visits:
        rows[row] = fp_add(np.zeros_like(psums) if first else rows[row], psums)
        sums.append(rows[row])
    return sums
