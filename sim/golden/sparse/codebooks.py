"""Weights as indices into a codebook, and numbers in fixed point."""

import numpy as np
from numpy.typing import ArrayLike

from ..formats import as_numpy, check_positive

__all__ = ["cluster", "distinct", "to_fixed"]

#: Most iterations of k-means; it ends far earlier.
_ITERATIONS = 1000


def distinct(weights: ArrayLike, index_width: int) -> tuple[np.ndarray, np.ndarray]:
    """Every distinct weight gets an entry of the codebook, in ascending order, after 0.

    Parameters
    ----------
    weights : array of numbers, any shape
    index_width : int
        Bits of an index, 1 to 8.

    Returns
    -------
    (uint8 array of the same shape, codebook)
        ``codebook[indices]`` are the weights.

    Raises
    ------
    TypeError, ValueError
        No real and finite numbers, or more than 2^index_width - 1 of them besides 0.
    """
    weights = _checked(weights)
    values = np.unique(weights)
    values = values[values != 0]
    most = (1 << check_positive(index_width, "Weight index width")) - 1
    if len(values) > most:
        raise ValueError(
            f"Weights must have at most {most} distinct values besides 0 for indices of "
            f"{index_width} bits, not {len(values)}"
        )
    indices = np.searchsorted(values, weights) + 1
    codebook = np.concatenate([np.zeros(1, values.dtype), values])
    return np.where(weights == 0, 0, indices).astype(np.uint8), codebook


def cluster(weights: ArrayLike, index_width: int) -> tuple[np.ndarray, np.ndarray]:
    """The codebook of k-means, and for each weight the index of the nearest entry.

    Han et al., "Deep Compression", ICLR 2016: Lloyd's iteration on the weights that are not 0, with
    2^index_width - 1 centres; 0 stays 0. It begins once at equal distances between the least and
    the largest weight, once at equal numbers of weights, and the smaller squared error counts. A
    weight half way between two centres goes to the lower; a centre without weights stays where it
    is. Weights with no more distinct values than that are not changed. Parameters, results and
    errors are those of :func:`distinct`.
    """
    weights = _checked(weights)
    count = (1 << check_positive(index_width, "Weight index width")) - 1
    values, counts = np.unique(weights[weights != 0], return_counts=True)
    if len(values) <= count:
        return distinct(weights, index_width)
    values = values.astype(np.float64)
    # Times a power of two, so that no square leaves the range of float64.
    exponent = int(np.frexp(np.abs(values).max())[1])
    values = np.ldexp(values, -exponent)
    ranks = ((np.arange(count) + 0.5) / count * counts.sum()).astype(np.int64)
    starts = (
        np.linspace(values[0], values[-1], count),
        values[np.searchsorted(np.cumsum(counts), ranks, side="right")],
    )
    candidates = [_k_means(values, counts, centres) for centres in starts]
    centres = min(candidates, key=lambda centres: _error(values, counts, centres))
    nearest = _nearest(np.ldexp(weights.astype(np.float64), -exponent), centres) + 1
    indices = np.where(weights == 0, 0, nearest).astype(np.uint8)
    return indices, np.concatenate([[0.0], np.ldexp(centres, exponent)])


def _k_means(values, counts, centres):
    """Where ascending centres of so many of each value, also ascending, come to rest."""
    count_before = np.concatenate([[0], np.cumsum(counts)])
    sum_before = np.concatenate([[0.0], np.cumsum(counts * values)])
    for _ in range(_ITERATIONS):
        edges = np.searchsorted(values, (centres[1:] + centres[:-1]) / 2, side="right")
        edges = np.concatenate([[0], edges, [len(values)]])
        number = np.diff(count_before[edges])
        means = np.divide(np.diff(sum_before[edges]), number, out=centres.copy(), where=number > 0)
        means = np.maximum.accumulate(means)  # the cumulated sums are rounded
        if np.array_equal(means, centres):
            break
        centres = means
    return centres


def _nearest(values, centres):
    return np.searchsorted((centres[1:] + centres[:-1]) / 2, values, side="left")


def _error(values, counts, centres):
    return float(counts @ (values - centres[_nearest(values, centres)]) ** 2)


def to_fixed(numbers: ArrayLike, width: int, subject: str) -> tuple[np.ndarray, int]:
    """Numbers as integers of ``width`` bits, and how many of these are after the binary point.

    Integers stay what they are. Floats get as few bits after the point as represent them exactly,
    or, where none do, as many as there is room for, with one rounding, half to even; less than none
    if the numbers are large.

    Returns
    -------
    (int64 array, int)
        The numbers are nearly integers · 2^-fraction.

    Raises
    ------
    TypeError, ValueError
        No real and finite numbers, or integers that don't fit.
    """
    numbers = _checked(numbers, subject)
    highest = (1 << (width - 1)) - 1
    if numbers.dtype.kind != "f":
        wrong = numbers[(numbers > highest) | (numbers < ~highest)]
        if wrong.size:
            raise ValueError(f"{subject} must fit {width} bits, not be {wrong[0]}")
        return numbers.astype(np.int64), 0
    numbers = numbers.astype(np.float64)
    largest = float(np.abs(numbers).max(initial=0.0))
    if largest == 0:
        return np.zeros(numbers.shape, np.int64), 0
    # largest < 2^exponent; the rounding may still take it to 2^(width - 1).
    most = width - 1 - int(np.frexp(largest)[1])
    most -= bool(np.rint(np.ldexp(largest, most)) > highest)
    for fraction in range(min(0, most), most):
        scaled = np.ldexp(numbers, fraction)
        if np.array_equal(scaled, np.rint(scaled)):
            return scaled.astype(np.int64), fraction
    return np.rint(np.ldexp(numbers, most)).astype(np.int64), most


def _checked(numbers, subject="Weights"):
    numbers = as_numpy(numbers)
    if numbers.dtype.kind not in "fiu":
        raise TypeError(f"{subject} must be numbers, not {numbers.dtype}")
    if numbers.dtype.kind == "f" and not np.isfinite(numbers).all():
        wrong = numbers[~np.isfinite(numbers)]
        raise ValueError(f"{subject} must be finite, not {wrong[0]}")
    return numbers
