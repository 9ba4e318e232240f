"""PE group of dense weights with outliers, as waveforms."""

import numpy as np

from ..overflow import limit
from ..systolic.pe_ws import held
from .gemm_outlier import Group

__all__ = ["pe_outlier"]


def pe_outlier(
    acts: np.ndarray,
    shift: np.ndarray,
    swap: np.ndarray,
    weights: np.ndarray,
    psums: np.ndarray,
    *,
    group: Group,
    psum_width: int,
    pipeline: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``weights_o`` and ``psums_o`` of each cycle, and whether all indices are of lanes.

    The first few mean nothing.

    Parameters
    ----------
    acts : int64 array, cycles × lanes
    shift : cycles × words
    swap, weights, psums : cycles
    """
    words = []
    for word in range(group.words):
        weights = held(weights, shift[:, word])
        words.append(held(weights, swap))
    used = np.stack(words, axis=1)
    if pipeline == 2:
        used = np.append(used[1:], used[:1] * 0, axis=0)
    digits, lanes = (part[..., 0] for part in group.read(used[:, group.lanes :, None]))
    valid = (lanes < group.lanes).all(axis=1)
    chosen = np.take_along_axis(acts, np.minimum(lanes, group.lanes - 1), axis=1)
    products = (acts * used[:, : group.lanes]).sum(axis=1)
    products += (chosen * digits).sum(axis=1) << group.bits
    totals = limit(psums + np.roll(products, pipeline), psum_width, "wrap")
    return weights, np.roll(totals, 1), np.roll(valid, pipeline + 1)
