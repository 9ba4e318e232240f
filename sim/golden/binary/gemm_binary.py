"""The engine of one-bit products as words in and words out."""

import numpy as np

from ...manifest import Manifest
from ..engine import engine

__all__ = ["gemm_binary"]


def gemm_binary(
    manifest: Manifest,
    tiles: list[dict[str, int]],
    weights: np.ndarray,
    acts: np.ndarray,
    channels,
) -> np.ndarray:
    """All results, words × columns, of whole runs.

    Parameters
    ----------
    manifest : Manifest
    tiles : list of dict
        ``length`` (less one), ``first`` and ``last`` of each tile; ``terms`` for ``bin``; ``shift``
        and ``negative`` where there are any.
    weights : int64 array, words × (columns · pack)
        Bits of ``rows`` words a tile, the last row first.
    acts : int64 array, words × (rows · pack)
    channels : list of QuantParams, or None
        What is done to the results of each run.
    """
    params = manifest.parameters
    rows, cols, pack = params["rows"], params["cols"], params["pack"]
    weights = weights.reshape(len(tiles), rows, cols, pack)[:, ::-1]
    weights = weights.transpose(0, 1, 3, 2).reshape(len(tiles), rows * pack, cols)
    runs, at, results = 0, 0, [np.zeros((0, cols), np.int64)]
    total = np.zeros((1, cols), np.int64)
    for tile, w in zip(tiles, weights, strict=True):
        a = acts[at : at + tile["length"] + 1]
        at += len(a)
        if params["code"] == "bin":
            # Lanes that the terms leave out have different bits.
            sums = (2 * a - 1) @ (2 * w - 1) + rows * pack - tile["terms"]
        else:
            sums = a @ w
        sums = (-1) ** tile.get("negative", 0) * sums << tile.get("shift", 0)
        total = sums if tile["first"] else total + sums
        if tile["last"]:
            whole = total >> manifest.derived["fraction"]
            values = channels[runs] if channels else None
            eye = np.eye(cols, dtype=np.int64)
            results.append(engine(manifest, whole, eye, values, step=cols))
            runs += 1
    assert at == len(acts), f"{len(acts)} words of activations for {at} rows"
    return np.concatenate(results)
