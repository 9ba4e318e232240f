"""``brickwork sweep``: measurements of many designs, on many processes or machines."""

import sys

from ..lib.errors import CheckFailed, UsageError
from ..lib.messages import print_json
from ..lib.tables import columns
from . import completion
from .arguments import add_json, add_out, add_workers

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "measure area, clock and cycles of many designs, targets and workloads"
EXAMPLE = "brickwork sweep small --workers 2"

#: The wait for a first worker before a message.
_PATIENCE_SECONDS = 5


def arguments(parser):
    parser.description += (
        "\n\nResults are written to sweep/NAME.jsonl below --out, each point as soon as it is "
        "measured.\nAn interrupted sweep continues with --resume."
    )
    file = parser.add_argument(
        "file", metavar="FILE", nargs="?", help="sweep file (TOML), or a name: see --list"
    )
    file.completer = completion.sweeps
    parser.add_argument(
        "--list", action="store_true", help="list the sweeps that come with Brickwork"
    )
    add_workers(parser, "processes on this machine (default: one for each processor)")
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="tcp://HOST:PORT of a Dask scheduler, whose workers are used instead",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue with the results in the file; points that failed are tried again",
    )
    add_out(parser)
    add_json(parser)


def main(options) -> int:
    from ..api.sweeps import run_sweep

    if options.list:
        return _list(options)
    if options.file is None:
        raise UsageError("A sweep must be given: a file, or a name (see brickwork sweep --list)")
    sweep = run_sweep(
        options.file,
        out=options.out,
        resume=options.resume,
        workers=options.workers,
        scheduler=options.scheduler,
        started=lambda client: _await_workers(client, options.scheduler),
    )
    return _report(options, sweep)


def _await_workers(client, scheduler):
    """Prints the command that starts a worker, if the scheduler has none after a while."""
    if scheduler is None or client.scheduler_info()["workers"]:
        return
    try:
        client.wait_for_workers(1, timeout=_PATIENCE_SECONDS)
    except TimeoutError:
        print(
            f"brickwork: waiting for workers; start one with: dask worker {scheduler} "
            f"--nthreads 1 --host 127.0.0.1",
            file=sys.stderr,
        )


def _report(options, sweep):
    """Prints the counts."""
    records = sweep.records
    if options.json:
        summary = {
            "name": sweep.plan.name,
            "results": str(sweep.path),
            "points": len(records),
            **sweep.statuses,
            "from_before": sweep.resumed,
            "seconds": round(sweep.seconds, 3),
        }
        print_json(summary)
    else:
        resumed = f" ({sweep.resumed} from before)" if sweep.resumed else ""
        print(f"points\t{len(records)}{resumed}")
        for status, count in sweep.statuses.items():
            print(status, count, sep="\t")
        print("seconds", f"{sweep.seconds:.1f}", sep="\t")
        print("results", sweep.path, sep="\t")
    failed = [record for record in records if record["status"] == "failed"]
    if failed:
        raise CheckFailed(
            f"{len(failed)} of {len(records)} points failed; the first, of "
            f"{failed[0]['design']}: {failed[0]['reason']} (logs: {sweep.path})"
        )
    return 0


def _list(options):
    from ..sweep import plan as plans

    sweeps = []
    for name, file in plans.builtin_sweeps().items():
        plan = plans.read(name)
        sweeps.append(
            {
                "name": name,
                "points": len(plan.points),
                "description": plan.source.get("description", ""),
                "file": str(file),
            }
        )
    if options.json:
        print_json(sweeps)
    else:
        rows = [
            (sweep["name"], f"{sweep['points']} points", sweep["description"]) for sweep in sweeps
        ]
        print("\n".join(columns(rows)))
    return 0
