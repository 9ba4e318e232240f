"""Area of a PE of the sparse engine, unit by unit, without its SRAM."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ...hdl.sparse.pe_eie import PeEie
from ...sim import scratch
from ..designs.eie import Eie
from ..emission import verilog
from ..flow.synthesis import area
from ..lib import yosys
from .unit_area import area_unit

__all__ = [
    *("FIELDS", "SRAM", "UNITS", "against", "areas", "chip", "rounded", "sum_of", "totals"),
]

#: Memories that are SRAM on a chip: pointers, entries and activations.
SRAM = ("even_pointers", "odd_pointers", "words", "values")

#: Unit to its name in the tables; the logic outside of the other units is the PE's own.
UNITS = {
    "fifo": "queue",
    "column_reader": "columns",
    "entry_reader": "entries",
    "pe_eie": "arithmetic",
    "accumulator": "accumulators",
    "activations": "activations",
    "write_back": "write-back",
}

#: Of the paper's PE: 32 KiB of pointers of 16 bits, 128 KiB of entries, 64 accumulators.
_SIZES = {"pes": 64, "columns": (1 << 14) - 1, "entries": 1 << 17, "rows": 64}


#: Fields of the record of an area, in two-input NAND gates or in the library's units.
FIELDS = {
    "logic": "all but memories",
    "flip_flops": "of it",
    "registers": "memories of flip-flops, with the multiplexers that select their words",
    "register_bits": "bits of these memories",
    "sram_bits": "bits of the memories that are left out",
}


def chip(options: dict) -> Eie:
    """The engine with memories of the paper's sizes; ``options`` are other parameters."""
    return Eie(**_SIZES | options)


def areas(parameters: Eie, liberty: Path | None = None, cache: dict | None = None) -> list[dict]:
    """Names and :data:`FIELDS` of the units of an engine's PE, each synthesized by itself.

    Yosys finds memories, and the registers at their outputs, which become theirs. Those of
    :data:`SRAM` are cut out: their inputs become outputs of the unit, their outputs its inputs.
    The other memories become flip-flops. With these cut out too, :func:`.synthesis.area` gives the
    logic.

    Parameters
    ----------
    parameters : Eie
    liberty : Path or None
        Liberty file of the cells to map to; without one, gates are counted.
    cache : dict or None
        Keeps areas of one library, for other PEs with equal units.

    Raises
    ------
    YosysError
        If yosys refuses the Verilog or the library.
    """
    settings = parameters.as_dict()
    del settings["pes"]
    top = PeEie(**settings)
    cache = {} if cache is None else cache
    text, units = verilog.convert_shared(top, top.name)
    groups = {}
    with scratch.folder() as folder:
        (folder / "pe.v").write_text(text, "utf-8")
        yosys.run(list(_cut(top.name, units)), cwd=folder, temporary=folder)
        modules = json.loads((folder / "flat.json").read_text("utf-8"))["modules"]
        instances = Counter(cell["type"] for cell in modules[top.name]["cells"].values())
        for module, unit in units.items():
            if unit is top or instances[module]:
                if unit.key not in cache:
                    cache[unit.key] = _area(folder, module, modules[module], liberty)
                copies = [cache[unit.key]] * max(1, instances[module])
                groups.setdefault(UNITS[unit.name], []).extend(copies)
    return [{"name": name, **sum_of(groups[name])} for name in UNITS.values()]


def _cut(top, units) -> Iterator[str]:
    """Yosys commands that write the units with their registers, and without."""
    inner = [module for module in units if module != top]
    yield from ("read_verilog pe.v", f"hierarchy -top {top}", "proc")
    yield from (f"flatten {module}" for module in inner)
    # A register is recognized as a memory's output only with its enable.
    yield from ("opt", "memory -nomap", "write_json flat.json")
    memories = "t:$mem_v2"
    for name in SRAM:
        # A wrong name would leave the memory's area in.
        yield f"select -assert-count 1 {memories} c:{name} %i"
        yield f'setattr -set submod "sram" {memories} c:{name} %i'
    yield from ("submod", "expose -evert t:*_sram")
    yield from (f"expose -evert {top}/t:{module}" for module in inner)
    yield "write_verilog -noattr with_registers.v"
    yield f'setattr -set submod "registers" {memories}'
    yield from ("submod", "expose -evert t:*_registers")
    yield "write_verilog -noattr logic.v"


def _area(folder, module, netlist, liberty):
    bits = {
        name: int(cell["parameters"]["WIDTH"], 2) * int(cell["parameters"]["SIZE"], 2)
        for name, cell in netlist["cells"].items()
        if cell["type"] == "$mem_v2"
    }
    sram_bits = sum(size for name, size in bits.items() if name in SRAM)
    register_bits = sum(bits.values()) - sram_bits
    logic = area(folder / "logic.v", module, liberty)
    registers = 0.0
    if register_bits:
        registers = area(folder / "with_registers.v", module, liberty).total - logic.total
    values = (logic.total, logic.flip_flops, registers, register_bits, sram_bits)
    return dict(zip(FIELDS, values, strict=True))


def sum_of(units: list[dict]) -> dict:
    """The sum of areas."""
    return {name: sum(unit[name] for unit in units) for name in FIELDS}


def totals(configurations: dict[str, dict], liberty: Path | None = None) -> Iterator[dict]:
    """Yield a record for each configuration: the area of a PE with memories as on a chip.

    ``configurations`` are names with parameters, as ``eie.CONFIGURATIONS``.
    """
    cache = {}
    for name, options in configurations.items():
        units = areas(chip(options), liberty, cache)
        yield {
            "table": "areas",
            "configuration": name,
            "parameters": chip(options).as_dict(),
            "parts": [rounded(unit) for unit in units],
            **rounded(sum_of(units)),
            "unit": area_unit(liberty),
        }


def rounded(unit: dict) -> dict:
    """The record of an area, to a tenth."""
    return {
        name: round(value, 1) if isinstance(value, float) else value for name, value in unit.items()
    }


def against(record: dict, first: dict) -> dict:
    """Columns with the area of a configuration, and what it has more than the first."""
    total, base = (row["logic"] + row["registers"] for row in (record, first))
    return {
        "logic": round(record["logic"]),
        "registers": round(record["registers"]),
        "more": round(total - base),
        "more_%": f"{100 * (total / base - 1):.1f}",
    }
