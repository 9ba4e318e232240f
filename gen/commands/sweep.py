"""The command ``brickwork sweep``."""

import json
import os
import sys
import time
from collections import Counter
from pathlib import Path

from ...sim.verilator import toolchain
from ..flow import targets
from ..lib.errors import Failed, Refused
from ..lib.files import check_folder
from ..lib.progress import progress
from ..sweep import plan as plans
from ..sweep.cluster import check_address, connected
from ..sweep.measure import tools as find_tools
from ..sweep.results import opened
from ..sweep.run import points

__all__ = ["sweep"]

#: How long to wait for a first worker before saying so.
_PATIENCE_SECONDS = 5


def sweep(options) -> int:
    if options.list:
        return _list(options)
    if options.file is None:
        raise Refused("A sweep must be given: a file, or a name (see brickwork sweep --list)")
    if options.scheduler is not None:
        check_address(options.scheduler)
        if options.workers is not None:
            raise Refused("--workers must not go with --scheduler, whose workers are started apart")
    start = time.monotonic()
    plan = plans.read(options.file)
    tools = find_tools()
    header_tools = tools | _more_tools(plan)
    path = check_folder(Path(options.out) / "sweep") / f"{plan.name}.jsonl"
    with opened(path, plan.name, plan.given, header_tools, options.resume) as results:
        wanted = [point for point in plan.points if point.key not in results.records]
        done = len(plan.points) - len(wanted)
        if any(point.reason is None for point in wanted):
            workers = options.workers or len(os.sched_getaffinity(0))
            with connected(options.scheduler, workers) as client:
                _tell_if_alone(client, options.scheduler)
                with progress(total=len(wanted), what=plan.name, eta=True) as bar:
                    for record in points(client, plan, tools, wanted):
                        results.append(record)
                        bar.update()
        else:
            for record in points(None, plan, tools, wanted):
                results.append(record)
        results.finish([point.key for point in plan.points])
        records = [results.records[point.key] for point in plan.points]
    return _tell(options, plan, path, records, done, time.monotonic() - start)


def _more_tools(plan):
    """Versions of what this sweep alone uses."""
    found = {"liberty": plan.library[:16]} if plan.library else {}
    if plan.pnr:
        used = {point.target for point in plan.points if point.target is not None}
        programs = {targets.load(name).place.program for name in used if plans.places(name)}
        found |= {name: toolchain.nextpnr(name).version for name in sorted(programs)}
    return found


def _tell_if_alone(client, scheduler):
    """Says what is missing if there is nobody to do the work."""
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


def _tell(options, plan, path, records, done, seconds):
    counts = Counter(record["status"] for record in records)
    if options.json:
        facts = {
            "name": plan.name,
            "results": str(path),
            "points": len(records),
            **{status: counts[status] for status in ("ok", "impossible", "failed")},
            "from_before": done,
            "seconds": round(seconds, 3),
        }
        print(json.dumps(facts, indent=2))
    else:
        print(f"points\t{len(records)}" + (f" ({done} from before)" if done else ""))
        for status in ("ok", "impossible", "failed"):
            print(status, counts[status], sep="\t")
        print("seconds", f"{seconds:.1f}", sep="\t")
        print("results", path, sep="\t")
    failed = [record for record in records if record["status"] == "failed"]
    if failed:
        raise Failed(
            f"{len(failed)} of {len(records)} points failed; the first, of "
            f"{failed[0]['design']}: {failed[0]['reason']} (logs: {path})"
        )
    return 0


def _list(options):
    sweeps = []
    for name, file in plans.ready().items():
        plan = plans.read(name)
        sweeps.append(
            {
                "name": name,
                "points": len(plan.points),
                "description": plan.given.get("description", ""),
                "file": str(file),
            }
        )
    if options.json:
        print(json.dumps(sweeps, indent=2))
    else:
        for one in sweeps:
            print(one["name"], f"{one['points']} points", one["description"], sep="\t")
    return 0
