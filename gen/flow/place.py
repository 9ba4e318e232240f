"""The clock of a design by itself: placed and routed between registers, on several seeds."""

import gzip
import json
import statistics
from pathlib import Path

from ...sim import cache, scratch
from ...sim.manifest import Manifest
from ...sim.verilator import toolchain
from ..designs import registry
from ..lib import yosys
from . import nextpnr, targets
from .synthesis import netlist_for

__all__ = ["check_device", "check_tool", "place"]

_FRAME, _CORE = "brickwork_frame", "core"


def place(
    manifest: Path,
    target: str,
    *,
    seeds: int = 3,
    device: str | None = None,
    clock: float | None = None,
) -> dict:
    """Place and route a design by itself, and find the highest frequency of its clock.

    Each port of the design has a register beside it, and the registers are chained: those of
    inputs to a shift register, those of outputs to a tree of XORs. So three pins suffice for any
    design, all of its paths are between registers, and neither pins nor surrounding logic limits
    its clock. This frame is one LUT deep; its cells are not counted, and a path that begins or ends
    in it says so.

    Seeds differ by several per cent. The median is what to expect.

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
    clock : float or None
        Frequency in MHz that the placer aims at.

    Returns
    -------
    dict
        ``fmax_mhz`` over all seeds, with ``spread_percent`` from the worst to the best by the
        median; ``needed_mhz``, which is ``clock``, and ``met_by``, the seeds that reach it; each of
        ``runs`` with its frequency and critical path, whose ``source`` and ``sink`` are signals of
        the design; and the median run's ``utilization``.

    Raises
    ------
    TypeError, ValueError
        If a parameter is wrong, or the design does not fit the device.
    ToolError
        If the placer is not installed.
    CheckFailed
        If it fails.
    """
    nextpnr.check_seeds(seeds)
    plan, device = check_device(target, device)
    manifest = Path(getattr(manifest, "manifest", manifest))
    design = Manifest.read(manifest)
    tool = toolchain.nextpnr(plan.place.program)
    netlist, frame = _framed(manifest, design, plan, device)
    settings = plan.device(device)
    try:
        runs = nextpnr.place_and_route(
            netlist,
            plan,
            [*settings.options, *nextpnr.clock_options(clock)],
            seeds=seeds,
            pins=settings.pins,
            label=f"placing on {device}",
        )
    except nextpnr.DoesNotFit as error:
        raise ValueError(_misfit(design, plan, device, error.short)) from None
    speeds = [run.fmax_mhz for run in runs]
    median = statistics.median(speeds)
    middle = min(runs, key=lambda run: abs(run.fmax_mhz - median))
    return {
        "target": target,
        "device": device,
        "seeds": [run.seed for run in runs],
        "needed_mhz": clock,
        "met_by": [run.seed for run in runs if clock is not None and run.fmax_mhz >= clock],
        "fmax_mhz": {
            "median": round(median, 2),
            "worst": min(speeds),
            "best": max(speeds),
            "spread_percent": round(100 * (max(speeds) - min(speeds)) / median, 2),
        },
        "runs": [run.as_dict() | {"critical_path": _in_design(run.critical_path)} for run in runs],
        "utilization": {
            resource: amount | {"used": amount["used"] - frame.get(resource, 0)}
            for resource, amount in middle.utilization.items()
        },
        "tools": {plan.place.program: tool.version, "pyosys": design.tools["pyosys"]},
    }


