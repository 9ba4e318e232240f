"""From numbers to OliVe's pairs."""

import numpy as np

from .format import Format
from .grid import Grid

__all__ = ["encode"]


def encode(
    pairs: np.ndarray, levels: Grid, fmt: Format, both: str
) -> tuple[np.ndarray, np.ndarray]:
    """Codes and values of ``pairs``, numbers over their scale, a float64 array (P, 2).

    ``levels`` are all values of the format; for ``both`` see ``quantize_pairs``.
    """
    nearest = levels.nearest(pairs)
    even, odd = levels.outlier[nearest].T
    first = both == "even" or np.abs(pairs[:, 0]) >= np.abs(pairs[:, 1])
    keeps_even = even & (~odd | first)
    victim = np.stack([odd & ~keeps_even, keeps_even], axis=1)
    codes = np.where(victim, levels.codes.dtype.type(fmt.identifier), levels.codes[nearest])
    return codes, np.where(victim, 0.0, levels.values[nearest])
