"""The output-stationary engine as words in and words out."""

import numpy as np

from ..engine import engine

__all__ = ["gemm_os"]


def gemm_os(
    manifest: dict, tiles: list[dict[str, int]], weights: np.ndarray, acts: np.ndarray, channels
) -> np.ndarray:
    """All results, words × columns, of whole tiles.

    Parameters
    ----------
    manifest : dict
        See :func:`engine`.
    tiles : list of dict
        ``length`` (terms) and ``height`` (rows of results) of each tile, both less one.
    weights : int64 array, words × columns
    acts : int64 array, words × rows
    channels : list of Channels, or None
        What is done to the results of each tile.
    """
    results = [np.zeros((0, weights.shape[1]), np.int64)]
    at = 0
    for number, tile in enumerate(tiles):
        terms = slice(at, at + tile["length"] + 1)
        at = terms.stop
        values = channels[number] if channels else None
        found = engine(manifest, acts[terms].T, weights[terms], values)
        results.append(found[: tile["height"] + 1])
    assert at == len(acts) == len(weights), f"{len(acts)}, {len(weights)} words for {at} terms"
    return np.concatenate(results)
