"""The engine for operands with scales for groups of terms, as words in and words out."""

import numpy as np

from ...designs._operand_types import Side
from ...manifest import Manifest
from .. import formats
from ..engine import float_results, nan_inf_as
from ..float.align import aligned
from ..float.scaled_sums import scaled_sums

__all__ = ["gemm_scaled"]


def gemm_scaled(
    manifest: Manifest,
    tiles: list[dict[str, int]],
    weights: np.ndarray,
    acts: np.ndarray | dict[str, np.ndarray],
    w_scales: np.ndarray,
) -> np.ndarray:
    """All results, words × columns, of whole runs.

    Parameters
    ----------
    tiles : list of dict
        ``length`` (less one), ``first`` and ``last`` of each tile, ``close`` where groups may have
        several tiles; types where there are several.
    weights : int64 array, words × columns
        ``rows`` words a tile, the highest k first.
    acts : int64 array, words × rows; or its ``lane`` and the ``scale`` of each word
    w_scales : int64 array, words × columns
        A word for each tile that ends a group.
    """
    params, specials = manifest.parameters, nan_inf_as(manifest)
    rows = params["rows"]
    a_side, w_side = Side(params["a_format"]), Side(params["w_format"])
    a_unit, w_unit = (formats.get(params[f"{side}_format"]).unit for side in "aw")
    lanes, of_rows = (acts["lane"], acts["scale"]) if isinstance(acts, dict) else (acts, None)
    a_scale = "e8m0" if params["align"] else params["a_scale"]
    results = [np.zeros((0, weights.shape[1]), np.int64)]
    at = groups = 0
    for number, tile in enumerate(tiles):
        words = slice(at, at + tile["length"] + 1)
        at = words.stop
        if tile["first"]:
            a, w, ends, a_scales, first_group = [], [], [], [], groups
        if params["align"]:
            numbers = formats.decode(lanes[words], params["a_format"])
            integers, fields, a_unit = aligned(numbers, [slice(None)], params["align"])
            a.append(integers)
            a_scales.append(fields)
        else:
            a.append(a_side.operands(lanes[words], tile.get("a_type", 0), 1, specials))
        codes = weights[number * rows : (number + 1) * rows][::-1]
        w.append(w_side.operands(codes, tile.get("w_type", 0), 0, specials))
        if tile.get("close", 1):
            ends.append(len(a) * rows)
            groups += 1
            if of_rows is not None:
                a_scales.append(of_rows[words].reshape(-1, 1))
        if tile["last"]:
            starts = [0, *ends[:-1]]
            sums = scaled_sums(
                np.hstack(a),
                np.vstack(w),
                groups=[slice(*ends_) for ends_ in zip(starts, ends, strict=True)],
                unit=a_unit * w_unit,
                w_scales=(w_scales[first_group:groups], params["w_scale"]),
                a_scales=(np.hstack(a_scales), a_scale) if a_scales else None,
            )
            results.append(float_results(manifest, sums))
    assert at == len(lanes), f"{len(lanes)} words of activations for {at} rows"
    assert groups == len(w_scales), f"{len(w_scales)} words of scales for {groups} groups"
    return np.concatenate(results)
