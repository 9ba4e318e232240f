"""``brickwork compare``: the designs side by side under one workload and for one area."""

from pathlib import Path

from ..lib.errors import CheckFailed
from ..lib.messages import print_json
from . import completion
from .arguments import add_json, add_target, add_workers, default_from, integer, number, path

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "compare the designs under one workload, for the same area"
EXAMPLE = "brickwork compare bert_base --rows 8 --cols 8"


def arguments(parser):
    workload = parser.add_argument(
        "workload",
        metavar="WORKLOAD",
        nargs="?",
        default="resnet18",
        help="a workload's name, or a file with one: .toml, or .csv as of SCALE-Sim (default: "
        "resnet18)",
    )
    default_from(workload, "workload").completer = completion.workloads
    for side in ("rows", "cols"):
        parser.add_argument(
            f"--{side}",
            metavar="N",
            type=integer(f"Number of {side}", 2, 64),
            default=8,
            help=f"{side} of PEs (default: 8)",
        )
    parser.add_argument(
        "--area",
        metavar="A",
        type=number("Area", 1, 1e12),
        help="area budget in the unit of the table (default: that of the first design)",
    )
    add_target(parser, default="gates, or liberty with --liberty")
    parser.add_argument(
        "--pnr", action="store_true", help="place and route with nextpnr, for clocks and times"
    )
    parser.add_argument(
        "--designs",
        metavar="NAME",
        nargs="+",
        help="designs, or names of the table, also their beginnings; the first is the reference "
        "(default: all)",
    )
    parser.add_argument(
        "--density",
        metavar="D",
        type=number("Density", 0.001, 1),
        help="share of non-zero weights on sparse engines (default: 0.1, or that of the workload)",
    )
    parser.add_argument(
        "--sparsity",
        metavar="S",
        nargs="+",
        default=(),
        help="prune the network: N:M as 2:4, a density as 0.1, a density of blocks as 0.25@32, or "
        "several; each design runs all that it can use (default: as names and --density say)",
    )
    add_workers(parser, "processes (default: one for each processor)")
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=path("Results"),
        help="file of the results, by its suffix: .csv, .json, .html, .md, .png, .svg, .pdf",
    )
    add_json(parser)


def main(options) -> int:
    from .. import workloads
    from ..api.comparison import compare
    from ..api.comparison_files import check

    out = options.out and check(options.out)
    workload = workloads.load(options.workload)
    library = options.liberty and Path(options.liberty)
    comparison = compare(
        workload,
        rows=options.rows,
        cols=options.cols,
        area=options.area,
        density=options.density,
        sparsity=options.sparsity,
        target=options.target,
        liberty=library,
        pnr=options.pnr,
        designs=options.designs,
        workers=options.workers,
    )
    if out:
        comparison.write(out)
    if options.json:
        print_json(comparison.record())
    else:
        print(comparison)
    failed = [
        (name, record)
        for name, record in comparison.records.items()
        if record["status"] == "failed"
    ]
    if failed:
        name, record = failed[0]
        raise CheckFailed(f"{len(failed)} designs failed; the first, {name}: {record['reason']}")
    return 0
