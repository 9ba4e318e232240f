"""Requantization: from accumulators to output codes, rounded exactly or as float32."""

import numpy as np
from numpy.typing import ArrayLike

from ..formats import as_numpy, check_integers

__all__ = ["requantize", "scale_to_multiplier", "scale_to_shift"]

_MULTIPLIER_BITS = 24
_MAX_MULTIPLIER = (1 << _MULTIPLIER_BITS) - 1
_MAX_SHIFT = 127
_INT64 = np.iinfo(np.int64)


def requantize(
    acc: ArrayLike,
    bias: ArrayLike,
    multiplier: ArrayLike,
    shift: ArrayLike,
    zero_point: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    rounding: str = "exact",
) -> np.ndarray:
    """y = clamp(round((acc + bias) · multiplier · 2^-shift) + zero_point, low, high).

    For integers of any width; the clamp comes last and nothing overflows before it. ``"exact"`` is
    one rounding, to nearest, ties to even. With ``"float32"`` a product v counts as a tie if the
    half-integer h next to it has |v - h| ≤ 2^(t-24), t = ⌊log2 |v|⌋: that is
    ``rint(float32(acc + bias) * float32(scale))`` wherever |acc + bias| ≤ 2^24, so what ONNX
    Runtime's QLinearMatMul and QLinearConv compute on x86-64.

    Parameters
    ----------
    acc : integers (..., N)
        N channels along the last axis; ``object`` arrays of Python integers are allowed.
    bias, multiplier, shift : integers, one or (N,)
        Per tensor or per channel. Multiplier 0 to 2^24-1, shift 0 to 127.
    zero_point, low, high : integers, one or (N,)
        ``low`` and ``high`` are both included, within int64, and ``low <= high``. With
        ``"float32"`` all three are from -2^20 to 2^20: a float32 beyond 2^22 has no ties.
    rounding : str
        ``"exact"`` or ``"float32"``.

    Returns
    -------
    int64 array of acc's shape

    Raises
    ------
    TypeError
        Something is not an integer.
    ValueError
        A parameter is out of range or has the wrong shape.
    """
    if rounding not in ("exact", "float32"):
        raise ValueError(f"Rounding must be 'exact' or 'float32', not {rounding!r}")
    acc = check_integers(acc, "Accumulators")
    bias = _per_channel(bias, acc, "Bias")
    multiplier = _per_channel(multiplier, acc, "Multiplier", _MAX_MULTIPLIER)
    shift = _per_channel(shift, acc, "Shift", _MAX_SHIFT)
    zero_point = _per_channel(zero_point, acc, "Zero point")
    low, high = _per_channel(low, acc, "Low"), _per_channel(high, acc, "High")
    if low.size and int(low.min()) < _INT64.min:
        raise ValueError(f"Low must fit int64, not {int(low.min())}")
    if high.size and int(high.max()) > _INT64.max:
        raise ValueError(f"High must fit int64, not {int(high.max())}")
    if np.any(low > high):
        first = np.argmax(np.atleast_1d(low > high))
        values = [np.broadcast_to(side, np.shape(low > high)).flat[first] for side in (low, high)]
        raise ValueError(f"Low must be at most high ({values[1]}), not {values[0]}")
    if rounding == "float32":
        for values, subject in ((zero_point, "Zero point"), (low, "Low"), (high, "High")):
            if values.size and _largest(values) > 1 << 20:
                first = values[abs(values) > 1 << 20].flat[0]
                raise ValueError(
                    f"{subject} must be from -2^20 to 2^20 with rounding to float32, not {first}"
                )
    if not acc.size:
        return np.zeros(acc.shape, np.int64)

    sums = _largest(acc) + _largest(bias)
    limits = max(_largest(low), _largest(high))
    bound = max(limits, max(sums, sums * int(multiplier.max())) + _largest(zero_point))
    dtype = np.int64 if bound < _INT64.max and int(shift.max()) < 64 else object
    # At least one dimension: without any, numpy falls back to scalars, and to int64 among them.
    values, bias, multiplier, shift, zero_point, low, high = (
        np.atleast_1d(array).astype(dtype)
        for array in (acc, bias, multiplier, shift, zero_point, low, high)
    )
    product = (values + bias) * multiplier
    floor = product >> shift
    remainder = product - (floor << shift)
    half = 1 << np.maximum(shift - 1, 0)
    # With shift 0 the remainder is 0, and half is 1.
    tie = remainder == half
    if rounding == "float32":
        tie |= _near(abs(remainder - half), abs(product))
    up = np.where(tie, floor & 1 == 1, remainder > half)
    result = np.minimum(np.maximum(floor + up + zero_point, low), high)
    return result.astype(np.int64).reshape(acc.shape)


