"""What a GEMM engine computes: a product in accumulators of some width, then its output stage."""

import math

import numpy as np

from ..manifest import Manifest
from . import formats
from .arith.requantize import requantize
from .float.align import aligned
from .float.codes import LAYOUTS
from .float.gemm_float import gemm_float, single_codes
from .float.narrow import narrow
from .float.scaled_sums import scaled_sums
from .float.to_float import to_float
from .gemm import gemm

__all__ = [
    "accumulated",
    "coded_product",
    "engine",
    "float_results",
    "nan_inf_as",
    "nan_inf_results",
    "real_operands",
    "scaled_product",
    "sums_in_floats",
    "width_product",
]


def accumulated(
    manifest: Manifest, a: np.ndarray, w: np.ndarray, *, acc_width, overflow, terms_per_step
) -> np.ndarray:
    """A · W in accumulators, of PEs whose products are exact: see :func:`.gemm.gemm`."""
    return gemm(a, w, acc_width=acc_width, overflow=overflow, terms_per_step=terms_per_step)


def coded_product(
    manifest: Manifest,
    a,
    w,
    qparams=None,
    *,
    a_type: str,
    w_type: str,
    step: int | None,
    product=accumulated,
) -> np.ndarray:
    """The results for matrices of codes of number formats: see :func:`engine`.

    Parameters
    ----------
    a, w : integer arrays, M × K and K × N
        Codes of the formats ``a_type`` and ``w_type``; neighbours along K are OVP pairs.
    """
    given = manifest.parameters
    if sums_in_floats(manifest):
        values = (real_operands(a, a_type), real_operands(w, w_type))
        return engine(manifest, *values, qparams, step=step)
    nan_inf = nan_inf_as(manifest)
    a = formats.operands(_even(a, 1), a_type, axis=1, specials=nan_inf)
    w = formats.operands(_even(w, 0), w_type, axis=0, specials=nan_inf)
    a_nibbles = _nibbles(a, a_type, given["a_format"])
    w_nibbles = _nibbles(w, w_type, given["w_format"])
    return _passes(manifest, a_nibbles, w_nibbles, qparams, step, product)


def scaled_product(
    manifest: Manifest,
    a,
    w,
    *,
    a_type: str,
    w_type: str,
    group: int,
    w_scales: tuple[np.ndarray, str],
    a_scales: tuple[np.ndarray, str] | None,
) -> np.ndarray:
    """The results for matrices of codes with scales for each ``group`` of terms of K.

    See :func:`.scaled_sums.scaled_sums`; the last group may have fewer terms.
    """
    nan_inf, align = nan_inf_as(manifest), manifest.parameters["align"]
    groups = [slice(first, first + group) for first in range(0, a.shape[1], group)]
    if align:
        a, fields, unit = aligned(formats.decode(a, a_type), groups, align)
        a_scales = fields, "e8m0"
    else:
        a = formats.operands(a, a_type, axis=1, specials=nan_inf)
        unit = formats.get(a_type).unit
    total = scaled_sums(
        a,
        formats.operands(w, w_type, axis=0, specials=nan_inf),
        groups=groups,
        unit=unit * formats.get(w_type).unit,
        w_scales=w_scales,
        a_scales=a_scales,
    )
    return float_results(manifest, total)


def float_results(manifest: Manifest, sums: np.ndarray) -> np.ndarray:
    """Codes of the results, int64, from sums in float32."""
    codes, output = single_codes(sums), manifest.parameters["output"]
    return codes if output == "raw" else narrow(codes, output)


def width_product(
    manifest: Manifest,
    a,
    w,
    qparams=None,
    *,
    a_bits: int,
    w_bits: int,
    product=accumulated,
    **signs,
) -> np.ndarray:
    """The results for matrices of integers of widths that are set at run time (Bit Fusion).

    Operands of 16 bits are taken byte by byte. A PE multiplies 64 / (a_bits · w_bits) pairs at a
    time, with widths of at most 8.
    """
    terms = 64 // (min(a_bits, 8) * min(w_bits, 8))
    step = manifest.parameters["rows"] * terms
    return _passes(manifest, _bytes(a, a_bits), _bytes(w, w_bits), qparams, step, product)


