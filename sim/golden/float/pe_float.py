"""PE of the weight-stationary array with sums in binary32, as waveforms."""

import numpy as np

from ..systolic.pe_ws import held
from .fp_add import fp_add
from .fp_multiply import fp_multiply

__all__ = ["pe_float"]


def pe_float(
    acts: np.ndarray,
    shift: np.ndarray,
    swap: np.ndarray,
    weights: np.ndarray,
    psums: np.ndarray,
    *,
    a_mantissa: int,
    w_mantissa: int,
    pipeline: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The outputs ``weights_o`` and ``psums_o`` of each cycle; the first few mean nothing.

    All are codes: of binary32, and of binary32 without all but so many fraction bits. ``swap`` puts
    the shadow's weight into use, with pipeline 2 for the activation of the same cycle, else for
    that of the next. A product is added to the partial sum that comes ``pipeline`` cycles after its
    activation, and the sum is seen another three cycles later.
    """
    shadow = held(weights, shift)
    used = held(shadow, swap)
    if pipeline == 2:
        used = np.append(used[1:], 0)
    products = np.roll(fp_multiply(acts, used, a_mantissa, w_mantissa), pipeline)
    return shadow, np.roll(fp_add(psums, products), 3)
