"""Area of an element of the sparse engine, part by part, without its SRAM."""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ...hdl.sparse.pe_eie import PeEie
from ..designs.base import Eie
from ..emission import verilog
from ..flow.synthesis import area
from ..lib import yosys

__all__ = ["PARTS", "SRAM", "Part", "chip", "parts", "rounded", "totals"]

#: Memories that are SRAM on a chip: pointers, entries and activations.
SRAM = ("even_pointers", "odd_pointers", "words", "values")

#: Unit to the part of an element that it is; what is in none of them is the element's own.
PARTS = {
    "fifo": "queue",
    "column_reader": "columns",
    "entry_reader": "entries",
    "pe_eie": "arithmetic",
    "accumulator": "accumulators",
    "activations": "activations",
    "write_back": "write-back",
}

#: Of the paper's element: 32 KiB of pointers of 16 bits, 128 KiB of entries, 64 accumulators.
_SIZES = {"pes": 64, "columns": (1 << 14) - 1, "entries": 1 << 17, "rows": 64}


@dataclass(frozen=True, kw_only=True)
class Part:
    """Areas are in two-input NAND gates, or in the library's units.

    Attributes
    ----------
    logic, flip_flops : float
        All but memories, and the flip-flops' share of it.
    registers : float
        Memories of flip-flops, with what selects their words.
    register_bits, sram_bits : int
        Bits of these memories, and of those that are left out.
    """

    name: str
    logic: float
    flip_flops: float
    registers: float
    register_bits: int
    sram_bits: int


def chip(options: dict) -> Eie:
    """The engine with memories of the paper's sizes; ``options`` are other parameters."""
    return Eie(**_SIZES | {name: value for name, value in options.items() if name != "assign"})


def parts(parameters: Eie, liberty: Path | None = None, known: dict | None = None) -> list[Part]:
    """The parts of one of an engine's elements, each synthesized by itself.

    Yosys finds memories, and the registers at their outputs, which become theirs. Those of
    :data:`SRAM` are cut out, so that what goes into them are outputs of the part, and what comes
    out of them are inputs; others become flip-flops. With these cut out too, ``gen.synthesis.area``
    gives what is logic.

    Parameters
    ----------
    parameters : Eie
    liberty : Path or None
        Liberty file of the cells to map to; without one, gates are counted.
    known : dict or None
        Keeps what has been synthesized with one library, for other elements with equal parts.

    Raises
    ------
    YosysError
        If yosys refuses the Verilog or the library.
    """
    given = parameters.as_dict()
    del given["pes"]
    top = PeEie(**given)
    known = {} if known is None else known
    text, units = verilog.convert_shared(top, top.name)
    found = {}
    with tempfile.TemporaryDirectory(prefix="brickwork-") as place:
        folder = Path(place)
        (folder / "element.v").write_text(text, "utf-8")
        yosys.run(list(_cut(top.name, units)), cwd=folder, temporary=folder)
        modules = json.loads((folder / "flat.json").read_text("utf-8"))["modules"]
        instances = Counter(cell["type"] for cell in modules[top.name]["cells"].values())
        for module, unit in units.items():
            if unit is top or instances[module]:
                if unit.key not in known:
                    known[unit.key] = _part(folder, module, unit.name, modules[module], liberty)
                part = known[unit.key]
                found.setdefault(part.name, []).extend([part] * max(1, instances[module]))
    return [_sum(found[name]) for name in PARTS.values()]


def _cut(top, units) -> Iterator[str]:
    """Yosys commands that write the parts with their registers, and without."""
    inner = [module for module in units if module != top]
    yield from ("read_verilog element.v", f"hierarchy -top {top}", "proc")
    yield from (f"flatten {module}" for module in inner)
    # Registers are known to be a memory's outputs when they have their enables.
    yield from ("opt", "memory -nomap", "write_json flat.json")
    memories = "t:$mem_v2"
    for name in SRAM:
        # A name that is not there would leave the memory's area in.
        yield f"select -assert-count 1 {memories} c:{name} %i"
        yield f'setattr -set submod "sram" {memories} c:{name} %i'
    yield from ("submod", "expose -evert t:*_sram")
    yield from (f"expose -evert {top}/t:{module}" for module in inner)
    yield "write_verilog -noattr with_registers.v"
    yield f'setattr -set submod "registers" {memories}'
    yield from ("submod", "expose -evert t:*_registers")
    yield "write_verilog -noattr logic.v"


def _part(folder, module, unit, netlist, liberty):
    bits = {
        name: int(cell["parameters"]["WIDTH"], 2) * int(cell["parameters"]["SIZE"], 2)
        for name, cell in netlist["cells"].items()
        if cell["type"] == "$mem_v2"
    }
    sram = sum(size for name, size in bits.items() if name in SRAM)
    logic = area(folder / "logic.v", module, liberty)
    registers = sum(bits.values()) - sram
    whole = area(folder / "with_registers.v", module, liberty) if registers else logic
    return Part(
        name=PARTS[unit],
        logic=logic.total,
        flip_flops=logic.flip_flops,
        registers=whole.total - logic.total,
        register_bits=registers,
        sram_bits=sram,
    )


def _sum(found):
    """One part of several that have the same name."""
    sums = {
        name: sum(getattr(part, name) for part in found)
        for name in ("logic", "flip_flops", "registers", "register_bits", "sram_bits")
    }
    return Part(name=found[0].name, **sums)


def totals(
    configurations: dict[str, dict], liberty: Path | None = None, known: dict | None = None
) -> Iterator[dict]:
    """Yield a record for each configuration: the area of an element with memories as on a chip.

    Parameters
    ----------
    configurations : dict
        Name to parameters, as ``eie.CONFIGURATIONS``.
    liberty, known
        See :func:`parts`.
    """
    known = {} if known is None else known
    for name, options in configurations.items():
        found = parts(chip(options), liberty, known)
        yield {
            "table": "areas",
            "configuration": name,
            "parameters": chip(options).as_dict(),
            "parts": [rounded(part) for part in found],
            **{key: value for key, value in rounded(_sum(found)).items() if key != "name"},
            "unit": "gates" if liberty is None else "µm²",
        }


def rounded(part: Part) -> dict:
    """A part as a record, areas to a tenth."""
    return {
        name: round(value, 1) if isinstance(value, float) else value
        for name, value in asdict(part).items()
    }
