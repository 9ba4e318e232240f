"""Sweeps: many designs, targets and workloads, measured side by side."""

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...sim.verilator import toolchain
from ..flow import targets
from ..lib.errors import UsageError
from ..lib.files import check_folder
from ..lib.progress import progress
from ..lib.tables import html_table, table
from ..sweep import plan as plans
from ..sweep.cluster import check_address, check_installed, check_workers, connected
from ..sweep.measure import tools as measured_tools
from ..sweep.plan import Plan
from ..sweep.results import opened
from ..sweep.run import points

__all__ = ["Sweep", "run_sweep"]


@dataclass(frozen=True, eq=False)
class Sweep:
    """The records of a sweep; printed, a table of its points.

    Attributes
    ----------
    plan : Plan
    path : Path
        The file of results, for ``brickwork report``.
    records : list of dict
        A record for each point of the plan, in its order.
    resumed : int
        Points that an earlier run has measured.
    seconds : float
        Elapsed time.
    """

    plan: Plan
    path: Path
    records: list[dict]
    resumed: int
    seconds: float

    @property
    def statuses(self) -> dict[str, int]:
        """Number of points that are ``ok``, ``infeasible`` and ``failed``."""
        counts = Counter(record["status"] for record in self.records)
        return {status: counts[status] for status in ("ok", "infeasible", "failed")}

    def rows(self) -> list[dict[str, Any]]:
        """A row for each point: its design, target and workload, and the measures."""
        names = ("design", "target", "workload", "status", "pes", "cycles", "utilization")
        return [
            {name: record[name] for name in names}
            | {"area": record["area"] and next(iter(record["area"]["total"].values()))}
            for record in self.records
        ]

    def __str__(self) -> str:
        return table(self.rows())

    def _repr_html_(self) -> str:
        return html_table(self.rows())


def run_sweep(
    file: str,
    *,
    out: Path | str,
    resume: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    started: Callable[[object], None] | None = None,
) -> Sweep:
    """Measures all points of a sweep file, or of the sweep of that name that comes with Brickwork.

    Parameters
    ----------
    file : str
    out : Path
        The results are written to ``sweep/<name>.jsonl`` below it, point by point; there is no
        file before the first.
    resume : bool
        Whether to continue an earlier run from the results in that file; failed points are
        measured again.
    workers : int or None
        Processes; by default one for each core.
    scheduler : str or None
        Address of a Dask scheduler with its own workers.
    started : function
        Called with the Dask client before the first point.

    Raises
    ------
    OSError, UsageError, TypeError, ValueError
        If a file cannot be read or written, or does not hold a sweep; if ``workers`` and
        ``scheduler`` are both set, or wrong; if Dask is missing.
    """
    start = time.monotonic()
    check_installed()
    check_workers(workers)
    if scheduler is not None:
        check_address(scheduler)
        if workers is not None:
            raise UsageError(
                "--workers must not go with --scheduler, whose workers are started apart"
            )
    plan = plans.read(file)
    tools = measured_tools()
    header = tools | _plan_tools(plan)
    path = check_folder(Path(out) / "sweep") / f"{plan.name}.jsonl"
    with opened(path, plan.name, plan.source, header, resume) as results:
        pending = [point for point in plan.points if point.key not in results.records]
        measured = _records(plan, tools, pending, workers, scheduler, started)
        # Closed at once, so that workers end before the results do if a record cannot be written.
        bar = progress(total=len(pending), label=plan.name, eta=True)
        with contextlib.closing(measured), bar:
            for record in measured:
                results.append(record)
                bar.update()
        results.finish([point.key for point in plan.points])
        records = [results.records[point.key] for point in plan.points]
    return Sweep(plan, path, records, len(plan.points) - len(pending), time.monotonic() - start)


def _plan_tools(plan):
    """Versions of the tools, the library and the plug-ins that not all sweeps use."""
    versions = {"liberty": plan.library[:16]} if plan.library else {}
    for point in plan.points:
        versions |= {
            name: digest
            for name, digest in point.netlist.origin.items()
            if name.startswith("plug-in ")
        }
    if plan.pnr:
        used = {point.target for point in plan.points if point.target is not None}
        placers = (targets.load(name).place for name in used)
        programs = {placer.program for placer in placers if placer is not None}
        versions |= {name: toolchain.nextpnr(name).version for name in sorted(programs)}
    return versions


def _records(plan, tools, pending, workers, scheduler, started) -> Generator[dict, None, None]:
    """The records of the points, each as soon as it is measured."""
    if all(point.reason is not None for point in pending):
        yield from points(None, plan, tools, pending)
        return
    with connected(scheduler, workers or len(os.sched_getaffinity(0))) as client:
        if started:
            started(client)
        yield from points(client, plan, tools, pending)
