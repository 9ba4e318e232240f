"""Placement and routing with nextpnr: how fast a design's clock can be."""

import contextlib
import gzip
import json
import os
import re
import statistics
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from ...hdl.checks import check_integer
from ...sim import cache
from ...sim.manifest import Manifest
from ...sim.verilator import toolchain
from ..lib import yosys
from ..lib.errors import Failed
from ..lib.progress import progress
from . import targets
from .synthesis import netlist_for

__all__ = ["check_device", "place"]

#: Placements at once.
_PROCESSES = 2

_FRAME, _CORE = "brickwork_frame", "core"

#: Parameters that a design gets smaller with, by what is short.
_SMALLER = {"bram": ("acc_depth", "entries", "columns"), None: ("rows", "cols", "pes")}


def place(manifest: Path, target: str, *, seeds: int = 3, device: str | None = None) -> dict:
    """Place and route a design by itself, and find the highest frequency of its clock.

    Each of the design's ports has a register beside it, and the registers are chained: of inputs
    to a shift register, of outputs to a tree of XORs. So three pins do for any design, all of its
    paths are between registers, and neither pins nor what is around limits its clock. This frame is
    one LUT deep; what it takes is not counted, and a path that begins or ends in it is called so.

    Placement is a matter of luck: seeds differ by several per cent. The median is what to expect.

    Parameters
    ----------
    manifest : Path
        A design's manifest, or an :class:`Emission`.
    target : str
        One of :func:`targets.names` that has a placer.
    seeds : int
        Runs, with seeds from 1 on.
    device : str or None
        Name of a device of the target; by default its first.

    Returns
    -------
    dict
        ``fmax_mhz`` over all seeds, with ``spread_percent`` from the worst to the best by the
        median; each of ``runs`` with its frequency and the path that limits it, whose ``source``
        and ``sink`` are signals of the design; and the median run's ``utilization``.

    Raises
    ------
    TypeError, ValueError
        If a parameter is wrong, or the design does not fit the device.
    ToolError
        If the placer is not installed.
    Failed
        If it fails.
    """
    check_integer("Number of seeds", seeds, 1, 1000)
    plan, device = check_device(target, device)
    manifest = Path(getattr(manifest, "manifest", manifest))
    facts = Manifest.read(manifest)
    tool = toolchain.nextpnr(plan.place.program)
    netlist, frame = _framed(manifest, facts, plan, device)
    runs = {}
    pool = ThreadPoolExecutor(min(_PROCESSES, os.cpu_count() or 1))
    try:
        with progress(total=seeds, what=f"placing on {device}") as bar:
            jobs = {
                pool.submit(_placed, netlist, tool, plan, device, seed): seed
                for seed in range(1, seeds + 1)
            }
            for job in as_completed(jobs):
                with _said(facts, plan, device):
                    runs[jobs[job]] = job.result()
                bar.update()
    finally:
        pool.shutdown(cancel_futures=True)
    found = sorted((_run(seed, report, plan) for seed, report in runs.items()), key=_by_seed)
    speeds = [run["fmax_mhz"] for run in found]
    median = statistics.median(speeds)
    middle = min(found, key=lambda run: abs(run["fmax_mhz"] - median))["seed"]
    return {
        "target": target,
        "device": device,
        "seeds": sorted(runs),
        "fmax_mhz": {
            "median": round(median, 2),
            "worst": min(speeds),
            "best": max(speeds),
            "spread_percent": round(100 * (max(speeds) - min(speeds)) / median, 2),
        },
        "runs": found,
        "utilization": _utilization(runs[middle]["utilization"], plan, frame),
        "tools": {plan.place.program: tool.version, "pyosys": facts.tools["pyosys"]},
    }


def check_device(target: str, device: str | None = None) -> tuple[targets.Target, str]:
    """The target, and the name of the device, which is the target's first if none is given.

    Raises
    ------
    ValueError
        If the target has no placer, or there is no such target or device.
    """
    plan = targets.load(target)
    if plan.place is None:
        able = ", ".join(name for name in targets.names() if targets.load(name).place)
        raise ValueError(f"Target to place on must be one of {able}, not {target!r}")
    plan.device(device)
    return plan, device or next(iter(plan.place.devices))