def check_device(target: str, device: str | None = None) -> tuple[targets.Target, str]:
    """The target, and the name of the device; by default the target's first.

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


def check_tool(target: str) -> None:
    """Look for the program that places on a target, which has one.

    Raises
    ------
    ToolError
        If it is missing.
    """
    toolchain.nextpnr(targets.load(target).place.program)


def _misfit(design, plan, device, short):
    """The message about a design that does not fit, with the parameters that make it smaller."""
    amounts = " and ".join(f"{needed} of {available} {name}" for name, needed, available in short)
    parameters = registry.DESIGNS.get(design.design)
    shrink = {} if parameters is None else parameters.SHRINK
    names = [name for resource, *_ in short for name in shrink.get(resource, shrink.get(None, ()))]
    lower = f"lower {' or '.join(dict.fromkeys(names))}, or " if names else ""
    return (
        f"Design {design.top} must fit {plan.name}'s {device}, not take {amounts}; "
        f"{lower}choose another device"
    )


def _framed(manifest, design, plan, device):
    """The design's netlist in its frame, compressed, and the resources that the frame takes."""
    text, top = netlist_for(manifest, plan.name, device)
    before, after = plan.steps(device)
    commands = [*before, *after, *plan.place.frame]
    verilog = _frame(top, design.ports, design.bus.get("clock", "clk"))

    def make(entry):
        with scratch.folder() as folder:
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
                    *("blackbox =A:whitebox", "write_json framed.json"),
                ],
                cwd=folder,
                temporary=folder,
            )
            counted = json.loads((folder / "frame.json").read_text("utf-8"))["modules"]
            cells = counted[rf"\{_FRAME}"]["num_cells_by_type"]
            (entry / "cells.json").write_text(json.dumps(cells), "utf-8")
            framed = gzip.compress((folder / "framed.json").read_bytes(), 1, mtime=0)
            (entry / "netlist.json.gz").write_bytes(framed)

    key = (text, verilog, "\n".join(commands), Path(__file__).read_bytes())
    entry, _ = cache.entry("synthesis", *key, make=make)
    cells = json.loads((entry / "cells.json").read_text("utf-8"))
    sizes = {name: plan.cells[name] for name in cells if name in plan.cells}
    frame = {
        resource: sum(cells[name] * size.get(resource, 0) for name, size in sizes.items())
        for resource in ("lut", "ff")
    }
    # Each of its LUTs is before a flip-flop, in the same cell where cells have both.
    return (entry / "netlist.json.gz").read_bytes(), frame | {"lc": frame["ff"]}


def _frame(top, ports, clock):
    """Verilog of the frame: see :func:`place`."""
    inputs = [port for port in ports if port["direction"] == "input" and port["name"] != clock]
    outputs = [port for port in ports if port["direction"] == "output"]
    if len(inputs) + len(outputs) == len(ports):
        raise ValueError(f"Design to place must have a clock, which {top} has not")
    listed = ", ".join(f"{p['direction']} [{p['width'] - 1}:0] {p['name']}" for p in ports)
    lines, connections = [f"(* blackbox *) module {top}({listed}); endmodule"], [f".{clock}(clk)"]
    lines.append(f"module {_FRAME}(input clk, input i, output o);")
    for name, group in (("driven", inputs), ("sampled", outputs)):
        width = 0
        for port in group:
            connections.append(f".{port['name']}({name}[{width}+:{port['width']}])")
            width += port["width"]
        lines.append(f"  {'reg' if group is inputs else 'wire'} [{max(width, 1) - 1}:0] {name};")
    lines.append("  always @(posedge clk) driven <= {driven, i};")
    lines.append(f"  {top} {_CORE}({', '.join(connections)});")
    lines.append(f"  reg [{width - 1}:0] level_0; always @(posedge clk) level_0 <= sampled;")
    level = 0
    while width > 1:
        groups = [(low, min(low + 4, width) - 1) for low in range(0, width, 4)]
        below, level, width = level, level + 1, len(groups)
        lines.append(f"  reg [{width - 1}:0] level_{level};")
        lines += [
            f"  always @(posedge clk) level_{level}[{index}] <= ^level_{below}[{high}:{low}];"
            for index, (low, high) in enumerate(groups)
        ]
    return "\n".join([*lines, f"  assign o = level_{level};", "endmodule", ""])


def _in_design(path):
    """A critical path with the names that signals have in the design; others are the frame's."""
    steps = [step | {"to": _inside(step["to"])} for step in path["steps"]]
    return path | {"source": _inside(path["source"]), "sink": _inside(path["sink"]), "steps": steps}


def _inside(signal):
    name = signal.removeprefix(f"{_CORE}.")
    return name if name != signal else f"frame.{name}"
