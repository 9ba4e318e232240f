"""``brickwork synth``: area of a design, what its units take of it, and the clock it can have."""

import collections
import json
import re
from pathlib import Path

from ..designs import registry
from ..designs.wrappers import top_from_text
from ..emission.emit import emit
from ..flow import targets
from ..flow.place import check_device, place
from ..flow.synthesis import check_liberty, check_library, synthesize
from ..lib.errors import Refused
from ..lib.files import check_folder
from ..lib.progress import progress
from .bench import table

__all__ = ["synth"]

_CHIP = "Memories of more than 64 words are macros on a chip, and not counted."

#: What stands below the table, by the unit of the target.
_NOTES = {
    "cells": """\
Estimates: cells of yosys' netlist; a vendor's tools merge and pack them differently.
lut: places for LUTs, those of carry chains and LUT RAM included; lutram: the latter alone.""",
    "gates": f"""\
Estimates: a gate is a two-input NAND of 4 transistors, a flip-flop is 4 of them. No wires.
{_CHIP}""",
    "µm²": f"""\
Estimates: areas in the library's units, µm² as a rule. No wires, no clock tree.
{_CHIP}""",
}


def synth(options) -> int:
    core = registry.parameters_from_text(options.design, options.settings)
    parameters = top_from_text(options.top, core, options.bus)
    target = targets.load(options.target)
    if options.device is not None:
        target.device(options.device)
    if options.pnr:
        check_device(options.target, options.device)
    elif options.seeds is not None:
        raise Refused("--seeds is for --pnr alone; give both or neither")
    library = options.liberty and Path(options.liberty)
    check_library(options.target, library)
    if library is not None:
        check_liberty(library)
    emission = emit(parameters, check_folder(options.out))
    with progress(total=1, what=f"synthesizing for {options.target}"):
        found = synthesize(emission, options.target, liberty=library, device=options.device)
    clock = None
    if options.pnr:
        seeds = 3 if options.seeds is None else options.seeds
        clock = place(emission, options.target, seeds=seeds, device=options.device)
    if options.json:
        facts = {
            "design": parameters.design(),
            "digest": emission.digest,
            "parameters": parameters.as_dict(),
            "synthesis": found,
            "clock": clock,
            "verilog": str(emission.verilog),
            "manifest": str(emission.manifest),
        }
        print(json.dumps(facts, indent=2, ensure_ascii=False))
        return 0
    name = f"{parameters.module} {emission.digest}"
    parts = [*_area(name, found), *([] if clock is None else _clock(clock))]
    print("\n\n".join(parts))
    return 0


def _area(name, found):
    """The parts of the text about area."""
    tool = f"yosys {found['tools']['pyosys']}"
    yield f"{name} for {found['target']}: {found['description']}, in {found['unit']} ({tool})"
    whole = found["total"]
    yield table(
        [
            *({**_short(row), "%": _percent(row, whole)} for row in found["modules"]),
            {"role": "total", "unit": "", "part_of": "", **_short(whole), "%": 100.0},
            *(
                {"role": role, "unit": "", "part_of": "", **_short(found[key])}
                for role, key in (("per PE", "per_pe"), ("per MAC", "per_mac"))
                if found[key] is not None
            ),
        ]
    )
    yield _NOTES[found["unit"]]
    if found["memories"]:
        yield "Memories:\n" + table(list(_memories(found["memories"])))


def _short(row):
    """The row with large numbers as integers."""
    return {
        name: round(value) if isinstance(value, float) and value >= 100 else value
        for name, value in row.items()
    }


def _percent(row, whole):
    """A row's share of the first counter, which is LUTs or area."""
    counter = next(iter(whole))
    return round(100 * row[counter] / whole[counter], 1) if whole[counter] else None


def _memories(memories):
    """A row for equal memories of units with numbered names."""
    kinds = collections.Counter()
    places = collections.Counter()
    for memory in memories:
        name = re.sub(r"_\d+\b", "_*", memory["name"])
        key = (name, memory["words"], memory["width"], memory["kind"])
        kinds[key] += 1
        places[key] += memory.get("blocks", 0) + memory.get("lutram", 0)
    for (name, words, width, kind), number in sorted(kinds.items()):
        row = {"memory": name, "number": number, "words": words, "width": width, "kind": kind}
        yield row | {"takes": places[name, words, width, kind] or None}


def _clock(clock):
    """The parts of the text about the clock."""
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
    yield table(
        [
            {"resource": name, **used, "%": round(100 * used["used"] / used["available"], 1)}
            for name, used in clock["utilization"].items()
        ]
    )
