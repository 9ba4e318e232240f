"""``brickwork quantize``: an array in a number format."""

import math

from ..lib.errors import UsageError
from ..lib.files import check_file, report_apart
from ..lib.messages import print_json
from ..lib.tables import columns
from . import completion
from .arguments import add_json, array_file, integer, path

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "quantize an array to a number format"
EXAMPLE = "brickwork quantize X.npy --format int4,flint4,pot4 --axis 0 --out Q.npz"


def arguments(parser):
    parser.description += (
        "\n\nThe file of --out holds the arrays codes, scale and format. A number is the value of "
        "its code\n(see: brickwork formats NAME) times the scale. Codes of int<N> and uint<N> are "
        "the integers\nthemselves."
    )
    parser.add_argument("x", metavar="X.npy", type=path("X"), help="real numbers, of any shape")
    format_names = parser.add_argument(
        "--format",
        metavar="NAME,...",
        dest="formats",
        required=True,
        help="see: brickwork formats; of several formats, the one with the least squared error",
    )
    format_names.completer = completion.formats
    parser.add_argument(
        "--axis",
        metavar="N",
        type=integer("Axis"),
        help="a scale for each index along this axis (default: one for all numbers)",
    )
    parser.add_argument(
        "--method",
        metavar="mse|max",
        default="mse",
        help="scales: mse, those of the least squared error, or max, which map the largest "
        "magnitude to the format's largest (default: mse)",
    )
    parser.add_argument(
        "--pair-axis",
        metavar="N",
        type=integer("Pair axis"),
        help="ovp formats: the axis along which neighbours are pairs (default: the last)",
    )
    parser.add_argument(
        "--both",
        metavar="larger|even",
        help="ovp formats: the outlier that stays one where a pair has two: the larger, or always "
        "the even element (default: larger)",
    )
    parser.add_argument(
        "--outliers",
        metavar="SHARE",
        help="int8 and so on: a scale with which at most this share of the codes, such as 1%%, "
        "needs more than half of the bits",
    )
    parser.add_argument(
        "--out",
        metavar="Q.npz",
        type=array_file("Result", ".npz"),
        help="file for the result, .npz",
    )
    add_json(parser)


def main(options) -> int:
    from ...sim.golden import formats
    from ...sim.golden.formats.checks import check_share
    from ..lib.arrays import read_array, write_arrays

    names = options.formats.split(",")
    pairs = [name for name in names if formats.get(name).pair]
    for value, flag in ((options.pair_axis, "--pair-axis"), (options.both, "--both")):
        if value is not None and not pairs:
            raise UsageError(
                f"Format must be one of pairs (ovp) with {flag}, not {options.formats!r}"
            )
    x = read_array(options.x, "X")
    if not x.size:
        raise ValueError(f"X must have at least one number, not the shape {x.shape}")
    out = options.out and check_file(options.out, "Result")
    candidates = formats.each(
        x,
        names,
        options.axis,
        options.method,
        pair_axis=-1 if options.pair_axis is None else options.pair_axis,
        both=options.both or "larger",
        outliers=None if options.outliers is None else check_share(options.outliers, "Outliers"),
    )
    best = formats.best(candidates)
    if out:
        write_arrays(out, {"codes": best.codes, "scale": best.scale, "format": best.name})
    record = _record(x, candidates, best) | {"out": options.out}
    fmt = formats.get(best.name)
    if fmt.pair:
        # Each outlier has one victim, and victims alone have the identifier.
        record["pairs"] = best.codes.size // 2
        record["outliers"] = int((best.codes == fmt.identifier).sum())
    elif options.outliers is not None:
        half = 1 << (fmt.bits // 2 - 1)
        record["outliers"] = int(((best.codes < -half) | (best.codes >= half)).sum())
    with report_apart(out):
        if options.json:
            print_json(record)
        else:
            _show(record, options.axis)
    return 0


def _record(x, candidates, best):
    """The result as JSON shows it."""
    return {
        "format": best.name,
        "shape": list(x.shape),
        "scales": best.scale.size,
        "lowest_scale": float(best.scale.min()),
        "highest_scale": float(best.scale.max()),
        "mse": best.mse,
        "sqnr_db": _sqnr(best),
        "candidates": [
            {
                "format": candidate.name,
                "mse": candidate.mse,
                "sqnr_db": _sqnr(candidate),
            }
            for candidate in candidates
        ],
    }


def _sqnr(candidate):
    """In dB; ``None`` for an array without errors."""
    return -10 * math.log10(candidate.relative) if candidate.relative else None


def _show(record, axis):
    if len(record["candidates"]) > 1:
        rows = [
            (candidate["format"], f"{candidate['mse']:.6g}", _decibels(candidate))
            for candidate in record["candidates"]
        ]
        print("\n".join(columns([("format", "MSE", "SQNR"), *rows], right=(1, 2))) + "\n")
    scale = f"{record['lowest_scale']:.6g}"
    if record["scales"] > 1:
        scale += f" to {record['highest_scale']:.6g} ({record['scales']} along axis {axis})"
    rows = {
        "format": record["format"],
        "shape": "×".join(map(str, record["shape"])) or "one number",
        "scale": scale,
        "MSE": f"{record['mse']:.6g}",
        "SQNR": _decibels(record),
    }
    if "pairs" in record:
        share = record["outliers"] / record["pairs"]
        rows["outliers"] = f"{record['outliers']}, and as many victims ({share:.2%} of the pairs)"
    elif "outliers" in record:
        share = record["outliers"] / math.prod(record["shape"])
        rows["outliers"] = f"{record['outliers']} ({share:.2%}) need more than half of the bits"
    if record["out"]:
        rows["results"] = record["out"]
    for name, value in rows.items():
        print(f"{name:12}{value}")


def _decibels(record):
    return "exact" if record["sqnr_db"] is None else f"{record['sqnr_db']:.2f} dB"
