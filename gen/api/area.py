"""Area and clock of designs, from yosys and nextpnr."""

import collections
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..designs.base import Parameters
from ..emission.emit import Emission, emit
from ..flow import targets
from ..flow.board_constraints import check_clock
from ..flow.nextpnr import check_seeds
from ..flow.place import check_device, check_tool, place
from ..flow.synthesis import check_liberty, check_library, synthesize
from ..lib.errors import UsageError
from ..lib.progress import progress
from ..lib.tables import html_table, table, utilization_rows

__all__ = ["Area", "check_target", "synth"]

#: Notes below the table, by the unit of the target.
_NOTES = {
    "cells": """\
Estimates: cells of yosys' netlist; a vendor's tools merge and pack them differently.
lut: sites of LUTs, those of carry chains and LUT RAM included; lutram: the latter alone.""",
    "gates": f"""\
Estimates: a gate is a two-input NAND of 4 transistors, a flip-flop is 4 of them. No wires.
{targets.CHIP_MEMORIES}""",
    "µm²": f"""\
Estimates: areas in the library's units, µm² as a rule. No wires, no clock tree.
{targets.CHIP_MEMORIES}""",
}


@dataclass(frozen=True, eq=False)
class Area:
    """Area of a design on a target, by role, and with place and route its clock.

    Printed, it is the report of ``brickwork synth``.

    Attributes
    ----------
    design : Parameters
        The core, or the core in a bus wrapper.
    emission : Emission
    synthesis : dict
        ``total`` and its ``unit``, a row for each unit in ``modules`` with its ``role``, the
        ``memories``, and the figures of a PE and a MAC.
    clock : dict or None
        Frequency in MHz over all seeds, ``fmax_mhz``, the ``runs`` with their critical paths,
        the ``utilization`` of the device, ``needed_mhz``, and ``met_by``, the seeds that reach it;
        ``None`` without place and route.
    seconds : dict
        Elapsed time of ``synthesis``, and of ``place_and_route``.
    """

    design: Parameters
    emission: Emission
    synthesis: dict[str, Any]
    clock: dict[str, Any] | None
    seconds: dict[str, float]

    @property
    def total(self) -> dict[str, int | float]:
        """Cells of the whole design, by resource."""
        return self.synthesis["total"]

    @property
    def by_role(self) -> dict[str, dict[str, int | float]]:
        """Cells of each role, by resource; together they are the ``total``."""
        roles: dict[str, collections.Counter] = {}
        for row in self.synthesis["modules"]:
            cells = {name: row[name] for name in self.total}
            roles.setdefault(row["role"], collections.Counter()).update(cells)
        return {role: dict(cells) for role, cells in roles.items()}

    def record(self) -> dict[str, Any]:
        """Everything, as ``brickwork synth --json`` prints it."""
        return {
            "design": self.design.design(),
            "digest": self.emission.digest,
            "parameters": self.design.as_dict(),
            "synthesis": self.synthesis,
            "clock": self.clock,
            "seconds": {step: round(seconds, 3) for step, seconds in self.seconds.items()},
            "verilog": str(self.emission.verilog),
            "manifest": str(self.emission.manifest),
        }

    def __str__(self) -> str:
        name = f"{self.design.module} {self.emission.digest}"
        sections = list(_area_sections(name, self.synthesis))
        if self.clock is not None:
            sections += _clock_sections(self.clock)
        return "\n\n".join(sections)

    def _repr_html_(self) -> str:
        return html_table(self.synthesis["modules"])


