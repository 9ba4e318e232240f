"""Area and clock of designs, from yosys and nextpnr."""

import collections
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..designs.base import Parameters
from ..emission.emit import Emission, emit
from ..flow import targets
from ..flow.nextpnr import check_seeds
from ..flow.place import check_device, place
from ..flow.synthesis import check_liberty, check_library, synthesize
from ..lib.errors import UsageError
from ..lib.progress import progress
from ..lib.tables import html_table, table, utilization_rows

__all__ = ["Area", "check_target", "synth"]

_CHIP = "Memories of more than 64 words are macros on a chip, and not counted."

#: Notes below the table, by the unit of the target.
_NOTES = {
    "cells": """\
Estimates: cells of yosys' netlist; a vendor's tools merge and pack them differently.
lut: sites of LUTs, those of carry chains and LUT RAM included; lutram: the latter alone.""",
    "gates": f"""\
Estimates: a gate is a two-input NAND of 4 transistors, a flip-flop is 4 of them. No wires.
{_CHIP}""",
    "µm²": f"""\
Estimates: areas in the library's units, µm² as a rule. No wires, no clock tree.
{_CHIP}""",
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
        Frequency in MHz over all seeds, ``fmax_mhz``, the ``runs`` with their critical paths, and
        the ``utilization`` of the device; ``None`` without place and route.
    """

    design: Parameters
    emission: Emission
    synthesis: dict[str, Any]
    clock: dict[str, Any] | None

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

    Raises
    ------
    UsageError, ValueError
        If the target, the device or the library does not exist or does not fit the others.
    """
    library = None if liberty is None else Path(liberty)
    check_target(target, library, pnr=pnr, device=device, seeds=seeds)
    emission = emit(design, Path(workdir))
    with progress(total=1, label=f"synthesizing for {target}"):
        synthesis = synthesize(emission, target, liberty=library, device=device)
    seeds = 3 if seeds is None else seeds
    clock = place(emission, target, seeds=seeds, device=device) if pnr else None
    return Area(design, emission, synthesis, clock)


def check_target(target, library, *, pnr=False, device=None, seeds=None):
    """Checks that target, device and library exist and fit each other."""
    entry = targets.load(target)
    if device is not None:
        entry.device(device)
    if pnr:
        check_device(target, device)
        if seeds is not None:
            check_seeds(seeds)
    elif seeds is not None:
        raise UsageError("--seeds is for --pnr alone; give both or neither")
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
    yield (
        f"Clock on {clock['device']} ({tool} {version}): median {speed['median']} MHz, worst "
        f"{speed['worst']}, best {speed['best']}, spread {speed['spread_percent']} %"
    )
    rows = []
    for run in clock["runs"]:
        path = {key: value for key, value in run["critical_path"].items() if key != "steps"}
        rows.append({"seed": run["seed"], "MHz": run["fmax_mhz"], **path})
    yield table(rows)
    yield table(utilization_rows(clock["utilization"]))
