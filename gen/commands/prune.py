"""``brickwork prune``: an array whose numbers of least magnitude are zero, or an N:M pattern."""

import math

from ..lib.errors import UsageError
from ..lib.files import check_file, report_apart
from .arguments import add_json, add_layout, array_file, number, path

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "set the weights of least magnitude to zero"
EXAMPLE = "brickwork prune W.npy --density 0.1 --out P.npy"


def arguments(parser):
    parser.add_argument(
        "w",
        metavar="W.npy",
        type=path("W"),
        help="numbers, of any shape, or a sparse matrix that scipy saved",
    )
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument(
        "--density",
        metavar="D",
        type=number("Density", 0, 1),
        help="share of the weights that stay, 0 to 1",
    )
    choice.add_argument(
        "--pattern",
        metavar="N:M",
        help="N weights stay of every M along K, 2:4 for example; W is a matrix",
    )
    parser.add_argument(
        "--transposable",
        action="store_true",
        help="with --pattern, also along N; M at most 4",
    )
    add_layout(parser)
    parser.add_argument(
        "--out",
        metavar="P.npy",
        type=path("Results"),
        required=True,
        help="file for the pruned weights, .npy; .npz for a sparse matrix",
    )
    add_json(parser)


def main(options) -> int:
    from ..lib.arrays import read_matrix, write_array, write_sparse
    from ..lib.messages import print_json
    from ..lib.pruning import prune, prune_pattern

    if options.transposable and options.pattern is None:
        raise UsageError("Option --transposable must go with --pattern")
    matrix = read_matrix(options.w, "W")
    if "type" in matrix:
        raise TypeError(f"W must be numbers, not codes of {matrix['type']}")
    weights = matrix["values"]
    write, suffix = (write_sparse, ".npz") if hasattr(weights, "tocoo") else (write_array, ".npy")
    out = check_file(array_file("Results", suffix)(options.out))
    if options.pattern is None:
        pruned, nonzero = prune(weights, options.density)
    else:
        from ...sim.golden.sparse.nm import Pattern

        turn = options.w_layout == "nk"
        pattern = Pattern.parse(options.pattern)
        pruned = prune_pattern(weights.T if turn else weights, pattern, options.transposable)
        pruned = pruned.T if turn else pruned
        nonzero = int((pruned != 0).sum())
    write(out, pruned)
    size = math.prod(weights.shape)
    density = nonzero / max(1, size)
    with report_apart(out):
        if options.json:
            record = {"shape": list(weights.shape), "weights": nonzero, "density": density}
            print_json(record | {"out": str(out)})
        else:
            print("weights", f"{nonzero} of {size}", f"{density:.2%}", sep="\t")
            print("written", out, sep="\t")
    return 0
