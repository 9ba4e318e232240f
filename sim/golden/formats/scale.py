"""Which scale a slice of numbers is quantized with."""

import numpy as np

from .format import Format
from .grid import Grid, grid, normal_grid
from .pairs import encode
from .small_float import UNSCALED

__all__ = ["METHODS", "outlier_scale", "pair_scale", "scale"]

METHODS = ("mse", "max")

#: Percentages of the starting point that the search tries: those of the ANT and OliVe authors.
_PERCENT = np.arange(75, 150)
_PAIR_PERCENT = np.arange(75, 250, 2)

#: As many percent of the least scale with few enough outliers.
_OUTLIER_PERCENT = np.arange(100, 300, 2)

#: Summed errors that differ by less, relative to the summed squares, are computed once more.
_CLOSE = 1e-10

_LIMITS = np.finfo(np.float64)


def scale(x: np.ndarray, fmt: Format, method: str) -> float:
    """The scale of the numbers ``x``, a flat float64 array; see ``quantize``."""
    largest, exponent, x = _normalized(x)
    if not largest:
        return 1.0
    if fmt.name in UNSCALED:
        excess, power = np.frexp(largest / (fmt.highest * fmt.unit))
        return 2.0 ** max(0, int(power) + exponent - (excess == 0.5))
    if fmt.name == "bin" and method == "mse":
        # The least squared error of signs: XNOR-Net (ECCV 2016), equation 6.
        return _denormalized(np.abs(x).mean(), exponent)
    scales = _scales(largest, fmt, method)
    if len(scales) == 1:
        return _denormalized(scales[0], exponent)
    levels, x = grid(fmt.name), np.sort(x)
    return _denormalized(
        _first_best(
            scales,
            _estimates(x, scales, levels),
            lambda scale: _error(x, scale, levels),
            np.square(x).sum(),
        ),
        exponent,
    )


def pair_scale(pairs: np.ndarray, fmt: Format, method: str, both: str) -> float:
    """The scale of ``pairs``, a float64 array (P, 2); see ``quantize_pairs``."""
    largest, exponent, pairs = _normalized(pairs)
    if not largest:
        return 1.0
    normals, levels = normal_grid(fmt.name), grid(fmt.name)
    start = (abs(pairs.mean()) + 3 * pairs.std()) / normals.largest
    if method == "max":
        return _denormalized(start, exponent)
    scales = start * _PAIR_PERCENT / 100

    # Most pairs have no outlier, and are quantized like single numbers. The few others are the
    # last ones, sorted by the larger magnitude.
    larger = np.abs(pairs).max(axis=1)
    order = np.argsort(larger)
    pairs, larger = pairs[order], larger[order]
    boundary = (levels.values[levels.outlier & (levels.values > 0)][0] + normals.largest) / 2

    def with_outliers(scale):
        some = pairs[np.searchsorted(larger, boundary * scale * (1 - 1e-12)) :]
        return _pair_error(some, scale, levels, fmt, both) - _error(some, scale, normals)

    estimates = _estimates(np.sort(pairs, axis=None), scales, normals)
    estimates += [with_outliers(scale) for scale in scales]
    return _denormalized(
        _first_best(
            scales,
            estimates,
            lambda scale: _pair_error(pairs, scale, levels, fmt, both),
            np.square(pairs).sum(),
        ),
        exponent,
    )


def outlier_scale(x: np.ndarray, fmt: Format, share: float) -> float:
    """The scale of numbers of which few need more than half of the bits; see ``quantize``."""
    largest, exponent, x = _normalized(x)
    if not largest:
        return 1.0
    magnitudes, levels = np.sort(np.abs(x)), grid(fmt.name)
    # The largest number that is no outlier rounds to the largest digit.
    inlier = magnitudes[len(x) - 1 - min(int(share * len(x)), len(x) - 1)]
    start = inlier / ((1 << (fmt.bits // 2 - 1)) - 0.5) * (1 + 1e-9)
    scales = max(start, largest * 2**-40) * _OUTLIER_PERCENT / 100
    x = np.sort(x)
    return _denormalized(
        _first_best(
            scales,
            _estimates(x, scales, levels),
            lambda scale: _error(x, scale, levels),
            np.square(x).sum(),
        ),
        exponent,
    )


def _normalized(x):
    """The largest magnitude taken into 0.5 .. 1 by a power of two, so that no square overflows."""
    largest, exponent = np.frexp(np.abs(x).max(initial=0.0))
    return float(largest), int(exponent), np.ldexp(x, -int(exponent))


def _denormalized(scale, exponent):
    with np.errstate(over="ignore"):
        return float(np.clip(np.ldexp(scale, exponent), _LIMITS.smallest_subnormal, _LIMITS.max))


def _scales(largest, fmt, method):
    """The scales to choose from; with the method ``max`` a single one."""
    if fmt.family in ("adaptivfloat", "cfloat"):
        # Both have their leading one at the same place.
        start = 2.0 ** (np.frexp(largest)[1] - fmt.highest.bit_length())
        return start * np.array([0.5, 1, 2] if method == "mse" else [1])
    start = largest / grid(fmt.name).largest
    if method == "max":
        return np.array([start])
    if fmt.family == "posit":
        # Precision is best around 1: the largest magnitude is taken to 1, 2, 4, … maxpos.
        return start * 2.0 ** np.arange(np.log2(grid(fmt.name).largest) + 1)
    return start * _PERCENT / 100


def _first_best(scales, estimates, error, energy):
    """The first scale with the least summed error; what the estimates can't tell is computed."""
    close = np.flatnonzero(estimates <= estimates.min() + _CLOSE * energy)
    if len(close) == 1:
        return scales[close[0]]
    return scales[close[np.argmin([error(scales[i]) for i in close])]]


def _error(x, scale, levels):
    return np.square(levels.values[levels.nearest(x / scale)] * scale - x).sum()


def _pair_error(pairs, scale, levels, fmt, both):
    _, values = encode(pairs / scale, levels, fmt, both)
    return np.square(values * scale - pairs).sum()


def _estimates(x, scales, levels: Grid):
    """The summed squared errors of sorted numbers with each scale, but for the last digits.

    Sums over the numbers between two thresholds are differences of running sums, so each scale
    takes time for the format's values only.
    """
    if len(levels.values) > len(x):
        return np.array([_error(x, scale, levels) for scale in scales])
    sums = np.concatenate([[0.0], np.cumsum(x)])
    squares = np.square(x).sum()
    estimates = []
    for some in np.array_split(scales, 1 + len(scales) * len(levels.values) // (1 << 20)):
        scaled = some[:, None] * levels.values
        edges = np.searchsorted(x, some[:, None] * levels.thresholds, side="right")
        edges = np.pad(edges, ((0, 0), (1, 1)))
        edges[:, -1] = len(x)
        cross = (np.diff(sums[edges]) * scaled).sum(axis=1)
        estimates.append(squares - 2 * cross + (np.diff(edges) * np.square(scaled)).sum(axis=1))
    return np.concatenate(estimates)
