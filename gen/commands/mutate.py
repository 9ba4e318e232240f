"""``brickwork mutate``: whether the test benches of units notice faults of the netlist."""

import math
import os
from collections import Counter
from pathlib import Path

from ..lib.messages import print_json, to_json
from ..lib.progress import progress
from ..lib.tables import table
from .arguments import add_json, add_out, add_workers, integer, path

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "mutate the netlists of units, and count what their test benches notice"
EXAMPLE = "brickwork mutate fifo pe_ws --mutants 50 --seed 2"


def arguments(parser):
    parser.description += (
        "\n\nMutants are drawn for every case of a unit's tests. Results of a case come from the "
        "cache as long as\nits netlist and its bench stay the same, so that an interrupted run "
        "goes on where it was. The table is\nwritten to mutation.json below --out."
    )
    parser.add_argument(
        "units", metavar="UNIT", nargs="*", help="units with a bench (default: all)"
    )
    parser.add_argument(
        "--mutants",
        metavar="N",
        type=integer("Number of mutants", 1, 100_000),
        default=100,
        help="mutants of each unit, shared by its cases (default: 100); registers whose reset "
        "does nothing are drawn besides, at most as many",
    )
    parser.add_argument(
        "--cases",
        metavar="N",
        type=integer("Number of cases", 1),
        help="at most so many cases of each unit, of all their range (default: all)",
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=integer("Seed", 0, (1 << 31) - 1),
        default=1,
        help="seed of the choice of mutants (default: 1)",
    )
    parser.add_argument(
        "--tests",
        metavar="DIR",
        type=path("Folder of tests"),
        default="tests",
        help="the tests of the units (default: tests)",
    )
    add_workers(parser, "processes on this machine (default: one for each processor)")
    add_out(parser)
    add_json(parser)


def main(options) -> int:
    from ...sim.verilator import toolchain
    from ..lib.files import check_folder, write_whole
    from ..mutation import accepted, cases, score

    tests = Path(options.tests).absolute()
    chosen = _spread(cases.select(options.units, tests), options.cases)
    known = accepted.read(tests / "mutants.toml")
    toolchain.check_simulation()
    out = check_folder(options.out)

    records = _measured(chosen, options)
    accepted.accept(records, known)
    counts = Counter(case.unit for case in cases.select([], tests))
    report = {
        "seed": options.seed,
        "units": score.scores(records),
        "survivors": score.survivors(records),
        "stale": accepted.stale(records, known, counts),
        "seconds": round(sum(record["seconds"] for record in records), 1),
    }
    write_whole(out / "mutation.json", to_json(report | {"cases": records}))
    if options.json:
        print_json(report)
    else:
        _show(report)
    return 1 if report["survivors"] or report["stale"] else 0


def _spread(chosen, most):
    """At most so many cases of each unit, the first among them."""
    if most is None:
        return chosen
    by_unit = {}
    for case in chosen:
        by_unit.setdefault(case.unit, []).append(case)
    return [
        each[number * len(each) // min(most, len(each))]
        for each in by_unit.values()
        for number in range(min(most, len(each)))
    ]


def _measured(chosen, options):
    """The records of the cases, in their order."""
    from ..mutation.run import measure
    from ..sweep import cluster

    cluster.check_workers(options.workers)
    counts = {}
    for case in chosen:
        counts[case.unit] = counts.get(case.unit, 0) + 1
    records = {}
    workers = min(options.workers or os.cpu_count() or 1, len(chosen))
    with cluster.connected(None, workers) as client:
        from distributed import as_completed

        futures = {}
        for number, case in enumerate(chosen):
            count = math.ceil(options.mutants / counts[case.unit])
            arguments = (case, count, count, options.seed)
            futures[client.submit(measure, *arguments, pure=False, retries=0)] = number
        with progress(total=len(chosen), label="mutating", eta=True) as bar:
            for future in as_completed(futures):
                records[futures[future]] = future.result()
                bar.update()
    return [records[number] for number in range(len(chosen))]


def _show(report):
    names = {"timed_out": "timed out", "resets_score": "score of resets"}
    rows = [{names.get(key, key): row[key] for key in row} for row in report["units"]]
    print(table(rows))
    for survivor in report["survivors"]:
        print()
        print(f"{survivor['unit']} ({survivor['case']}): {survivor['location']}")
        print(f"  {survivor['reason']}; {survivor['line']}")
    for entry in report["stale"]:
        print(f"\nAccepted, but in no netlist: {entry}")