def scale_to_multiplier(scale: ArrayLike, highest_shift: int = 63) -> tuple[np.ndarray, np.ndarray]:
    """The float32 scale as multiplier · 2^-shift.

    The multiplier is the scale's 24-bit significand, 2^23 to 2^24-1, so the two are **equal** for
    every scale of at least 2^(23 - highest_shift): 2^-40, or 2^-104 for a shift up to 127. Below,
    the shift stays at the highest and the multiplier is scale · 2^highest_shift, rounded half to
    even where that is not whole. No result can tell, as long as ``|acc + bias|`` is at most
    2^(highest_shift - 24), as 2^39: it is zero_point with either scale.

    Parameters
    ----------
    scale : float32, any shape
        Above zero and below 2^24. Wider floats are first rounded to float32, half to even.
    highest_shift : int
        The greatest shift of the hardware, which has 6 or 7 bits for it.

    Returns
    -------
    multiplier, shift : int64 arrays of scale's shape (numpy integers for a single scale)
        0 to 2^24-1, and 0 to ``highest_shift``.

    Raises
    ------
    TypeError
        Not real numbers.
    ValueError
        A scale that is zero, negative, infinite, not a number, too large, or no float32.
    """
    values = _scales(scale)
    _refuse(~(np.isfinite(values) & (values > 0)), values, "positive and finite")
    _refuse(values >= 1 << _MULTIPLIER_BITS, values, "below 2^24")
    single = values.astype(np.float32).astype(np.float64)
    _refuse(single == 0, values, "at least 2^-149, the smallest float32")
    _refuse(single >= 1 << _MULTIPLIER_BITS, values, "below 2^24")
    fraction, exponent = np.frexp(single)
    multiplier = np.ldexp(fraction, _MULTIPLIER_BITS)
    shift = _MULTIPLIER_BITS - exponent.astype(np.int64)
    # Both steps are exact in float64 but for rint, which rounds half to even.
    multiplier = np.rint(np.ldexp(multiplier, -np.maximum(shift - highest_shift, 0)))
    return multiplier.astype(np.int64)[()], np.minimum(shift, highest_shift)[()]


def scale_to_shift(scale: ArrayLike) -> np.ndarray:
    """The shift of a scale that is a power of two: scale = 2^-shift, exactly.

    Parameters
    ----------
    scale : float, any shape
        1, 1/2, 1/4 … 2^-63.

    Returns
    -------
    int64 array of scale's shape (a numpy integer for a single scale), 0 to 63

    Raises
    ------
    TypeError
        Not real numbers.
    ValueError
        A scale that is not one of these.
    """
    values = _scales(scale)
    fraction, exponent = np.frexp(values)
    mode = 'in the "shift" output mode'
    _refuse(fraction != 0.5, values, f"a power of two {mode}")
    shift = 1 - exponent.astype(np.int64)
    _refuse((shift < 0) | (shift > 63), values, f"from 2^-63 to 1 {mode}")
    return shift[()]


def _near(distance: np.ndarray, product: np.ndarray) -> np.ndarray:
    """Whether distance ≤ 2^(t-24), t the exponent of the product's leading one."""
    exponent = np.frompyfunc(lambda value: int(value).bit_length() - 1, 1, 1)(product)
    limit = np.ones_like(product) << np.maximum(exponent - 24, 0).astype(product.dtype)
    return (exponent >= 24) & (distance <= limit)


def _largest(values: np.ndarray) -> int:
    return max(abs(int(values.min())), abs(int(values.max())))


def _per_channel(
    values: ArrayLike, acc: np.ndarray, subject: str, highest: int | None = None
) -> np.ndarray:
    values = check_integers(values, subject)
    if values.ndim and values.shape != acc.shape[-1:]:
        channels = acc.shape[-1] if acc.ndim else 1
        raise ValueError(
            f"{subject} must be one value or one per channel ({channels}), not shape {values.shape}"
        )
    if highest is not None:
        outside = (values < 0) | (values > highest)
        if outside.any():
            first = values[outside].flat[0]
            raise ValueError(f"{subject} must be from 0 to {highest}, not {first}")
    return values


def _scales(scale: ArrayLike) -> np.ndarray:
    values = as_numpy(scale)
    if values.dtype.kind not in "fiu":
        raise TypeError(f"Scale must be a number, not {scale!r}")
    return values if values.dtype == np.float32 else values.astype(np.float64)


def _refuse(bad: np.ndarray, scales: np.ndarray, limit: str) -> None:
    if bad.any():
        raise ValueError(f"Scale must be {limit}, not {scales[bad].flat[0]!s}")
