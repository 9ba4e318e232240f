"""Weight-stationary mesh: partial sums of words of activations."""

import numpy as np

from ..overflow import limit

__all__ = ["mesh_ws"]


def mesh_ws(acts: np.ndarray, weights: np.ndarray, *, psum_width: int) -> np.ndarray:
    """psums[t, c] = Σ_r acts[t, r] · weights[t, r, c], wrapped to ``psum_width`` bits.

    Parameters
    ----------
    acts : int64 array, words × rows
    weights : int64 array, words × rows × columns
        The weights that are in use for each word.
    """
    return limit(np.einsum("tr,trc->tc", acts, weights), psum_width, "wrap")
