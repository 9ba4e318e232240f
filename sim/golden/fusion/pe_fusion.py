"""Element of the array of fusion units, as waveforms."""

import numpy as np

from ..overflow import limit
from ..systolic.pe_ws import held
from .fusion_unit import fusion_unit
from .mode import Mode, offset

__all__ = ["pe_fusion"]


def pe_fusion(
    acts: np.ndarray,
    shift: np.ndarray,
    swap: np.ndarray,
    weights: np.ndarray,
    psums: np.ndarray,
    *,
    mode: Mode,
    psum_width: int,
    pipeline: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The outputs ``weights_o`` and ``psums_o`` of each cycle; the first few mean nothing.

    As ``pe_ws`` has it, of spread words. Each sum of products is too large by the mode's offset.
    """
    shadow = held(weights, shift)
    used = held(shadow, swap)
    if pipeline == 2:
        used = np.append(used[1:], 0)
    products = np.roll(fusion_unit(acts, used, mode) + offset(mode), pipeline)
    return shadow, np.roll(limit(psums + products, psum_width, "wrap"), 1)
