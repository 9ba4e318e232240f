"""Golden model of a word at any byte."""

import numpy as np

__all__ = ["aligner"]


def aligner(low: np.ndarray, high: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Words at byte offsets of pairs of words.

    Parameters
    ----------
    low, high : uint8 array, words x lanes
    offset : integer array, one for each word
        Byte of the lower word that becomes lane 0.
    """
    lanes = low.shape[1]
    return np.take_along_axis(
        np.concatenate([low, high], axis=1), offset[:, None] + np.arange(lanes), axis=1
    )
