"""What a GEMM engine computes: a product in accumulators of some width, then its output stage."""

import numpy as np

from .arith.requantize import requantize
from .gemm import gemm

__all__ = ["engine"]


def engine(manifest: dict, a: np.ndarray, w: np.ndarray, channels=None) -> np.ndarray:
    """The results of the engine that a manifest describes, an int64 array, M × N.

    Parameters
    ----------
    manifest : dict
        Its parameters ``output``, ``overflow`` and ``rows`` matter, and the accumulator's width.
    a, w : integer arrays, M × K and K × N
    channels : Channels or None
        What the output stage adds and scales; ``None`` for raw accumulators.
    """
    given = manifest["parameters"]
    # Where an accumulator saturates the result depends on what is added at a time: products in
    # an element that keeps its sum, sums of a tile of K where the accumulators are at the border.
    terms = {"gemm_ws": given["rows"], "gemm_os": 1}[manifest["design"]]
    acc = gemm(
        a,
        w,
        acc_width=manifest["derived"]["acc_width"],
        overflow=given["overflow"],
        terms_per_step=terms,
    )
    if given["output"] == "raw":
        return acc
    if given["output"] == "bias":
        return acc + channels.bias
    return requantize(
        acc,
        channels.bias,
        channels.multiplier if given["output"] == "scale" else 1,
        channels.shift,
        channels.zero_point,
        channels.low,
        channels.high,
    )