class _TooLarge(Exception):
    """Resources that are short: the placer's name of each, what is used and what is available."""


@contextlib.contextmanager
def _said(facts, plan, device):
    """Says which parameters make a design fit that does not."""
    try:
        yield
    except _TooLarge as error:
        short = error.args[0]
        amounts = " and ".join(f"{used} of {available} {name}" for name, used, available in short)
        kinds = dict.fromkeys(plan.place.resources.get(name) for name, _, _ in short)
        smaller = [one for kind in kinds for one in _SMALLER.get(kind, _SMALLER[None])]
        smaller = " or ".join(one for one in dict.fromkeys(smaller) if one in facts.parameters)
        raise ValueError(
            f"Design {facts.top} must fit {plan.name}'s {device}, not take {amounts}; lower "
            f"{smaller}, or choose another device"
        ) from None


def _framed(manifest, facts, plan, device):
    """The design's netlist in its frame, compressed, and what the frame takes."""
    text, top = netlist_for(manifest, plan.name, device)
    before, after = plan.steps(device)
    commands = [*before, *after, *plan.place.frame]
    clock = facts.bus["clock"]
    verilog = _frame(top, facts.ports, clock)

    def make(place):
        with tempfile.TemporaryDirectory(prefix="brickwork-") as temporary:
            folder = Path(temporary)
            # The library's modules are there already.
            core = {"modules": {top: json.loads(text)["modules"][top]}}
            (folder / "core.json").write_text(json.dumps(core), "utf-8")
            (folder / "frame.v").write_text(verilog, "utf-8")
            yosys.run(
                [
                    "read_verilog frame.v",
                    *(command.format(top=_FRAME) for command in commands),
                    f"tee -q -o frame.json stat -json ={_FRAME}",
                    *(f"delete ={top}", "read_json core.json", f"hierarchy -top {_FRAME}"),
                    *("flatten", "delete t:$scopeinfo", "clean", "autoname"),
                    *("blackbox =A:whitebox", "write_json whole.json"),
                ],
                cwd=folder,
                temporary=folder,
            )
            counted = json.loads((folder / "frame.json").read_text("utf-8"))["modules"]
            cells = counted[rf"\{_FRAME}"]["num_cells_by_type"]
            (place / "cells.json").write_text(json.dumps(cells), "utf-8")
            whole = gzip.compress((folder / "whole.json").read_bytes(), 1, mtime=0)
            (place / "netlist.json.gz").write_bytes(whole)

    key = (text, verilog, "\n".join(commands), Path(__file__).read_bytes())
    place, _ = cache.entry("synthesis", *key, make=make)
    cells = json.loads((place / "cells.json").read_text("utf-8"))
    takes = {name: plan.cells[name] for name in cells if name in plan.cells}
    frame = {
        kind: sum(cells[name] * one.get(kind, 0) for name, one in takes.items())
        for kind in ("lut", "ff")
    }
    # Each of its LUTs is before a flip-flop, in the same cell where cells have both.
    return (place / "netlist.json.gz").read_bytes(), frame | {"lc": frame["ff"]}


def _frame(top, ports, clock):
    """Verilog of the frame: see :func:`place`."""
    inputs = [port for port in ports if port["direction"] == "input" and port["name"] != clock]
    outputs = [port for port in ports if port["direction"] == "output"]
    if len(inputs) + len(outputs) == len(ports):
        raise ValueError(f"Design to place must have a clock, which {top} has not")
    listed = ", ".join(f"{p['direction']} [{p['width'] - 1}:0] {p['name']}" for p in ports)
    lines, joined = [f"(* blackbox *) module {top}({listed}); endmodule"], [f".{clock}(clk)"]
    lines.append(f"module {_FRAME}(input clk, input i, output o);")
    for name, group in (("given", inputs), ("taken", outputs)):
        width = 0
        for port in group:
            joined.append(f".{port['name']}({name}[{width}+:{port['width']}])")
            width += port["width"]
        lines.append(f"  {'reg' if group is inputs else 'wire'} [{max(width, 1) - 1}:0] {name};")
    lines.append("  always @(posedge clk) given <= {given, i};")
    lines.append(f"  {top} {_CORE}({', '.join(joined)});")
    lines.append(f"  reg [{width - 1}:0] level_0; always @(posedge clk) level_0 <= taken;")
    level = 0
    while width > 1:
        groups = [(at, min(at + 4, width) - 1) for at in range(0, width, 4)]
        below, level, width = level, level + 1, len(groups)
        lines.append(f"  reg [{width - 1}:0] level_{level};")
        lines += [
            f"  always @(posedge clk) level_{level}[{at}] <= ^level_{below}[{high}:{low}];"
            for at, (low, high) in enumerate(groups)
        ]
    return "\n".join([*lines, f"  assign o = level_{level};", "endmodule", ""])


