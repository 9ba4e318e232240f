"""``brickwork prune``: an array whose numbers of least magnitude are zero."""

import json

from ..lib.files import check_file, check_folder
from .arguments import add_json, number

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "set the weights of least magnitude to zero"
EXAMPLE = "brickwork prune W.npy --density 0.1 --out P.npy"


def arguments(parser):
    parser.add_argument("w", metavar="W.npy", help="numbers, of any shape")
    parser.add_argument(
        "--density",
        metavar="D",
        type=number("Density", 0, 1),
        required=True,
        help="share of the weights that stay, 0 to 1",
    )
    parser.add_argument(
        "--out", metavar="P.npy", required=True, help="file for the pruned weights, .npy"
    )
    add_json(parser)


def main(options) -> int:
    import numpy as np

    from ..lib.arrays import read_array, write_array
    from ..lib.pruning import largest

    weights = read_array(options.w, "W")
    if weights.dtype.kind not in "fiu":
        raise TypeError(f"W must be numbers, not {weights.dtype}")
    if not np.isfinite(weights).all():
        raise ValueError(f"W must be finite, not {weights[~np.isfinite(weights)][0]}")
    out = check_file(options.out)
    check_folder(out.parent)
    # In floats, because the lowest integer of a type has no magnitude in that type.
    magnitudes = np.abs(weights.astype(np.float64)).reshape(-1)
    kept = largest(magnitudes, options.density).reshape(weights.shape)
    pruned = np.where(kept, weights, weights.dtype.type(0))
    write_array(out, pruned)
    nonzero = int(np.count_nonzero(pruned))
    density = nonzero / max(1, weights.size)
    if options.json:
        record = {"shape": list(weights.shape), "weights": nonzero, "density": density}
        print(json.dumps(record | {"out": str(out)}, indent=2))
    else:
        print("weights", f"{nonzero} of {weights.size}", f"{density:.2%}", sep="\t")
        print("written", out, sep="\t")
    return 0
