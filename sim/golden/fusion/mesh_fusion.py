"""Array of fusion units: partial sums of words of activations."""

import numpy as np

from ..overflow import limit
from .fusion_unit import fusion_unit
from .mode import Mode, offset

__all__ = ["mesh_fusion"]


def mesh_fusion(
    acts: np.ndarray, weights: np.ndarray, begin: int, *, mode: Mode, psum_width: int
) -> np.ndarray:
    """What words of activations give in each column, wrapped to ``psum_width`` bits.

    Parameters
    ----------
    acts : int64 array, words × rows
        Spread 32-bit words.
    weights : int64 array, rows × columns
    begin : int
        What the sums begin with. Every row adds too much by the mode's offset.
    """
    rows, cols = weights.shape
    sums = np.full((len(acts), cols), begin + rows * offset(mode))
    for row in range(rows):
        for column in range(cols):
            words = np.full(len(acts), weights[row, column])
            sums[:, column] += fusion_unit(acts[:, row], words, mode)
    return limit(sums, psum_width, "wrap")
