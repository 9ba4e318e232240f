"""Accumulators in binary32 of exact sums of groups that have a scale."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from .fp_add import fp_add
from .fp_scale import fp_scale
from .scale_product import product_mantissa, scale_product
from .to_float import to_float

__all__ = ["ScaledVisit", "scaled_accumulator"]


class ScaledVisit(NamedTuple):
    """A visit of a row.

    Members
    -------
    row : int
    opens, closes : bool
        The first and the last of a group of the row.
    begins : bool
        The group is the first of the row's sum.
    psums : integer array (lanes,)
    w_scales : integer array (lanes,)
        Codes of the group; without meaning unless the visit closes it.
    a_scale : int or None
    """

    row: int
    opens: bool
    closes: bool
    begins: bool
    psums: np.ndarray
    w_scales: np.ndarray
    a_scale: int | None


def scaled_accumulator(
    visits: Iterable[ScaledVisit], *, unit: int, w_scale: str, a_scale: str
) -> list[np.ndarray | None]:
    """The codes of the row's sums after each visit that closes a group; None after others.

    For each group: sum ← RN(sum + RN(RN(S) · s)), from +0 on, with S the exact sum of the group's
    partial sums times 2^unit, s the product of its scales, and RN the rounding to binary32, to
    nearest even, with numbers below 2^-126 as zeros of their sign; see :func:`to_float`,
    :func:`scale_product`, :func:`fp_scale` and :func:`fp_add`.
    """
    groups: dict[int, np.ndarray] = {}
    rows: dict[int, np.ndarray] = {}
    results: list[np.ndarray | None] = []
    mantissa = product_mantissa(w_scale, a_scale)
    for visit in visits:
        psums = np.asarray(visit.psums, object)
        groups[visit.row] = psums if visit.opens else groups[visit.row] + psums
        if not visit.closes:
            results.append(None)
            continue
        scales = scale_product(visit.w_scales, w_scale, visit.a_scale, a_scale)
        scaled = fp_scale(to_float(groups[visit.row], unit, "fp32"), scales, mantissa)
        rows[visit.row] = fp_add(np.zeros_like(scaled) if visit.begins else rows[visit.row], scaled)
        results.append(rows[visit.row])
    return results
