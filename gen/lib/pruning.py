"""Pruning by magnitude."""

import numpy as np

__all__ = ["largest"]


def largest(magnitudes: np.ndarray, density: float) -> np.ndarray:
    """A mask of the largest magnitudes.

    Parameters
    ----------
    magnitudes : array
        Numbers of one dimension.
    density : float
        Share of them to keep, 0 to 1; their number is rounded half to even. Of equal magnitudes
        the first are kept.

    Returns
    -------
    array of bool
    """
    kept = np.zeros(magnitudes.size, bool)
    kept[np.argsort(-magnitudes, kind="stable")[: round(density * magnitudes.size)]] = True
    return kept
