"""``brickwork prune``: weights of least magnitude become zero."""

import json
from pathlib import Path

import numpy as np

from ..lib.errors import Refused
from ..lib.files import check_folder, read_array, write_array

__all__ = ["largest", "prune"]


def prune(options) -> int:
    weights = read_array(options.w, "W")
    if weights.dtype.kind not in "fiu":
        raise TypeError(f"W must be numbers, not {weights.dtype}")
    if not np.isfinite(weights).all():
        raise ValueError(f"W must be finite, not {weights[~np.isfinite(weights)][0]}")
    out = Path(options.out)
    if out.is_dir():
        raise Refused(f"Results must be written to a file, not to the folder {str(out)!r}")
    check_folder(out.parent)
    # The least integer of all has no magnitude of its own type.
    sizes = np.abs(weights.astype(np.float64)).reshape(-1)
    kept = largest(sizes, options.density).reshape(weights.shape)
    pruned = np.where(kept, weights, weights.dtype.type(0))
    write_array(out, pruned)
    facts = {"shape": list(weights.shape), "weights": int(np.count_nonzero(pruned))}
    facts["density"] = facts["weights"] / max(1, weights.size)
    if options.json:
        print(json.dumps(facts | {"out": str(out)}, indent=2))
    else:
        print(
            "weights", f"{facts['weights']} of {weights.size}", f"{facts['density']:.2%}", sep="\t"
        )
        print("written", out, sep="\t")
    return 0


def largest(sizes: np.ndarray, density: float) -> np.ndarray:
    """Which of the sizes, in one dimension, are that share of the largest; of equal ones the first.

    Returns a bool array.
    """
    kept = np.zeros(sizes.size, bool)
    kept[np.argsort(-sizes, kind="stable")[: round(density * sizes.size)]] = True
    return kept
