"""What a GEMM engine computes: a product in accumulators of some width, then its output stage."""

import numpy as np

from ..manifest import Manifest
from . import formats
from .arith.requantize import requantize
from .gemm import gemm

__all__ = ["engine", "product", "special_results", "specials_as"]


def product(manifest: Manifest, a, w, channels=None, **modes) -> np.ndarray:
    """The results for matrices of codes: see :func:`engine`.

    Parameters
    ----------
    a, w : integer arrays, M × K and K × N
        Codes of the formats ``a_type`` and ``w_type``, neighbours along K being pairs; or of
        ``gemm_fusion`` integers.
    **modes
        All that are chosen at run time.
    """
    if manifest.design == "gemm_fusion":
        a_parts, w_parts = _halves(a, modes["a_bits"]), _halves(w, modes["w_bits"])
        terms = 64 // (min(modes["a_bits"], 8) * min(modes["w_bits"], 8))
    else:
        a_parts, w_parts = _operand_parts(manifest, a, w, **modes)
        terms = 1
    if len(a_parts) == len(w_parts) == 1:
        return engine(manifest, a_parts[0], w_parts[0], channels, terms)
    # Halves meet halves, in one pass over K after the other. Only where sums saturate does the
    # order matter, and with it where tiles end.
    k = a_parts[0].shape[1]
    step = 1 if manifest.design == "gemm_os" else manifest.parameters["rows"] * terms
    missing = (0, -k % step)
    passes = [(a_part, w_part) for a_part in a_parts for w_part in w_parts]
    return engine(
        manifest,
        np.hstack([np.pad(a_part, ((0, 0), missing)) for a_part, _ in passes]),
        np.vstack([np.pad(w_part, (missing, (0, 0))) for _, w_part in passes]),
        channels,
        terms,
    )


def _halves(values, bits):
    """Integers, or their high and low bytes if they have 16 bits."""
    values = np.asarray(values, np.int64)
    return [values] if bits <= 8 else [values // 256 * 256, values % 256]


def _operand_parts(manifest, a, w, a_type, w_type):
    given, specials = manifest.parameters, specials_as(manifest)
    a_parts = _parts(
        formats.operands(_even(a, 1), a_type, axis=1, specials=specials), a_type, given["a_format"]
    )
    w_parts = _parts(
        formats.operands(_even(w, 0), w_type, axis=0, specials=specials), w_type, given["w_format"]
    )
    return a_parts, w_parts


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


def specials_as(manifest: Manifest) -> str:
    """What NaN and infinities count as in an engine, in the words of ``formats.operands``."""
    return "zero" if manifest.parameters.get("specials") == "flag" else "saturate"


def special_results(a, w, *, a_type: str, w_type: str) -> np.ndarray:
    """Which results depend on NaN or an infinity: a bool array, M × N, from matrices of codes."""
    rows, columns = (
        formats.get(name).special[codes & ((1 << formats.get(name).bits) - 1)].any(axis=axis)
        for codes, name, axis in ((a, a_type, 1), (w, w_type, 0))
    )
    return rows[:, None] | columns[None, :]


def engine(
    manifest: Manifest, a: np.ndarray, w: np.ndarray, channels=None, terms: int = 1
) -> np.ndarray:
    """The results of the engine that a manifest describes, an int64 array, M × N.

    Parameters
    ----------
    manifest : dict
        Its parameters ``output``, ``overflow`` and ``rows`` matter, and the accumulator's width.
    a, w : integer arrays, M × K and K × N
        Operands, whatever their codes.
    channels : Channels or None
        What the output stage adds and scales; ``None`` for raw accumulators.
    terms : int
        Products that an element of a weight-stationary array does at once.
    """
    given = manifest.parameters
    # Where an accumulator saturates the result depends on what is added at a time: products in
    # an element that keeps its sum, sums of a tile of K where the accumulators are at the border.
    step = 1 if manifest.design == "gemm_os" else given["rows"] * terms
    acc = gemm(
        a,
        w,
        acc_width=manifest.derived["acc_width"],
        overflow=given["overflow"],
        terms_per_step=step,
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
