"""PE group of the N:M-sparse array, as waveforms."""

import numpy as np

from ..overflow import limit
from ..systolic.pe_ws import held

__all__ = ["pe_nm"]


def pe_nm(
    acts: np.ndarray,
    shift: np.ndarray,
    swap: np.ndarray,
    weights: np.ndarray,
    indices: np.ndarray,
    psums: np.ndarray,
    *,
    psum_width: int,
    pipeline: int,
    skewed: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The outputs of each cycle: weight and index of ``weights_o``, and ``psums_o``.

    The first few mean nothing.

    Parameters
    ----------
    acts : int64 array, cycles × lanes
    shift : cycles × rows
    swap, weights, indices, psums : cycles
    skewed : bool
        Whether each row has its sum register: its weight comes into use, and its product is added,
        as many cycles later as the row's number.
    """
    totals, rows = psums, shift.shape[1]
    cycles = np.arange(len(swap))
    for row in range(rows):
        weights, indices = held(weights, shift[:, row]), held(indices, shift[:, row])
        late = row if skewed else 0
        index, weight = held(indices, swap), held(weights, np.roll(swap, late))
        if pipeline == 2:
            index, weight = np.append(index[1:], 0), np.append(weight[1:], 0)
        chosen = np.roll(acts[cycles, row + index], late)
        products = np.roll(chosen * weight, pipeline)
        if skewed:
            totals = np.roll(limit(totals + products, psum_width, "wrap"), 1)
        else:
            totals = totals + products
    if not skewed:
        totals = np.roll(limit(totals, psum_width, "wrap"), 1)
    return weights, indices, totals
