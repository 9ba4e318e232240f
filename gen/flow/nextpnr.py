"""Placement and routing: the only module that runs nextpnr and reads its reports and logs."""

import gzip
import json
import math
import os
import re
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from ...hdl.checks import check_integer
from ...sim import cache, scratch
from ...sim.processes import ProcessGroup
from ...sim.verilator import toolchain
from ..lib.errors import CheckFailed
from ..lib.progress import progress
from .targets import Target

__all__ = ["DoesNotFit", "Run", "check_seeds", "clock_options", "failure", "place_and_route"]

#: Runs at once.
_PROCESSES = 2

# A row of the table of resources in the log: name, used, available.
_USED = re.compile(r"^Info:\s+(\w+):\s*(\d+)/\s*(\d+)\s+\d+%$", re.MULTILINE)
#: Errors of a device that has enough of everything, but not where it is needed.
_CROWDED = re.compile(r"legal placement|utilisation limit|no BELs? remaining|[Uu]nable to place")


class DoesNotFit(Exception):
    """A design does not fit the device.

    Attributes
    ----------
    short : list of (str, float, int)
        Each resource that is short, with what is needed and what is available.
    """

    def __init__(self, short):
        super().__init__(", ".join(f"{needed}/{has} {name}" for name, needed, has in short))
        self.short = short


@dataclass(frozen=True, kw_only=True)
class Run:
    """One placement, routed.

    Attributes
    ----------
    seed : int
    fmax_mhz : float
        Frequency of the slowest clock, rounded down to 0.01 MHz.
    critical_path : dict
        ``source`` and ``sink``, the signals that its registers are named after; ``ns``, and in it
        ``logic_ns`` and ``routing_ns``; ``steps``, each with its ``type``, ``ns`` and ``to``.
    utilization : dict
        Resource of the device to what is ``used`` and ``available`` of it.
    result : bytes or None
        The routed design, compressed with gzip, if it was asked for.
    """

    seed: int
    fmax_mhz: float
    critical_path: dict
    utilization: dict[str, dict[str, int]]
    result: bytes | None

    def as_dict(self) -> dict:
        """The run in a report: ``seed``, ``fmax_mhz`` and ``critical_path``."""
        return {name: getattr(self, name) for name in ("seed", "fmax_mhz", "critical_path")}


def check_seeds(seeds: int) -> int:
    """Return the number of seeds, which must be an integer from 1 to 1000.

    Raises
    ------
    TypeError, ValueError
        If it is not.
    """
    check_integer("Number of seeds", seeds, 1, 1000)
    return seeds


def clock_options(clock: float | None) -> list[str]:
    """The option for the frequency in MHz that the placer aims at; none for its own default."""
    return [] if clock is None else ["--freq", f"{clock:g}"]


def place_and_route(
    netlist: bytes,
    target: Target,
    options: list[str],
    *,
    seeds: int,
    pins: str = "",
    with_result: bool = False,
    some_may_fail: bool = False,
    label: str,
) -> list[Run]:
    """Place and route a netlist with each of several seeds; runs are cached.

    Parameters
    ----------
    netlist : bytes
        Yosys' JSON, compressed with gzip.
    target : Target
        One with a placer.
    options : list of str
        Options of the placer that name the device and more.
    seeds : int
        Seeds run from 1 to this number.
    pins : str
        Contents of the constraints file; empty if there is none.
    with_result : bool
        Keep the routed design.
    some_may_fail : bool
        Whether one seed that fits suffices. In a device that is nearly full, some placements find
        room and others do not.
    label : str
        What the progress line says.

    Returns
    -------
    list of Run
        In order of seeds.

    Raises
    ------
    DoesNotFit
        If a run does not fit; with ``some_may_fail`` if none does.
    CheckFailed
        If the program fails, or finds no path between registers.
    ToolError
        If it is not installed.
    """
    check_seeds(seeds)
    tool = toolchain.nextpnr(target.place.program)
    names = {"pins": "pins.txt", "result": "result"}
    options = [*(target.place.pins if pins else target.place.no_pins), *options]
    if with_result:
        options += target.bitstream.result
    options = [option.format_map(names) for option in options]
    runs, misfit = [], None
    pool = ThreadPoolExecutor(min(_PROCESSES, os.cpu_count() or 1))
    with pool, ProcessGroup() as group, progress(total=seeds, label=label, eta=True) as bar:
        jobs = [
            pool.submit(_run, group, netlist, target, tool, options, pins, seed)
            for seed in range(1, seeds + 1)
        ]
        try:
            for job in as_completed(jobs):
                try:
                    runs.append(job.result())
                except DoesNotFit as error:
                    if not some_may_fail:
                        raise
                    misfit = error
                bar.update()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    if not runs:
        raise misfit
    return sorted(runs, key=lambda run: run.seed)


