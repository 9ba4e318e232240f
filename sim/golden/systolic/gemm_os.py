"""The output-stationary engine as words in and words out."""

import numpy as np

from ...designs._operand_types import Side
from ...manifest import Manifest
from ..engine import accumulated, engine, nan_inf_as, real_operands, sums_in_floats

__all__ = ["SUMS_PER_PE", "gemm_os"]

#: Sums in binary32 that take turns in a PE.
SUMS_PER_PE = 3


def gemm_os(
    manifest: Manifest,
    tiles: list[dict[str, int]],
    weights: np.ndarray,
    acts: np.ndarray,
    channels,
    product=accumulated,
) -> np.ndarray:
    """All results, words × columns, of whole tiles.

    Parameters
    ----------
    manifest : dict
        See :func:`engine`.
    tiles : list of dict
        ``length`` (terms) and ``height`` (rows of results) of each tile, both less one; ``a_type``
        and ``w_type`` where there are several; ``first`` and ``last`` where tiles have parts.
    weights : int64 array, words × columns
    acts : int64 array, words × rows
        A word for each term; three where sums are in binary32, of which lane n of number g is row
        3n + g of the tile.
    channels : list of Channels, or None
        What is done to the results of each tile.
    product : function
        See :func:`engine`.
    """
    params, specials, floats = manifest.parameters, nan_inf_as(manifest), sums_in_floats(manifest)
    step, groups = (None, SUMS_PER_PE) if floats else (1, 1)
    acts = _rows_of_tiles(acts, groups)
    a_side, w_side = Side(params["a_format"]), Side(params["w_format"])
    results = [np.zeros((0, weights.shape[1]), np.int64)]
    at = runs = 0
    for tile in tiles:
        terms = slice(at, at + tile["length"] + 1)
        at = terms.stop
        if tile.get("first", 1):
            a, w = [], []
        if floats:
            a.append(real_operands(acts[terms], params["a_format"]))
            w.append(real_operands(weights[terms], params["w_format"]))
        else:
            a.append(a_side.operands(acts[terms], tile.get("a_type", 0), 0, specials))
            w.append(w_side.operands(weights[terms], tile.get("w_type", 0), 0, specials))
        if tile.get("last", 1):
            values = channels[runs] if channels else None
            operands = np.vstack(a).T, np.vstack(w)
            sums = engine(manifest, *operands, values, step=step, product=product)
            results.append(sums[: tile["height"] + 1])
            runs += 1
    assert at == len(acts) == len(weights), f"{len(acts)}, {len(weights)} words for {at} terms"
    return np.concatenate(results)


def _rows_of_tiles(acts, groups):
    """The activations of each term, terms × rows of a tile."""
    words, rows = acts.shape
    lanes = acts.reshape(words // groups, groups, rows).transpose(0, 2, 1)
    return lanes.reshape(words // groups, rows * groups)
