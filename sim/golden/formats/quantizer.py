"""From real numbers to codes and scales."""

import math

import numpy as np
from numpy.typing import ArrayLike

from . import pairs
from .catalogue import get
from .checks import as_numpy, check_axis, check_pairs, first_index
from .codes import decode
from .format import Format
from .grid import grid
from .olive import PAIRS
from .scale import METHODS, outlier_scale, pair_scale, scale

__all__ = ["encode", "errors", "errors_of", "mse", "quantize", "quantize_pairs"]


def encode(
    x: ArrayLike, scale: ArrayLike, name: str, *, pair_axis: int = -1, both: str = "larger"
) -> np.ndarray:
    """The codes nearest to x / scale.

    Halfway between two values the one with the even code is taken, and where both codes or
    neither are even the one of smaller magnitude. For integers and small floats this is "ties to
    even". Of several codes for a value the lowest is taken, so 0 is +0. Beyond the largest values
    these are taken; NaN, ±Inf and NaR never come out. (Posits are rounded by value like all
    others: to 0 below half the smallest.)

    Parameters
    ----------
    x : array of finite real numbers, any shape
    scale : positive numbers that broadcast with ``x``
    name : str
        Of the format.
    pair_axis, both
        See :func:`quantize_pairs`; without meaning for other formats.

    Returns
    -------
    array of x's shape
        In the smallest integer type that has all codes: signed for ``int<N>``, else unsigned.

    Raises
    ------
    TypeError
        Not real numbers.
    ValueError
        An unknown format, numbers that are not finite, negative ones for a format without sign, a
        scale that is not positive and finite, or an odd number of elements to be paired.
    """
    fmt = get(name)
    x = _checked(x, fmt)
    scale = _numbers(scale, "Scale")
    wrong = ~(np.isfinite(scale) & (scale > 0))
    if wrong.any():
        index, where = first_index(wrong)
        raise ValueError(f"Scale must be positive and finite, not {scale[index]}{where}")
    levels = grid(name)
    with np.errstate(over="ignore"):
        scaled = x / scale
    if not fmt.pair:
        return levels.codes[levels.nearest(scaled)]
    _check_both(both)
    axis = check_pairs(scaled.shape, pair_axis, fmt, "X")
    moved = np.moveaxis(scaled, axis, -1)
    codes, _ = pairs.encode(moved.reshape(-1, 2), levels, fmt, both)
    return np.moveaxis(codes.reshape(moved.shape), -1, axis)


