"""Pruning by magnitude: single weights, or N:M patterns."""

import itertools

import numpy as np

from ...sim.golden.sparse.nm import Pattern, blocks

__all__ = ["largest", "prune", "prune_pattern"]

#: Largest blocks whose transposable masks are all tried: 90 masks of 2:4.
_TRANSPOSABLE = 4


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
    values = weights
    if sparse:
        weights = weights.tocsr(copy=True)
        weights.sum_duplicates()
        values = weights.data
    magnitudes = _magnitudes(values)
    size = int(np.prod(weights.shape, dtype=object))
    kept = largest(magnitudes.reshape(-1), density, size).reshape(values.shape)
    pruned = np.where(kept, values, values.dtype.type(0))
    nonzero = int(np.count_nonzero(pruned))
    if sparse:
        weights.data = pruned
        weights.eliminate_zeros()
        return weights, nonzero
    return pruned, nonzero


def prune_pattern(weights: np.ndarray, pattern: Pattern, transposable: bool = False) -> np.ndarray:
    """Weights with the largest magnitudes of each block, and zeros.

    Parameters
    ----------
    weights : array of numbers, K × N
    pattern : Pattern
        Blocks are along K; a last one may be shorter. Of equal magnitudes the first are kept.
    transposable : bool
        Whether blocks along N keep to the pattern, too, so that it also holds for the transposed
        matrix, of the backward pass (Hubara et al., NeurIPS 2021). Of the masks of M × M weights
        that have N in each row and column, the one with the largest sum of magnitudes is taken.

    Raises
    ------
    TypeError, ValueError
        If weights are no matrix of real and finite numbers, or blocks are too large for
        ``transposable``.
    """
    if getattr(weights, "ndim", 0) != 2 or hasattr(weights, "tocoo"):
        raise ValueError("W must be a dense matrix (K × N) to be pruned to a pattern")
    magnitudes = _magnitudes(weights)
    cut = blocks(magnitudes, pattern.size)
    if transposable:
        kept = _transposable(cut, pattern)
    else:
        order = np.argsort(-cut, axis=1, kind="stable")
        kept = np.zeros(cut.shape, bool)
        np.put_along_axis(kept, order[:, : pattern.count], True, axis=1)
    kept = kept.reshape(-1, weights.shape[1])[: len(weights)]
    return np.where(kept, weights, weights.dtype.type(0))


def _magnitudes(values):
    """Magnitudes in floats, because the lowest integer of a type has none in that type."""
    if values.dtype.kind not in "fiu":
        raise TypeError(f"W must be numbers, not {values.dtype}")
    if not np.isfinite(values).all():
        raise ValueError(f"W must be finite, not {values[~np.isfinite(values)][0]}")
    return np.abs(values.astype(np.float64))


def _transposable(cut, pattern):
    """Masks of blocks × M × N, of which each M × M square has the largest sum."""
    count, size = pattern
    if size > _TRANSPOSABLE:
        raise ValueError(
            f"Pattern must have blocks of at most {_TRANSPOSABLE} with --transposable, not be "
            f"{pattern}"
        )
    rows = [row for row in itertools.product((0, 1), repeat=size) if sum(row) == count]
    masks = np.array(list(itertools.product(rows, repeat=size)))
    masks = masks[(masks.sum(axis=1) == count).all(axis=1)]
    columns = cut.shape[2]
    squares = np.pad(cut, ((0, 0), (0, 0), (0, -columns % size)))
    squares = squares.reshape(len(cut), size, -1, size).swapaxes(1, 2)
    sums = np.einsum("brij,mij->brm", squares, masks)
    best = masks[sums.argmax(axis=2)].astype(bool)
    return best.swapaxes(1, 2).reshape(len(cut), size, -1)[:, :, :columns]
