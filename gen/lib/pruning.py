"""Pruning by magnitude."""

import numpy as np

__all__ = ["largest", "prune"]


def largest(magnitudes: np.ndarray, density: float, size: int | None = None) -> np.ndarray:
    """A mask of the largest magnitudes.

    Parameters
    ----------
    magnitudes : array
        Numbers of one dimension.
    density : float
        Share of them to keep, 0 to 1; their number is rounded half to even. Of equal magnitudes
        the first are kept.
    size : int or None
        Where zeros are left out, the number of all.

    Returns
    -------
    array of bool
    """
    kept = np.zeros(magnitudes.size, bool)
    count = round(density * (magnitudes.size if size is None else size))
    kept[np.argsort(-magnitudes, kind="stable")[:count]] = True
    return kept


def prune(weights, density: float):
    """Weights of which all but the largest magnitudes are zero, and the number of the others.

    Parameters
    ----------
    weights : array of numbers, or sparse matrix
        A sparse matrix stays one, without entries of zero.
    density : float
        As of :func:`largest`.

    Returns
    -------
    (array or sparse matrix, int)

    Raises
    ------
    TypeError, ValueError
        If weights are no real and finite numbers.
    """
    sparse = hasattr(weights, "tocoo")
    if weights.dtype.kind not in "fiu":
        raise TypeError(f"W must be numbers, not {weights.dtype}")
    values = weights
    if sparse:
        weights = weights.tocsr(copy=True)
        weights.sum_duplicates()
        values = weights.data
    if not np.isfinite(values).all():
        raise ValueError(f"W must be finite, not {values[~np.isfinite(values)][0]}")
    # In floats, because the lowest integer of a type has no magnitude in that type.
    magnitudes = np.abs(values.astype(np.float64)).reshape(-1)
    size = int(np.prod(weights.shape, dtype=object))
    kept = largest(magnitudes, density, size).reshape(values.shape)
    pruned = np.where(kept, values, values.dtype.type(0))
    nonzero = int(np.count_nonzero(pruned))
    if sparse:
        weights.data = pruned
        weights.eliminate_zeros()
        return weights, nonzero
    return pruned, nonzero