_USED = re.compile(r"^Info:\s+(\w+):\s*(\d+)/\s*(\d+)\s+\d+%$", re.MULTILINE)


def _placed(netlist, tool, plan, device, seed):
    """nextpnr's report of one run."""
    chosen = plan.device(device)
    options = [*plan.place.options, *chosen.options, "--seed", str(seed)]

    def make(place):
        with tempfile.TemporaryDirectory(prefix="brickwork-") as temporary:
            folder = Path(temporary)
            (folder / "netlist.json").write_bytes(gzip.decompress(netlist))
            (folder / "pins.txt").write_text(chosen.pins, "utf-8")
            files = ["--json", "netlist.json", "--report", "report.json"]
            child = subprocess.run(
                [*tool.command, *files, "--timing-allow-fail", *options],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                cwd=folder,
            )
            if child.returncode != 0:
                _fail(child.stdout, plan)
            (place / "report.json").write_bytes((folder / "report.json").read_bytes())

    key = (netlist, tool.version, chosen.pins, *options)
    place, _ = cache.entry("synthesis", *key, make=make)
    return json.loads((place / "report.json").read_text("utf-8"))


def _fail(log, plan):
    """Raises what a failed run's log tells."""
    found = [(name, int(used), int(available)) for name, used, available in _USED.findall(log)]
    short = [one for one in found if one[1] > one[2]]
    if short:
        raise _TooLarge(short)
    errors = [line for line in log.splitlines() if line.startswith("ERROR")]
    name = f"{plan.place.program}-{cache.digest(log)[:12]}.log"
    kept = cache.keep("failed", name, log)
    said = (errors or log.strip().splitlines() or ["it ended without a word"])[-1]
    raise Failed(f"{plan.place.program} failed: {said} (log: {kept})")


def _run(seed, report, plan):
    clocks = [clock["achieved"] for clock in report["fmax"].values()]
    if not clocks:
        raise Failed(f"{plan.place.program} found no path between registers")
    paths = [path["path"] for path in report["critical_paths"]]
    ends = [(path[0]["type"], path[-1]["type"], path) for path in paths]
    path = max((path for *kinds, path in ends if kinds == ["clk-to-q", "setup"]), key=_delay)
    return {"seed": seed, "fmax_mhz": round(min(clocks), 2), "critical_path": _path(path, plan)}


def _path(path, plan):
    routing = _delay(part for part in path if part["type"] == "routing")
    return {
        "source": _signal(path[0]["from"]["cell"], plan),
        "sink": _signal(path[-1]["to"]["cell"], plan),
        "ns": round(_delay(path), 3),
        "logic_ns": round(_delay(path) - routing, 3),
        "routing_ns": round(routing, 3),
        "steps": [
            {
                "type": part["type"],
                "ns": round(part["delay"], 3),
                "to": _signal(part["to"]["cell"], plan),
            }
            for part in path
        ],
    }


def _signal(cell, plan):
    """The signal of the design that a cell is named after."""
    name = re.split(rf"_(?:{'|'.join(plan.cells)})(?:_|$)", cell, maxsplit=1)[0]
    name = name.partition("$")[0]
    inside = name.removeprefix(f"{_CORE}.")
    return inside if inside != name else f"frame.{name}"


def _delay(path):
    return sum(part["delay"] for part in path)


def _by_seed(run):
    return run["seed"]


def _utilization(report, plan, frame):
    """What the design takes of the device, without the frame."""
    return {
        kind: {
            "used": report[name]["used"] - frame.get(kind, 0),
            "available": report[name]["available"],
        }
        for name, kind in plan.place.resources.items()
        if name in report  # not all of a target's devices have all
    }
