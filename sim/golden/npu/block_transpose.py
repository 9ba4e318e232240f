"""Golden model of the transposition of blocks."""

import numpy as np

__all__ = ["block_transpose"]


def block_transpose(words: np.ndarray) -> np.ndarray:
    """Blocks of as many words as a word has lanes, each transposed.

    Parameters
    ----------
    words : array, (blocks * lanes) x lanes
    """
    lanes = words.shape[1]
    return words.reshape(-1, lanes, lanes).transpose(0, 2, 1).reshape(-1, lanes)
