"""The N:M-sparse engine as words in and words out."""

from collections.abc import Mapping

import numpy as np

from ...manifest import Manifest
from ..engine import accumulated
from ..systolic.gemm_ws import gemm_ws
from .nm import expand

__all__ = ["gemm_nm"]


def gemm_nm(
    manifest: Manifest,
    tiles: list[dict[str, int]],
    weights: Mapping[str, np.ndarray],
    acts: np.ndarray,
    channels,
    product=accumulated,
) -> np.ndarray:
    """All results, words × columns, of whole runs; see :func:`gemm_ws`.

    Parameters
    ----------
    weights : dict
        ``lane``, the codes, and ``index``: int64 arrays, words × columns. Each group of rows is a
        block of terms, one for each lane of activations of the group; the term of its row n is at
        n + index.
    """
    group_rows, group_lanes = (manifest.parameters[f"group_{side}"] for side in ("rows", "lanes"))
    indices = weights["index"]

    def tile_terms(number, operands):
        """The operands of the tile's terms, from those of its rows."""
        rows = len(operands)
        index = indices[number * rows : (number + 1) * rows][::-1]
        shape = (-1, group_rows, operands.shape[1])
        positions = index.reshape(shape) + np.arange(group_rows)[:, None]
        terms = expand(operands.reshape(shape), positions, group_lanes)
        return terms.reshape(-1, operands.shape[1])

    return gemm_ws(manifest, tiles, weights["lane"], acts, channels, product, tile_terms=tile_terms)
