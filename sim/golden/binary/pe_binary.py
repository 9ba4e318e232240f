"""PE of one-bit products, as waveforms."""

import numpy as np

from ..overflow import limit
from ..systolic.pe_ws import held

__all__ = ["pe_binary"]


def pe_binary(
    acts: np.ndarray,
    shift: np.ndarray,
    swap: np.ndarray,
    weights: np.ndarray,
    psums: np.ndarray,
    *,
    code: str,
    psum_width: int,
    pipeline: int,
) -> tuple[np.ndarray, np.ndarray]:
    """``weights_o`` and ``psums_o`` of each cycle; the first few mean nothing.

    Parameters
    ----------
    acts, weights : int64 arrays of 0 and 1, cycles × products
    shift, swap, psums : cycles
    code : str
        ``"bin"``: operands that are equal are counted; ``"bit"``: those that are both 1.
    """
    shadow = held(weights, shift)
    used = held(shadow, swap)
    if pipeline == 2:
        used = np.append(used[1:], used[:1], axis=0)
    counts = (acts == used if code == "bin" else (acts == 1) & (used == 1)).sum(axis=1)
    totals = limit(psums + np.roll(counts, pipeline), psum_width, "wrap")
    return shadow, np.roll(totals, 1)
