"""The weight-stationary engine as words in and words out."""

import numpy as np

from ...designs._operand_types import Side
from ...manifest import Manifest
from ..engine import accumulated, engine, nan_inf_as, real_operands, sums_in_floats

__all__ = ["gemm_ws"]


def gemm_ws(
    manifest: Manifest,
    tiles: list[dict[str, int]],
    weights: np.ndarray,
    acts: np.ndarray,
    channels,
    product=accumulated,
    tile_terms=None,
) -> np.ndarray:
    """All results, words × columns, of whole runs.

    Parameters
    ----------
    manifest : dict
        See :func:`engine`.
    tiles : list of dict
        ``length`` (less one), ``first`` and ``last`` of each tile; ``a_type`` and ``w_type`` where
        there are several.
    weights : int64 array, words × columns
        ``rows`` words a tile, the highest k first.
    acts : int64 array, words × rows
    channels : list of Channels, or None
        What is done to the results of each run.
    product : function
        See :func:`engine`.
    tile_terms : function or None
        The operands of a tile, terms × columns, from its number and its operands, rows × columns,
        where a row of PEs is not a term of K.
    """
    rows, terms = manifest.parameters["rows"], acts.shape[1]
    params, specials = manifest.parameters, nan_inf_as(manifest)
    a_side, w_side = Side(params["a_format"]), Side(params["w_format"])
    runs, results = 0, [np.zeros((0, weights.shape[1]), np.int64)]
    at = 0
    for number, tile in enumerate(tiles):
        length = tile["length"] + 1
        if tile["first"]:
            a, w = [], []
        a_codes = acts[at : at + length]
        w_codes = weights[number * rows : (number + 1) * rows][::-1]
        if sums_in_floats(manifest):
            a.append(real_operands(a_codes, params["a_format"]))
            w.append(real_operands(w_codes, params["w_format"]))
        else:
            a.append(a_side.operands(a_codes, tile.get("a_type", 0), 1, specials))
            operands = w_side.operands(w_codes, tile.get("w_type", 0), 0, specials)
            w.append(tile_terms(number, operands) if tile_terms else operands)
        at += length
        if tile["last"]:
            values = channels[runs] if channels else None
            results.append(
                engine(manifest, np.hstack(a), np.vstack(w), values, step=terms, product=product)
            )
            runs += 1
    assert at == len(acts), f"{len(acts)} words of activations for {at} rows"
    assert len(weights) == len(tiles) * rows, f"{len(weights)} words for {len(tiles)} tiles"
    return np.concatenate(results)