def synth(
    design: Parameters,
    target: str,
    *,
    workdir: Path | str,
    liberty: Path | str | None = None,
    pnr: bool = False,
    device: str | None = None,
    seeds: int | None = None,
    clock: float | None = None,
) -> Area:
    """Emits a design, synthesizes it, and with ``pnr`` places and routes it.

    Parameters
    ----------
    target : str
        Name of a target, such as ``"ecp5"``, ``"gates"`` or ``"liberty"``.
    workdir : Path
        Gets the Verilog and its manifest.
    liberty : Path or None
        The library of the target ``"liberty"``.
    device : str or None
        By default a large device of the target.
    seeds : int or None
        Number of placements, whose median is reported; 3 by default.
    clock : float or None
        Frequency in MHz that place and route has to reach.

    Raises
    ------
    UsageError, ValueError
        If the target, the device or the library does not exist or does not fit the others.
    ToolError
        If the program that places is missing.
    """
    library = None if liberty is None else Path(liberty)
    check_target(target, library, pnr=pnr, device=device, seeds=seeds, clock=clock)
    emission = emit(design, Path(workdir))
    start = time.monotonic()
    with progress(total=1, label=f"synthesizing for {target}"):
        synthesis = synthesize(emission, target, liberty=library, device=device)
    synthesized = time.monotonic()
    seconds, placed = {"synthesis": synthesized - start}, None
    if pnr:
        seeds = 3 if seeds is None else seeds
        placed = place(emission, target, seeds=seeds, device=device, clock=clock)
        seconds["place_and_route"] = time.monotonic() - synthesized
    return Area(design, emission, synthesis, placed, seconds)


def check_target(target, library, *, pnr=False, device=None, seeds=None, clock=None):
    """Checks that target, device, library and tools exist and fit each other."""
    entry = targets.load(target)
    if device is not None:
        entry.device(device)
    if pnr:
        check_device(target, device)
        check_tool(target)
        if seeds is not None:
            check_seeds(seeds)
        if clock is not None:
            check_clock(clock)
    for option, value in (("--seeds", seeds), ("--clock", clock)):
        if value is not None and not pnr:
            raise UsageError(f"{option} is for --pnr alone; give both or neither")
    check_library(target, library)
    if library is not None:
        check_liberty(library)


def _area_sections(name, synthesis):
    """The sections of the text about area."""
    tool = f"yosys {synthesis['tools']['pyosys']}"
    yield (
        f"{name} for {synthesis['target']}: {synthesis['description']}, in {synthesis['unit']} "
        f"({tool})"
    )
    total = synthesis["total"]
    rows = [{**_rounded(row), "%": _percent(row, total)} for row in synthesis["modules"]]
    rows.append({"role": "total", "unit": "", "part_of": "", **_rounded(total), "%": 100.0})
    for role, key in (("per PE", "per_pe"), ("per MAC", "per_mac")):
        if synthesis[key] is not None:
            rows.append({"role": role, "unit": "", "part_of": "", **_rounded(synthesis[key])})
    yield table(rows)
    yield _NOTES[synthesis["unit"]]
    if synthesis["memories"]:
        yield "Memories:\n" + table(list(_memory_rows(synthesis["memories"])))


def _rounded(row):
    """The row with large numbers as integers."""
    return {
        name: round(value) if isinstance(value, float) and value >= 100 else value
        for name, value in row.items()
    }


def _percent(row, total):
    """A row's share of the first counter, which is LUTs or area."""
    counter = next(iter(total))
    return round(100 * row[counter] / total[counter], 1) if total[counter] else None


def _memory_rows(memories):
    """A row for equal memories of units with numbered names."""
    counts: collections.Counter = collections.Counter()
    cells: collections.Counter = collections.Counter()
    for memory in memories:
        name = re.sub(r"_\d+\b", "_*", memory["name"])
        key = (name, memory["words"], memory["width"], memory["kind"])
        counts[key] += 1
        cells[key] += memory.get("blocks", 0) + memory.get("lutram", 0)
    for (name, words, width, resource), count in sorted(counts.items()):
        row = {"memory": name, "number": count, "words": words, "width": width, "kind": resource}
        yield row | {"takes": cells[name, words, width, resource] or None}


def _clock_sections(clock):
    """The sections of the text about the clock."""
    (tool, version), speed = next(iter(clock["tools"].items())), clock["fmax_mhz"]
    text = (
        f"Clock on {clock['device']} ({tool} {version}): median {speed['median']} MHz, worst "
        f"{speed['worst']}, best {speed['best']}, spread {speed['spread_percent']} %"
    )
    if clock["needed_mhz"] is not None:
        text += (
            f"\nClock needed: {clock['needed_mhz']:g} MHz, met by {len(clock['met_by'])} of "
            f"{len(clock['seeds'])} placements"
        )
    yield text
    rows = []
    for run in clock["runs"]:
        path = {key: value for key, value in run["critical_path"].items() if key != "steps"}
        rows.append({"seed": run["seed"], "MHz": run["fmax_mhz"], **path})
    yield table(rows)
    yield table(utilization_rows(clock["utilization"]))