def quantize(
    x: ArrayLike,
    name: str,
    axis: int | None = None,
    method: str = "mse",
    *,
    pair_axis: int = -1,
    both: str = "larger",
    outliers: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Codes and scales so that ``decode(codes, name) * scale`` is close to ``x``.

    ``"max"`` takes the largest magnitude in ``x`` to the largest one of the format: to 2^(N-1)
    for ``int<N>``, whose +2^(N-1) saturates. ``"mse"`` tries 75 to 149 % of this scale in steps
    of 1 %, as ANT's authors do, and takes the first with the least summed squared error. Formats
    that need others:

    - fp16, bf16 and tf32 have the scale 1; beyond their largest number, the least power of two that
      takes the largest magnitude to it or below.
    - The scale of AdaptivFloat and CFloat is a power of two. ``"max"``: the leading one of the
      largest magnitude becomes the one of the largest value. ``"mse"``: this, half and twice of it.
    - posits: ``"mse"`` takes the largest magnitude to 1, 2, 4 … maxpos, whichever is best;
      generalized posits, to maxpos, half of it, a quarter … about 1.
    - pairs: see :func:`quantize_pairs`.

    A slice without any number but zeros has scale 1.

    With a share of ``outliers`` the scale is for hardware that multiplies half of the bits, and the
    other half of few numbers: of ``int8`` at most that share is outside -8 .. 7. It is the scale of
    the least squared error of 100 to 298 % of the least one, in steps of 2 %.

    Parameters
    ----------
    x : array of finite real numbers, any shape
    name : str
        Of the format.
    axis : int, optional
        Each index along it has its own scale, such as an output channel; by default all of ``x``
        share one.
    method : str
        ``"mse"`` or ``"max"``.
    pair_axis, both
        See :func:`quantize_pairs`; without meaning for other formats.
    outliers : float or None
        From 0 to 1, in place of the method, for ``int<N>`` with an even N of 4 and more.

    Returns
    -------
    codes : array of x's shape
        See :func:`encode`.
    scale : float64 array
        Without dimensions, or with those of ``x``, all of length 1 but ``axis``.

    Raises
    ------
    TypeError
        Not real numbers.
    ValueError
        An unknown format or method, numbers that are not finite, negative ones for a format
        without sign, or an axis that ``x`` does not have.
    """
    fmt = get(name)
    if outliers is not None:
        _check_outliers(outliers, fmt)
    if fmt.pair:
        return quantize_pairs(x, name, axis, pair_axis, method, both)
    x = _checked(x, fmt)
    _check_method(method)
    axis = None if axis is None else check_axis(axis, x.ndim, "Axis")
    slices = x.reshape(1, -1) if axis is None else _rows(np.moveaxis(x, axis, 0))
    if outliers is None:
        scales = [scale(row, fmt, method) for row in slices]
    else:
        scales = [outlier_scale(row, fmt, outliers) for row in slices]
    scales = _shaped(scales, x, axis)
    return encode(x, scales, name), scales


def quantize_pairs(
    x: ArrayLike,
    name: str,
    axis: int | None = None,
    pair_axis: int = -1,
    method: str = "mse",
    both: str = "larger",
) -> tuple[np.ndarray, np.ndarray]:
    """Codes and scales in a format of OliVe's pairs.

    Each number is taken to the nearest of the normal and outlier values. Next to an outlier the
    other one of the pair becomes 0, the victim. ``"max"`` takes abs(mean) + 3 standard deviations
    of a slice to the largest *normal* value; ``"mse"`` tries 75, 77 … 249 % of this scale, and
    takes the first with the least summed squared error.

    Parameters
    ----------
    x : array of finite real numbers, of an even length along ``pair_axis``
    name : str
        ``ovp_…``.
    axis : int, optional
        Each index along it has its own scale; not ``pair_axis``.
    pair_axis : int
        Along which elements 2k and 2k+1 are a pair.
    method : str
        ``"mse"`` or ``"max"``.
    both : str
        Which of two outliers in a pair stays one: the ``"larger"`` (of equal ones the even), or
        always the ``"even"`` one, as in the authors' code.

    Returns
    -------
    codes, scale
        As of :func:`quantize`.

    Raises
    ------
    TypeError, ValueError
        As :func:`quantize`, and for an odd number of elements to be paired.
    """
    fmt = get(name)
    if not fmt.pair:
        raise ValueError(f"Format must be one of pairs ({', '.join(PAIRS)}), not {name!r}")
    x = _checked(x, fmt)
    _check_method(method)
    _check_both(both)
    position = check_pairs(x.shape, pair_axis, fmt, "X")
    axis = None if axis is None else check_axis(axis, x.ndim, "Axis")
    if axis == position:
        raise ValueError(f"Pair axis must not be the axis with its own scales, {pair_axis}")
    last = np.moveaxis(x, position, -1)
    if axis is None:
        slices = last.reshape(1, -1)
    else:
        slices = _rows(np.moveaxis(last, axis if axis < position else axis - 1, 0))
    scales = [pair_scale(row.reshape(-1, 2), fmt, method, both) for row in slices]
    scales = _shaped(scales, x, axis)
    return encode(x, scales, name, pair_axis=pair_axis, both=both), scales


def mse(
    x: ArrayLike, codes: ArrayLike, scale: ArrayLike, name: str, *, pair_axis: int = -1
) -> float:
    """The mean squared difference of ``x`` and what ``codes`` stand for; 0 for empty arrays."""
    return errors(x, codes, scale, name, pair_axis=pair_axis)[0]


def errors(
    x: ArrayLike, codes: ArrayLike, scale: ArrayLike, name: str, *, pair_axis: int = -1
) -> tuple[float, float]:
    """:func:`mse`, and its ratio to the mean square of ``x``.

    Tensors of any magnitude have the same ratio, also where the squares are beyond float64: then
    the former is infinite, or 0. An array of zeros, or an empty one, has the ratio 0.
    """
    x = _numbers(x, "X")
    largest, exponent = np.frexp(np.abs(x).max(initial=0.0))
    if not largest:
        return 0.0, 0.0
    values, exponent = decode(codes, name, axis=pair_axis), int(exponent)
    # Both sides times 2^-exponent. Slices of zeros have the scale 1, which may leave the range.
    with np.errstate(over="ignore"):
        scale = np.broadcast_to(np.ldexp(_numbers(scale, "Scale"), -exponent), values.shape)
    values = np.multiply(values, scale, where=values != 0, out=np.zeros(values.shape))
    return errors_of(x, values, exponent)


def errors_of(x: np.ndarray, values: np.ndarray, exponent: int) -> tuple[float, float]:
    """:func:`errors` where ``values`` are divided by 2^``exponent``, the power of two above the
    largest magnitude of ``x``."""
    x = np.ldexp(x, -exponent)
    error, energy = (float(np.square(array).mean()) for array in (values - x, x))
    if not energy:
        return 0.0, 0.0
    try:
        return math.ldexp(error, 2 * exponent), error / energy
    except OverflowError:
        return math.inf, error / energy


def _rows(x):
    return x.reshape(len(x), -1) if x.size else np.zeros((len(x), 0))


def _shaped(scales, x, axis):
    if axis is None:
        return np.array(scales[0])
    return np.array(scales).reshape([-1 if i == axis else 1 for i in range(x.ndim)])


def _numbers(x, subject):
    x = as_numpy(x)
    if x.dtype.kind not in "fiu":
        raise TypeError(f"{subject} must be real numbers, not {x.dtype}")
    with np.errstate(over="ignore"):  # of a wider type
        return x.astype(np.float64)


def _checked(x, fmt: Format):
    x = _numbers(x, "X")
    wrong = ~np.isfinite(x)
    if wrong.any():
        index, where = first_index(wrong)
        raise ValueError(f"X must be finite, not {x[index]}{where}")
    wrong = x < 0
    if not fmt.signed and wrong.any():
        index, where = first_index(wrong)
        raise ValueError(f"X must be zero or positive for {fmt.name}, not {x[index]}{where}")
    return x


def _check_method(method):
    if method not in METHODS:
        raise ValueError(f'Method must be "mse" or "max", not {method!r}')


def _check_both(both):
    if both not in ("larger", "even"):
        raise ValueError(f'Both must be "larger" or "even", not {both!r}')


def _check_outliers(share, fmt):
    if not 0 <= share <= 1:
        raise ValueError(f"Outliers must be a share from 0 to 1, not {share!r}")
    if fmt.family != "int" or not fmt.signed or fmt.bits % 2 or fmt.bits < 4:
        raise ValueError(
            f"Format must be int<N> with an even N of 4 and more for outliers, not {fmt.name}"
        )
