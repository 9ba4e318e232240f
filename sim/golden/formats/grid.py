"""The values a format has, in order, and which of them is nearest."""

import functools
from dataclasses import dataclass

import numpy as np

from .catalogue import get
from .format import Format

__all__ = ["Grid", "grid", "normal_grid"]


@dataclass(frozen=True, eq=False)
class Grid:
    """The distinct finite values of a format, ascending.

    Halfway between two values the one with the even code is nearest, and where both codes or
    neither are even (in flint, APoT, and next to the outliers of pairs) the one of smaller
    magnitude. For integers and small floats this is the usual "ties to even". A value with
    several codes has the lowest.

    Members
    -------
    values : float64 array
    codes : integer array
        The code of each value, in the smallest type for them.
    outlier : bool array
        Which ones are outliers of pairs.
    thresholds : float64 array
        One less than values: value i + 1 is nearest to what is above threshold i.
    """

    values: np.ndarray
    codes: np.ndarray
    outlier: np.ndarray
    thresholds: np.ndarray

    @property
    def largest(self) -> float:
        """The largest magnitude."""
        return float(max(self.values[-1], -self.values[0]))

    def nearest(self, x: np.ndarray) -> np.ndarray:
        """The index of the value nearest to each ``x``; beyond the last values, theirs."""
        return np.searchsorted(self.thresholds, x)


@functools.cache
def grid(name: str) -> Grid:
    """All values of the format called ``name``; of pairs, those of normal codes and outliers."""
    fmt = get(name)
    if not fmt.pair:
        return _grid(fmt, np.flatnonzero(~fmt.special), np.array([], int))
    used = np.arange(1 << fmt.bits)
    return _grid(
        fmt,
        used[used != fmt.identifier],
        # Exponent and mantissa 0 are not used: with a sign they would be the identifier.
        used[used % fmt.identifier != 0],
    )


@functools.cache
def normal_grid(name: str) -> Grid:
    """The values of a format of pairs where no code is an identifier."""
    fmt = get(name)
    used = np.arange(1 << fmt.bits)
    return _grid(fmt, used[used != fmt.identifier], np.array([], int))


def _grid(fmt: Format, normal: np.ndarray, outliers: np.ndarray) -> Grid:
    codes = np.concatenate([normal, outliers])
    values = fmt.values[normal]
    if outliers.size:
        values = np.concatenate([values, fmt.outliers[outliers] * fmt.unit])
    values, first = np.unique(values, return_index=True)
    outlier = first >= len(normal)
    codes = codes[first]
    if fmt.family == "int":
        codes = fmt.integers[codes]
    low, high = slice(None, -1), slice(1, None)
    even = codes % 2 == 0
    smaller = np.abs(values[high]) < np.abs(values[low])
    up = np.where(even[low] == even[high], smaller, even[high])
    middle = (values[low] + values[high]) / 2  # exact: no format has that many digits
    type_ = np.min_scalar_type(fmt.lowest_code or fmt.highest_code)
    return Grid(
        values,
        codes.astype(type_),
        outlier,
        np.where(up, np.nextafter(middle, -np.inf), middle),
    )
