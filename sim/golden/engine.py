"""What a GEMM engine computes: a product in accumulators of some width, then its output stage."""

import numpy as np

from . import formats
from .arith.requantize import requantize
from .gemm import gemm

__all__ = ["engine", "product", "special_results", "specials_as"]


def product(manifest: dict, a, w, channels=None, *, a_type: str, w_type: str) -> np.ndarray:
    """The results for matrices of codes: see :func:`engine`.

    Parameters
    ----------
    a, w : integer arrays, M × K and K × N
        Codes of the formats ``a_type`` and ``w_type``; neighbours along K are pairs.
    """
    given, specials = manifest["parameters"], specials_as(manifest)
    a_parts = _parts(
        formats.operands(_even(a, 1), a_type, axis=1, specials=specials), a_type, given["a_format"]
    )
    w_parts = _parts(
        formats.operands(_even(w, 0), w_type, axis=0, specials=specials), w_type, given["w_format"]
    )
    if len(a_parts) == len(w_parts) == 1:
        return engine(manifest, a_parts[0], w_parts[0], channels)
    # Halves meet halves, tile of K by tile of K. Only where sums saturate does the order matter.
    k = a_parts[0].shape[1]
    step = given["rows"] if manifest["design"] == "gemm_ws" else k
    a_tiles, w_tiles = [], []
    for at in range(0, k, step):
        for a_part in a_parts:
            for w_part in w_parts:
                missing = (0, max(0, at + step - k))
                a_tiles.append(np.pad(a_part[:, at : at + step], ((0, 0), missing)))
                w_tiles.append(np.pad(w_part[at : at + step], (missing, (0, 0))))
    return engine(manifest, np.hstack(a_tiles), np.vstack(w_tiles), channels)


def _even(codes, axis):
    """Codes with a zero after the last of an odd number along an axis."""
    padding = [(0, codes.shape[side] % 2 if side == axis else 0) for side in (0, 1)]
    return np.pad(codes, padding)


def _parts(values, member, name):
    """Operands, or their high and low halves where the array is for formats of 4 bits."""
    bits = [formats.get(part).bits for part in name.split("+")]
    fmt = formats.get(member)
    if fmt.bits == min(bits):
        return [values]
    outlier = (abs(values) > 127) & fmt.pair  # not divided
    high = np.where(outlier, values, values // 16 * 16)
    return [high, values - high]


def specials_as(manifest: dict) -> str:
    """What NaN and infinities count as in an engine, in the words of ``formats.operands``."""
    return "zero" if manifest["parameters"]["specials"] == "flag" else "saturate"


def special_results(a, w, *, a_type: str, w_type: str) -> np.ndarray:
    """Which results depend on NaN or an infinity: a bool array, M × N, from matrices of codes."""
    rows, columns = (
        formats.get(name).special[codes & ((1 << formats.get(name).bits) - 1)].any(axis=axis)
        for codes, name, axis in ((a, a_type, 1), (w, w_type, 0))
    )
    return rows[:, None] | columns[None, :]


def engine(manifest: dict, a: np.ndarray, w: np.ndarray, channels=None) -> np.ndarray:
    """The results of the engine that a manifest describes, an int64 array, M × N.

    Parameters
    ----------
    manifest : dict
        Its parameters ``output``, ``overflow`` and ``rows`` matter, and the accumulator's width.
    a, w : integer arrays, M × K and K × N
        Operands, whatever their codes.
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
