"""Dot products with weights that are indices of a few centroids, and outliers."""

from collections.abc import Sequence

import numpy as np

__all__ = ["centroids_of", "pe_centroid"]


def pe_centroid(
    acts: Sequence[int],
    bins: Sequence[int],
    outliers: Sequence[bool],
    weights: Sequence[int],
    centroids: Sequence[int],
) -> int:
    """The dot product of activations and weights: ``weights`` of outliers, else centroids."""
    return sum(
        act * (weight if outlier else centroids[each])
        for act, each, outlier, weight in zip(acts, bins, outliers, weights, strict=True)
    )


def centroids_of(
    x: np.ndarray, bins: int, outliers: float = 0.0, steps: int = 100
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centroids of the least squared error that Lloyd's algorithm finds from quantiles on.

    Parameters
    ----------
    x : float array
    bins : int
    outliers : float
        The share of the numbers, those of the largest distance from the mean, that stay as they
        are.
    steps : int
        Most steps; it ends when no number changes its bin.

    Returns
    -------
    (float64 array, int64 array, bool array)
        The centroids, ascending; and in the shape of x the bin of each number, and whether it is an
        outlier.
    """
    x = np.asarray(x, np.float64)
    distance = np.abs(x - x.mean()).ravel()
    count = int(outliers * x.size)
    outlier = np.zeros(x.size, bool)
    outlier[np.argsort(-distance, kind="stable")[:count]] = True
    inliers = np.sort(x.ravel()[~outlier])
    centroids = np.array([part.mean() for part in np.array_split(inliers, bins)])
    edges = None
    for _ in range(steps):
        before, edges = edges, np.searchsorted(inliers, (centroids[1:] + centroids[:-1]) / 2)
        if before is not None and (edges == before).all():
            break
        parts = np.split(inliers, edges)
        centroids = np.array(
            [part.mean() if len(part) else old for part, old in zip(parts, centroids, strict=True)]
        )
    nearest = np.searchsorted((centroids[1:] + centroids[:-1]) / 2, x)
    return centroids, nearest, outlier.reshape(x.shape)
