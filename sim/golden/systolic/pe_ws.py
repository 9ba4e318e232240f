"""PE of the weight-stationary array, as waveforms."""

import numpy as np

from ..overflow import limit

__all__ = ["held", "pe_ws"]


def held(values: np.ndarray, when: np.ndarray) -> np.ndarray:
    """What a register shows in each cycle that takes ``values`` in the cycles of ``when``.

    It is 0 until there is something to show.
    """
    shown = np.zeros_like(values)
    for cycle in range(1, len(values)):
        shown[cycle] = values[cycle - 1] if when[cycle - 1] else shown[cycle - 1]
    return shown


def pe_ws(
    acts: np.ndarray,
    shift: np.ndarray,
    swap: np.ndarray,
    weights: np.ndarray,
    psums: np.ndarray,
    *,
    psum_width: int,
    pipeline: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The outputs ``weights_o`` and ``psums_o`` of each cycle; the first few mean nothing.

    ``swap`` puts the shadow's weight into use, with pipeline 2 for the activation of the same
    cycle, else for that of the next. A product is added to the partial sum that comes
    ``pipeline`` cycles after its activation, and the sum is seen another cycle later.
    """
    shadow = held(weights, shift)
    used = held(shadow, swap)
    if pipeline == 2:
        used = np.append(used[1:], 0)
    products = np.roll(acts * used, pipeline)
    return shadow, np.roll(limit(psums + products, psum_width, "wrap"), 1)
