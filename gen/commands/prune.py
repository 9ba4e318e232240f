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
        help="file for the pruned weights, .npy; .npz for a sparse matrix, or with --pattern "
        "2:4 for the arrays packed and meta of PyTorch's SparseSemiStructuredTensor",
    )
    add_json(parser)


def main(options) -> int:
    from ..lib.arrays import read_matrix
    from ..lib.messages import print_json

    if options.transposable and options.pattern is None:
        raise UsageError("Option --transposable must go with --pattern")
    matrix = read_matrix(options.w, "W")
    if "type" in matrix:
        raise TypeError(f"W must be numbers, not codes of {matrix['type']}")
    if "blocks" in matrix:
        raise TypeError(f"W must be numbers, not codes of {matrix['blocks'].name}")
    weights = matrix["values"]
    if options.pattern is None:
        out, nonzero = _prune(weights, options)
    else:
        out, nonzero = _prune_pattern(weights, options)
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


def _prune(weights, options):
    """Writes the weights of largest magnitude; returns the file and their number."""
    from ..lib.arrays import write_array, write_sparse
    from ..lib.pruning import prune

    write, suffix = (write_sparse, ".npz") if hasattr(weights, "tocoo") else (write_array, ".npy")
    out = check_file(array_file("Results", suffix)(options.out))
    pruned, nonzero = prune(weights, options.density)
    write(out, pruned)
    return out, nonzero


def _prune_pattern(weights, options):
    """Likewise for a pattern, as a matrix or, in a file .npz, as PyTorch's two parts."""
    from ...sim.golden.sparse.nm import Pattern
    from ..lib.arrays import write_array, write_arrays
    from ..lib.pruning import prune_pattern
    from ..lib.semi_structured import to_parts

    pattern, turned = Pattern.parse(options.pattern), options.w_layout == "nk"
    in_parts = options.out.endswith(".npz")
    if in_parts and pattern != (2, 4):
        raise UsageError(f"Pattern must be 2:4 for PyTorch's parts (.npz), not '{pattern}'")
    if in_parts and not turned:
        raise UsageError("Layout must be nk for PyTorch's parts (.npz), not 'kn'")
    out = check_file(array_file("Results", ".npz" if in_parts else ".npy")(options.out))
    pruned = prune_pattern(weights.T if turned else weights, pattern, options.transposable)
    pruned = pruned.T if turned else pruned
    if in_parts:
        write_arrays(out, dict(zip(("packed", "meta"), to_parts(pruned), strict=True)))
    else:
        write_array(out, pruned)
    return out, int((pruned != 0).sum())