def _passes(manifest, a_digits, w_digits, qparams, step, product):
    """Each digit of A meets each of W, in one pass over K after the other.

    The order matters only where sums saturate, and with it the ends of tiles of ``step`` terms.
    """
    if len(a_digits) == len(w_digits) == 1:
        return engine(manifest, a_digits[0], w_digits[0], qparams, step=step, product=product)
    missing = (0, -a_digits[0].shape[1] % step)
    passes = [(a, w) for a in a_digits for w in w_digits]
    return engine(
        manifest,
        np.hstack([np.pad(a, ((0, 0), missing)) for a, _ in passes]),
        np.vstack([np.pad(w, (missing, (0, 0))) for _, w in passes]),
        qparams,
        step=step,
        product=product,
    )


def _bytes(values, bits):
    """Integers, or their high and low bytes if they have 16 bits."""
    values = np.asarray(values, np.int64)
    return [values] if bits <= 8 else [values // 256 * 256, values % 256]


def _even(codes, axis):
    """Codes with a zero after the last of an odd number along an axis."""
    padding = [(0, codes.shape[side] % 2 if side == axis else 0) for side in (0, 1)]
    return np.pad(codes, padding)


def _nibbles(values, member, name):
    """Operands, or their high and low nibbles where the array is for formats of 4 bits."""
    bits = [formats.get(each).bits for each in name.split("+")]
    fmt = formats.get(member)
    if fmt.bits == min(bits):
        return [values]
    outlier = (abs(values) > 127) & fmt.pair  # not divided
    high = np.where(outlier, values, values // 16 * 16)
    return [high, values - high]


def sums_in_floats(manifest: Manifest) -> bool:
    """Whether an engine rounds its sums to binary32: its operands are real numbers."""
    return manifest.derived.get("sums") == "fp32"


def real_operands(codes: np.ndarray, name: str) -> np.ndarray:
    """The numbers of codes of a small float, for sums in binary32: zeros keep their signs."""
    values, negative = formats.decode(codes, name), codes >> (formats.get(name).bits - 1) & 1
    return np.where((values == 0) & (negative == 1), -0.0, values)


def nan_inf_as(manifest: Manifest) -> str:
    """What NaN and infinities count as in an engine, in the words of ``formats.operands``."""
    return "zero" if manifest.parameters.get("nan_inf") == "flag" else "saturate"


def nan_inf_results(a, w, *, a_type: str, w_type: str) -> np.ndarray:
    """Which results depend on NaN or an infinity: a bool array, M × N, from matrices of codes."""
    rows, columns = (
        formats.get(name).special[codes & ((1 << formats.get(name).bits) - 1)].any(axis=axis)
        for codes, name, axis in ((a, a_type, 1), (w, w_type, 0))
    )
    return rows[:, None] | columns[None, :]


def engine(
    manifest: Manifest,
    a: np.ndarray,
    w: np.ndarray,
    qparams=None,
    *,
    step: int | None,
    product=accumulated,
) -> np.ndarray:
    """The results of the engine that a manifest describes, an int64 array, M × N.

    Parameters
    ----------
    manifest : Manifest
        Its parameters ``output``, ``rounding`` and ``overflow`` matter, and the accumulator's
        width.
    a, w : arrays, M × K and K × N
        Operands, whatever their codes: integers, or with :func:`sums_in_floats` real numbers.
    qparams : QuantParams or None
        Per-channel quantization parameters; ``None`` for raw accumulators.
    step : int or None
        Products that are added to an accumulator at once: where it saturates, the result depends
        on them. One in a PE that keeps its sum, or ``None`` if the sum is in binary32; those of a
        tile of K where the accumulators are below the array.
    product : function
        The sums of products: :func:`accumulated`, or a function with its parameters and the
        arithmetic of other PEs.
    """
    given = manifest.parameters
    if sums_in_floats(manifest):
        return float_results(manifest, gemm_float(a, w, terms_per_step=step))
    acc = product(
        manifest,
        a,
        w,
        acc_width=manifest.derived["acc_width"],
        overflow=given["overflow"],
        terms_per_step=step,
    )
    if given["output"] == "raw":
        return acc
    if given["output"] in LAYOUTS:
        return to_float(acc, _unit(given), given["output"])
    if given["output"] == "threshold":
        return ((acc + qparams.bias >= 0) != (np.asarray(qparams.flip) == 1)).astype(np.int64)
    if given["output"] == "bias":
        return acc + qparams.bias
    return requantize(
        acc,
        qparams.bias,
        qparams.multiplier if given["output"] == "scale" else 1,
        qparams.shift,
        qparams.zero_point,
        qparams.low,
        qparams.high,
        given["rounding"],
    )


def _unit(given):
    """Exponent of the power of two that the sums of an engine count in."""
    names = [given.get(f"{side}_format", "int8").split("+")[0] for side in "aw"]
    return sum(math.frexp(formats.get(name).unit)[1] - 1 for name in names)
