"""Area of a PE of the sparse engine beside that of EIE's paper, and its block RAM."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...hdl.sparse.column_reader import column_layout
from ...hdl.sparse.lnzd import RADIX, LnzdNode
from ...hdl.sparse.pe_eie import PeEie
from ...sim import scratch
from ..designs.eie import Eie
from ..emission import verilog
from ..flow import targets
from ..lib import yosys
from ..lib.progress import progress
from . import eie_pe
from .eie import CONFIGURATIONS
from .study import Study, of_table
from .unit_area import UnitAreas

__all__ = ["FPGA", "NARROW", "PUBLISHED", "STUDY", "block_ram", "measure"]

#: The paper's Table II and section VI, in µm² at 45 nm: units with their SRAM, the sum without.
PUBLISHED = {
    "queue": 758,
    "columns": 121_849,
    "entries": 469_412,
    "arithmetic": 3_110,
    "sums and activations": 18_934,
    "all": 8_946 + 9_465,  # combinational, and registers
    "LNZD node": 189,
}

#: Units that are one in the paper.
_MERGED = {"sums and activations": ("accumulators", "activations", "write-back")}

#: An engine of a size for FPGAs, with all inputs of the paper's layers in one batch.
FPGA = Eie(columns=4095, entries=16384, acts=392)
_TARGETS = ("xilinx7", "ecp5")

#: Configurations besides those of the study ``eie``.
NARROW = {"sums of 16 bits": CONFIGURATIONS["EIE's"] | {"acc_width": 16}}

#: Notes below the tables.
NOTES = f"""\
Units of a PE with memories of the paper's sizes, each synthesized by itself. Pointers, entries and
activations are SRAM, left out with the registers at their outputs. registers: other memories, which
become flip-flops, and the multiplexers of their words: queue, codebook, accumulators. logic: all
else, with its flip-flops, also those of queues of 2 behind pointers and activations.
Published: at 45 nm, of another library, placed; units include their SRAM, so that only queue,
arithmetic and all compare. all is the paper's combinational logic and registers; it does not say
which of its register files are in it. Its sums have 16 bits, these are exact in 48; those of 16
bits here wrap.
Block RAM: of a PE with {FPGA.columns} columns, {FPGA.entries} entries and {FPGA.acts} \
activations, mapped, not
placed. Up to 64 activations of 16 bits take LUT RAM."""


def measure(
    out: Path,
    *,
    liberty: Path | None = None,
    configurations: Sequence[str] = (*CONFIGURATIONS, *NARROW),
    fpga: Eie = FPGA,
) -> list[dict]:
    """Records of the units of EIE's PE, of each configuration's area, and of block RAM.

    The units are those of the first of ``configurations``; the block RAM is that of ``fpga``.
    """
    settings = CONFIGURATIONS | NARROW
    selected = {name: settings[name] for name in configurations}
    totals = list(progress(eie_pe.totals(selected, liberty), label="eie_area"))
    units = [{"table": "parts", **unit} for unit in totals[0]["parts"]]
    return [*units, _node(out, liberty), *totals, *_block_rams(fpga)]


def _node(out, liberty):
    """A node of the tree that finds activations, with four children."""
    engine = eie_pe.chip({})
    width = column_layout(engine.columns, engine.act_width).size
    with UnitAreas(out, liberty) as areas:
        area = areas.of(LnzdNode(children=RADIX, width=width))
    unit = dict.fromkeys(eie_pe.FIELDS, 0) | {"logic": area.total, "flip_flops": area.flip_flops}
    return {"table": "parts", "name": "LNZD node", **eie_pe.rounded(unit)}


def block_ram(parameters: Eie, target: str) -> dict[str, dict[str, int]]:
    """The cells of each memory of a PE on an FPGA: their number by type.

    The target's synthesis runs until memories are cells; nothing is mapped to logic.
    """
    settings = parameters.as_dict()
    del settings["pes"]
    unit = PeEie(**settings)
    plan = targets.load(target)
    (synth,) = plan.commands
    with scratch.folder() as folder:
        (folder / "pe.v").write_text(verilog.convert_shared(unit, unit.name)[0], "utf-8")
        until = f"{synth.format(top=unit.name)} -run begin:map_ffram"
        # The other modules are the vendor's cells, which JSON cannot hold.
        write = (f"select {unit.name}", "write_json -selected mapped.json")
        yosys.run(["read_verilog pe.v", until, *write], cwd=folder, temporary=folder)
        mapped = json.loads((folder / "mapped.json").read_text("utf-8"))["modules"][unit.name]
    memories = {}
    for name, cell in mapped["cells"].items():
        resources = plan.cells.get(cell["type"], {})
        if resources.get("bram") or resources.get("lutram"):
            # A cell is called after its memory and its position in it.
            memory = re.sub(r"(\.\d+)+$", "", name)
            memories.setdefault(memory, Counter())[cell["type"]] += 1
    return {memory: dict(cells) for memory, cells in memories.items()}


def _block_rams(parameters) -> Iterator[dict]:
    for target in progress(_TARGETS, label="eie_area, block RAM"):
        for memory, cells in block_ram(parameters, target).items():
            yield {
                "table": "block RAM",
                "target": target,
                "memory": memory,
                "cells": cells,
                "parameters": parameters.as_dict(),
            }


def _report(records) -> Iterator[str | list[dict]]:
    areas = of_table(records, "areas")
    unit = areas[0]["unit"]
    yield f"Units of EIE's PE, in {unit}; published: in µm²"
    yield list(_units(of_table(records, "parts")))
    yield f"PEs with the options of the engine, in {unit}"
    yield list(_areas(areas))
    yield "Memories on FPGAs"
    yield list(map(_memory, of_table(records, "block RAM")))
    yield NOTES


def _units(records) -> Iterator[dict]:
    units = {record["name"]: record for record in records}
    node = units.pop("LNZD node")
    for name, unit in units.items():
        yield _total(name, [unit])
    for name, merged in _MERGED.items():
        yield _total(name, [units[unit] for unit in merged])
    yield _total("all", list(units.values()))
    yield _total(node["name"], [node])


def _total(name, units):
    columns = {column: round(value) for column, value in eie_pe.sum_of(units).items()}
    columns["SRAM_bits"] = columns.pop("sram_bits")
    return {"unit": name, **columns, "published": PUBLISHED.get(name)}


def _areas(records) -> Iterator[dict]:
    for record in records:
        columns = eie_pe.against(record, records[0])
        sram = {"SRAM_bits": record["sram_bits"]}
        yield {"configuration": record["configuration"], **columns, **sram}


def _memory(record):
    cells = ", ".join(f"{count} {cell}" for cell, count in record["cells"].items())
    return {"target": record["target"], "memory": record["memory"], "cells": cells}


STUDY = Study(measure=measure, report=_report)
