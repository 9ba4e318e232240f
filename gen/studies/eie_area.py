"""Area of an element of the sparse engine beside that of EIE's paper, and its block RAM."""

import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ...hdl.sparse.column_reader import column_layout
from ...hdl.sparse.lnzd import RADIX, LnzdNode
from ...hdl.sparse.pe_eie import PeEie
from ..commands.bench import table
from ..designs.base import Eie
from ..emission import verilog
from ..emission.emit import write_whole
from ..flow import targets
from ..flow.synthesis import area
from ..lib import yosys
from ..lib.progress import progress
from . import eie_element, records
from .eie import CONFIGURATIONS

__all__ = ["FPGA", "NARROW", "PUBLISHED", "block_ram", "measure", "text", "write"]

#: The paper's Table II and section VI, in µm² at 45 nm: parts with their SRAM, the sum without.
PUBLISHED = {
    "queue": 758,
    "columns": 121_849,
    "entries": 469_412,
    "arithmetic": 3_110,
    "sums and activations": 18_934,
    "all": 8_946 + 9_465,  # combinational, and registers
    "LNZD node": 189,
}

#: Parts that are one in the paper.
_TOGETHER = {"sums and activations": ("accumulators", "activations", "write-back")}

#: An engine as one would put on an FPGA, with all inputs of the paper's layers in one batch.
FPGA = Eie(columns=4095, entries=16384, acts=392)
_TARGETS = ("xilinx7", "ecp5")

#: What is measured besides the options of the benchmark ``eie``.
NARROW = {"sums of 16 bits": CONFIGURATIONS["EIE's"] | {"acc_width": 16}}

#: What stands below the tables.
NOTES = f"""\
Parts of an element with memories of the paper's sizes, each synthesized by itself. Pointers,
entries and activations are SRAM, left out with the registers at their outputs. registers: other
memories, which become flip-flops, and what selects their words: queue, codebook, accumulators.
logic: all else, with its flip-flops, also those of queues of 2 behind pointers and activations.
Published: at 45 nm, of another library, placed; parts include their SRAM, so that only queue,
arithmetic and all compare. all is the paper's combinational logic and registers; it does not say
which of its register files are in it. Its sums have 16 bits, these are exact in 48; those of 16
bits here wrap.
Block RAM: of an element with {FPGA.columns} columns, {FPGA.entries} entries and {FPGA.acts} \
activations, mapped, not
placed. Up to 64 activations of 16 bits take LUT RAM."""


def measure(
    out: Path, *, liberty: Path | None = None, configurations=None, fpga: Eie = FPGA
) -> list[dict]:
    """Records of the parts of EIE's element, of each configuration's area, and of block RAM.

    Parameters
    ----------
    out : Path
        For Verilog.
    liberty : Path or None
        Liberty file of the cells to map to; without one, gates are counted.
    configurations : sequence of str
        Which of ``eie.CONFIGURATIONS`` and :data:`NARROW`; by default all. The first is the one
        whose parts are shown.
    fpga : Eie
        The engine whose block RAM is counted.
    """
    known = CONFIGURATIONS | NARROW
    chosen = {name: known[name] for name in configurations or known}
    totals = list(progress(eie_element.totals(chosen, liberty), what="eie_area"))
    records = [_record(part) for part in totals[0]["parts"]]
    return [*records, _node(out, liberty), *totals, *_block_rams(fpga)]


def _record(part):
    return {"table": "parts", **part}


def _node(out, liberty):
    """A node of the tree that finds activations, with four children."""
    engine = eie_element.chip({})
    width = column_layout(engine.columns, engine.act_width).size
    node = LnzdNode(children=RADIX, width=width)
    path = Path(out) / "area" / f"{node.name}-{width}.v"
    write_whole(path, verilog.convert_shared(node, node.name)[0])
    found = area(path, node.name, liberty)
    part = eie_element.Part(
        name="LNZD node",
        logic=found.total,
        flip_flops=found.flip_flops,
        registers=0.0,
        register_bits=0,
        sram_bits=0,
    )
    return _record(eie_element.rounded(part))