def _run(group, netlist, target, tool, options, pins, seed):
    """The run of one seed, from the cache if it is there."""
    options = [*options, "--seed", str(seed)]

    def make(entry):
        with scratch.folder() as folder:
            (folder / "netlist.json").write_bytes(gzip.decompress(netlist))
            (folder / "pins.txt").write_text(pins, "utf-8")
            files = ["--json", "netlist.json", "--report", "report.json"]
            command = [*tool.command, *files, "--timing-allow-fail", *options]
            environment = toolchain.package_environment(folder)
            status, log = group.run(command, cwd=folder, env=environment)
            if status != 0:
                raise _error(log, target)
            (entry / "report.json").write_bytes((folder / "report.json").read_bytes())
            if (folder / "result").exists():
                result = gzip.compress((folder / "result").read_bytes(), 1, mtime=0)
                (entry / "result.gz").write_bytes(result)

    key = ("nextpnr", netlist, tool.version, pins, *options)
    entry, _ = cache.entry("synthesis", *key, make=make)
    report = json.loads((entry / "report.json").read_text("utf-8"))
    result = entry / "result.gz"
    clocks = [clock["achieved"] for clock in report["fmax"].values()]
    if not clocks:
        raise CheckFailed(f"{target.place.program} found no path between registers")
    return Run(
        seed=seed,
        fmax_mhz=math.floor(100 * min(clocks)) / 100,
        critical_path=_critical_path(report, target),
        utilization={
            resource: {key: report["utilization"][name][key] for key in ("used", "available")}
            for name, resource in target.place.resources.items()
            # Not all of a target's devices have all resources.
            if report["utilization"].get(name, {"available": 0})["available"]
        },
        result=result.read_bytes() if result.exists() else None,
    )


def _error(log, target):
    """The exception that a failed run's log stands for."""
    resources = target.place.resources
    usage = [
        (resources.get(name, name), int(used), int(available))
        for name, used, available in _USED.findall(log)
    ]
    short = [row for row in usage if row[1] > row[2]]
    errors = [line for line in log.splitlines() if line.startswith("ERROR")]
    if not short and any(_CROWDED.search(line) for line in errors):
        scarce = [row for row in usage if row[2]]
        short = [max(scarce, key=lambda row: row[1] / row[2])] if scarce else []
    return DoesNotFit(short) if short else failure(target.place.program, log, errors)


def failure(program: str, log: str, errors: list[str] | None = None) -> CheckFailed:
    """The exception for a program that failed, with its last error; the log is kept."""
    lines = errors or log.strip().splitlines() or ["no message"]
    path = cache.keep("failed", f"{program}-{cache.digest(log)[:12]}.log", log)
    return CheckFailed(f"{program} failed: {lines[-1]} (log: {path})")


def _critical_path(report, target):
    """The longest path between registers; paths at pins depend on what surrounds the design."""
    paths = [path["path"] for path in report["critical_paths"]]
    ends = [(path[0]["type"], path[-1]["type"]) for path in paths]
    inside = [path for path, end in zip(paths, ends, strict=True) if end == ("clk-to-q", "setup")]
    path = max(inside, key=_delay)
    routing = _delay(step for step in path if step["type"] == "routing")
    return {
        "source": _signal(path[0]["from"]["cell"], target),
        "sink": _signal(path[-1]["to"]["cell"], target),
        "ns": round(_delay(path), 3),
        "logic_ns": round(_delay(path) - routing, 3),
        "routing_ns": round(routing, 3),
        "steps": [
            {
                "type": step["type"],
                "ns": round(step["delay"], 3),
                "to": _signal(step["to"]["cell"], target),
            }
            for step in path
        ],
    }


def _delay(path):
    return sum(step["delay"] for step in path)


def _signal(cell, target):
    """The signal that a cell is named after: ``autoname`` appends the cell's type and port."""
    return re.split(rf"_(?:{'|'.join(target.cells)})(?:_|$)|\$", cell, maxsplit=1)[0]
