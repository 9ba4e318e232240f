"""PE of the output-stationary array, as waveforms."""

import numpy as np

from ..overflow import limit

__all__ = ["pe_os"]


def pe_os(
    acts: np.ndarray,
    weights: np.ndarray,
    first: np.ndarray,
    done: np.ndarray,
    *,
    acc_width: int,
    overflow: str,
    pipeline: int,
) -> np.ndarray:
    """The output ``sums`` of each cycle.

    ``first`` and ``done`` come ``pipeline`` and ``pipeline + 1`` cycles after the first and the
    last operands; with ``first`` the sum begins with the product, with ``done`` it is put out.
    """
    products = np.roll(acts * weights, pipeline)
    sums = np.zeros(len(acts), np.int64)
    total = 0
    for cycle in range(len(acts)):
        sums[cycle] = total if done[cycle] else 0
        total = int(
            limit((0 if first[cycle] else total) + int(products[cycle]), acc_width, overflow)
        )
    return sums