def block_ram(parameters: Eie, target: str) -> dict[str, dict[str, int]]:
    """What becomes of an element's memories on an FPGA: for each the number of cells by type.

    The target's synthesis runs until memories are cells; nothing is mapped to logic.
    """
    given = parameters.as_dict()
    del given["pes"]
    unit = PeEie(**given)
    plan = targets.load(target)
    (synth,) = plan.commands
    with tempfile.TemporaryDirectory(prefix="brickwork-") as place:
        folder = Path(place)
        (folder / "element.v").write_text(verilog.convert_shared(unit, unit.name)[0], "utf-8")
        until = f"{synth.format(top=unit.name)} -run begin:map_ffram"
        # The rest is the vendor's cells, which JSON cannot hold.
        keep = (f"select {unit.name}", "write_json -selected mapped.json")
        yosys.run(["read_verilog element.v", until, *keep], cwd=folder, temporary=folder)
        mapped = json.loads((folder / "mapped.json").read_text("utf-8"))["modules"][unit.name]
    found = {}
    for name, cell in mapped["cells"].items():
        takes = plan.cells.get(cell["type"], {})
        if takes.get("bram") or takes.get("lutram"):
            # Cells are called after their memory and their place in it.
            memory = re.sub(r"(\.\d+)+$", "", name)
            found.setdefault(memory, Counter())[cell["type"]] += 1
    return {memory: dict(cells) for memory, cells in found.items()}


def _block_rams(parameters) -> Iterator[dict]:
    for target in progress(_TARGETS, what="eie_area, block RAM"):
        for memory, cells in block_ram(parameters, target).items():
            yield {
                "table": "block RAM",
                "target": target,
                "memory": memory,
                "cells": cells,
                "parameters": parameters.as_dict(),
            }


def write(out: Path, found: list[dict]) -> str:
    """Writes ``eie_area.json`` into the folder; returns what is to be printed."""
    records.write(Path(out) / "eie_area.json", found)
    return text(found)


def text(found: list[dict]) -> str:
    """The records as tables, with notes below them."""
    unit = next(row["unit"] for row in found if row["table"] == "areas")
    parts = [
        f"Parts of EIE's element, in {unit}; published: in µm²",
        table(list(_parts([row for row in found if row["table"] == "parts"]))),
        f"Elements with the options of the engine, in {unit}",
        table(list(_areas([row for row in found if row["table"] == "areas"]))),
        "Memories on FPGAs",
        table(list(_memories([row for row in found if row["table"] == "block RAM"]))),
        NOTES,
    ]
    return "\n\n".join(parts)


def _parts(rows) -> Iterator[dict]:
    rows = {row["name"]: row for row in rows}
    node = rows.pop("LNZD node")
    for row in rows.values():
        yield _shown(row["name"], [row])
    for name, together in _TOGETHER.items():
        yield _shown(name, [rows[part] for part in together])
    yield _shown("all", list(rows.values()))
    yield _shown(node["name"], [node])


def _shown(name, rows):
    def total(column):
        return sum(row[column] for row in rows)

    return {
        "part": name,
        "logic": round(total("logic")),
        "flip_flops": round(total("flip_flops")),
        "registers": round(total("registers")),
        "register_bits": total("register_bits"),
        "SRAM_bits": total("sram_bits"),
        "published": PUBLISHED.get(name),
    }


def _areas(rows) -> Iterator[dict]:
    first = rows[0]["logic"] + rows[0]["registers"]
    for row in rows:
        whole = row["logic"] + row["registers"]
        yield {
            "configuration": row["configuration"],
            "logic": round(row["logic"]),
            "registers": round(row["registers"]),
            "more": round(whole - first),
            "more_%": f"{100 * (whole / first - 1):.1f}",
            "SRAM_bits": row["sram_bits"],
        }


def _memories(rows) -> Iterator[dict]:
    for row in rows:
        cells = ", ".join(f"{count} {kind}" for kind, count in row["cells"].items())
        yield {"target": row["target"], "memory": row["memory"], "cells": cells}
