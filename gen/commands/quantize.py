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
        "the integers\nthemselves.\n\nFormats with scales for blocks along an axis: mxfp8 "
        "(mxfp8_e4m3, mxfp8_e5m2), mxfp6_e2m3,\nmxfp6_e3m2, mxfp4, mxint8, nvfp4, w4a16:g<G>, "
        "w8a16:g<G> with G from 16 to 256 or k, and with zero\npoints w4a16z:g<G>. Their file "
        "holds codes, scales (as codes of scale_format), format, group,\naxis and more."
    )
    parser.add_argument(
        "x",
        metavar="X.npy",
        type=path("X"),
        help="real numbers, of any shape, or a tensor, FILE.safetensors:NAME, read as K × N",
    )
    format_names = parser.add_argument(
        "--format",
        metavar="NAME,...",
        dest="formats",
        required=True,
        help="see: brickwork formats; of several formats, the one with the least squared error",
    )
    format_names.completer = completion.all_formats
    parser.add_argument(
        "--axis",
        metavar="N",
        type=integer("Axis"),
        help="a scale for each index along this axis (default: one for all numbers); formats with "
        "scales for blocks: the axis of these (default: 0)",
    )
    parser.add_argument(
        "--method",
        metavar="mse|max",
        default="mse",
        help="scales: mse, those of the least squared error, or max, which map the largest "
        "magnitude to the format's largest; without meaning for MX and NVFP4 (default: mse)",
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
    from ..lib.arrays import block_arrays, write_arrays

    names = options.formats.split(",")
    plain = [name for name in names if not formats.is_block_spec(name)]
    pairs = [name for name in plain if formats.get(name).pair]
    for value, flag in ((options.pair_axis, "--pair-axis"), (options.both, "--both")):
        if value is not None and not pairs:
            raise UsageError(
                f"Format must be one of pairs (ovp) with {flag}, not {options.formats!r}"
            )
    x = _read(options.x)
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
    if out and best.blocks:
        write_arrays(out, block_arrays(best.blocks))
    elif out:
        write_arrays(out, {"codes": best.codes, "scale": best.scale, "format": best.name})
    record = _record(x, candidates, best) | {"out": options.out}
    fmt = None if best.blocks else formats.get(best.name)
    if fmt is None:
        record["blocks"] = _blocks_record(best.blocks)
    elif fmt.pair:
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


def _read(name):
    """The numbers to quantize."""
    from ..lib.arrays import read_array
    from ..lib.weight_files import is_tensor, read_weights

    if not is_tensor(name):
        return read_array(name, "X")
    x = read_weights(name, "X")
    if hasattr(x, "scale_format"):
        raise TypeError(f"X must be numbers, not codes of {x.name}")
    return x


def _blocks_record(blocks):
    return {
        "elements": blocks.format,
        "group": blocks.group,
        "axis": blocks.axis,
        "scale_format": blocks.scale_format,
        "zero_points": blocks.zeros is not None,
        "tensor_scale": blocks.tensor_scale,
    }


def _record(x, candidates, best):
    """The result as JSON shows it."""
    return {
        "format": best.name,
        "bits": _bits(best),
        "shape": list(x.shape),
        "scales": best.scale.size,
        "lowest_scale": float(best.scale.min()),
        "highest_scale": float(best.scale.max()),
        "mse": best.mse,
        "sqnr_db": _sqnr(best),
        "candidates": [
            {
                "format": candidate.name,
                "bits": _bits(candidate),
                "mse": candidate.mse,
                "sqnr_db": _sqnr(candidate),
            }
            for candidate in candidates
        ],
    }


def _bits(candidate):
    """Of the codes for each number; with scales for blocks also those of these."""
    from ...sim.golden import formats

    if candidate.blocks:
        return candidate.blocks.bits_per_weight
    return formats.get(candidate.name).bits


def _sqnr(candidate):
    """In dB; ``None`` for an array without errors."""
    return -10 * math.log10(candidate.relative) if candidate.relative else None


def _show(record, axis):
    if len(record["candidates"]) > 1:
        rows = [
            (
                candidate["format"],
                f"{candidate['bits']:g}",
                f"{candidate['mse']:.6g}",
                _decibels(candidate),
            )
            for candidate in record["candidates"]
        ]
        titles = ("format", "bits", "MSE", "SQNR")
        print("\n".join(columns([titles, *rows], right=(1, 2, 3))) + "\n")
    scale = f"{record['lowest_scale']:.6g}"
    if blocks := record.get("blocks"):
        scale += (
            f" to {record['highest_scale']:.6g} ({record['scales']} of {blocks['scale_format']}, "
            f"one for {blocks['group']} along axis {blocks['axis']})"
        )
    elif record["scales"] > 1:
        scale += f" to {record['highest_scale']:.6g} ({record['scales']} along axis {axis})"
    rows = {
        "format": record["format"],
        "shape": "×".join(map(str, record["shape"])) or "one number",
        "bits": f"{record['bits']:g} a number" + (", with scales" if blocks else ""),
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
