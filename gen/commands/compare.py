"""``brickwork compare``: the designs side by side under one workload and for one area."""

import json
from pathlib import Path

from ..lib.errors import CheckFailed
from .arguments import add_json, integer, number

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "compare the designs under one workload, for the same area"
EXAMPLE = "brickwork compare bert_base --rows 8 --cols 8"


def arguments(parser):
    parser.add_argument(
        "workload",
        metavar="WORKLOAD",
        nargs="?",
        default="resnet18",
        help="a workload's name, or a file .toml with one (default: resnet18)",
    )
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
    parser.add_argument(
        "--liberty", metavar="FILE", help="library of cells (default: two-input NAND gates)"
    )
    parser.add_argument(
        "--density",
        metavar="D",
        type=number("Density", 0.001, 1),
        help="share of non-zero weights on sparse engines (default: 0.1, or that of the workload)",
    )
    parser.add_argument(
        "--workers",
        metavar="N",
        type=integer("Number of workers", 1, 1024),
        help="processes (default: one for each processor)",
    )
    add_json(parser)


def main(options) -> int:
    from .. import workloads
    from ..api.comparison import compare

    workload = workloads.load(options.workload)
    library = options.liberty and Path(options.liberty)
    comparison = compare(
        workload,
        rows=options.rows,
        cols=options.cols,
        area=options.area,
        density=options.density,
        liberty=library,
        workers=options.workers,
    )
    if options.json:
        print(json.dumps(comparison.record(), indent=2, ensure_ascii=False))
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
