"""Synthesis with yosys: the area of a design, and where in it that area is."""

import codecs
import collections
import functools
import gzip
import importlib.metadata
import json
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from ...sim import cache, scratch
from ...sim.manifest import Manifest
from ...sim.text_file import decoded
from ..lib import yosys
from ..lib.catalogue import check_name
from . import attribution, ecp5_registers, targets

__all__ = [
    "COUNTERS",
    "NETLIST_PASSES",
    "Area",
    "area",
    "check_liberty",
    "check_library",
    "library_bytes",
    "netlist_for",
    "synthesize",
]

#: Changes of a mapped netlist, which targets name.
NETLIST_PASSES = {"ecp5_registers": ecp5_registers.absorb_registers}

#: Transistors of a two-input NAND gate, in units of which gates are counted.
_NAND_TRANSISTORS = 4

#: The module into which targets put memories that are not made of cells.
_MACROS = "brickwork_macros"

#: Transistors of a flip-flop, and of a bit of a register file: a cell with two ports, to read and
#: to write, and with two more for each further port. No decoders, no amplifiers.
_FLIP_FLOP_TRANSISTORS = 16
_BIT_TRANSISTORS = 8
_PORT_TRANSISTORS = 2

#: The role of units that multiply, and of their parts.
_PE_ROLE = "PEs"

# Logic that every library must have cells for.
_TRIAL = """
module trial(input clk, input rst, input a, input b, output reg y);
  always @(posedge clk) y <= rst ? 1'b0 : a ^ b;
endmodule
"""


@dataclass(frozen=True, kw_only=True)
class Area:
    """The area of a module with all of its parts.

    Attributes
    ----------
    total, flip_flops : float
        Of all cells, and of the flip-flops among them: in two-input NAND gates, or in the
        library's units, which are µm² as a rule.
    cells : dict
        Cell type to the number of cells.
    """

    total: float
    flip_flops: float
    cells: dict[str, int]

    @property
    def logic(self) -> float:
        return self.total - self.flip_flops


def area(verilog: Path, top: str, liberty: Path | None = None, options: str = "") -> Area:
    """Synthesize a module, flattened, and measure it.

    Yosys runs ``read_verilog`` and ``synth -flatten <options> -top <top>``, then

    * without a library ``dfflegalize -cell $_DFF_P_ 01; abc -g cmos; opt_clean; stat``.
      Cells are D flip-flops, inverters, NAND, NOR, AND-OR-invert, OR-AND-invert, XOR, XNOR and
      multiplexers; areas are numbers of transistors over the 4 of a two-input NAND gate.
    * with a library ``dfflibmap; abc; opt_clean; stat``, each with ``-liberty <file>``; areas are
      sums of the cells' areas.

    Neither a clock period nor wiring is considered. Equal Verilog gives equal areas; the same
    logic with other names can take a per cent or two more or less, as ABC depends on names.

    Parameters
    ----------
    verilog : Path
    top : str
        Name of the module.
    liberty : Path or None
        Liberty file of a library of cells.
    options : str
        More options of ``synth``, ``"-booth"`` for example.

    Raises
    ------
    YosysError
        If yosys refuses the Verilog or an option, or the library lacks a cell.
    """
    with scratch.folder() as folder:
        (folder / "design.v").symlink_to(Path(verilog).absolute())
        if liberty is not None:
            (folder / "cells.lib").write_bytes(library_bytes(liberty))
        synth = f"synth -flatten {options} -top {top}"
        commands = ["read_verilog design.v", synth, "delete t:$scopeinfo"]
        commands += targets.load("gates" if liberty is None else "liberty").mapping
        measure = "" if liberty is None else "-liberty cells.lib"
        commands.append(f"tee -q -o area.json stat -json {measure}")
        yosys.run(commands, cwd=folder, temporary=folder)
        statistics = json.loads((folder / "area.json").read_text("utf-8"))["design"]
    cells = statistics.get("num_cells_by_type", {})
    if liberty is not None:
        total, flip_flops = statistics.get("area", 0.0), statistics.get("sequential_area", 0.0)
        return Area(total=total, flip_flops=flip_flops, cells=cells)
    sums = _sums(cells, targets.load("gates").cells)
    counters = _counters(sums, "gates")
    return Area(total=counters["area"], flip_flops=counters["flip_flops"], cells=cells)


def check_library(target: str, liberty: Path | None) -> bytes:
    """Contents of the Liberty file for a target; none for targets that need no file.

    Raises
    ------
    OSError, ValueError
        As :func:`library_bytes`; also if the file is missing, or given for a target that has its
        own cells.
    """
    if liberty is None:
        if target == "liberty":
            raise ValueError("Liberty file must be given for the target liberty: --liberty FILE")
        return b""
    if target != "liberty":
        raise ValueError(
            f"Liberty file must be left out for the target {target}, which has cells of its own; "
            "it is for the target liberty"
        )
    return library_bytes(liberty)


def library_bytes(path: Path | str) -> bytes:
    """The text of a Liberty file, which gzip may have compressed, as yosys reads it.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is damaged, or no text.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"Liberty file cannot be read: {path}: {reason}") from None
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"Liberty file {path} cannot be decompressed: {error}") from None
    if data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = decoded(data, path).encode()
    # Comments may be in any 8-bit encoding.
    if b"\0" in data or data.startswith((b"PK", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        raise ValueError(
            f"Liberty file must be text, or text that gzip compressed, which {str(path)!r} is not"
        )
    return data.replace(b"\r\n", b"\n")


def check_liberty(path: Path) -> None:
    """Check that :func:`area` can use a Liberty file.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no Liberty file, or lacks gates, flip-flops or areas.
    """
    library_bytes(path)
    wanted = f"Liberty file must have gates and a flip-flop with areas, which {str(path)!r} has not"
    with scratch.folder() as folder:
        trial = Path(folder, "trial.v")
        trial.write_text(_TRIAL, "utf-8")
        try:
            measured = area(trial, "trial", path)
        except yosys.YosysError as error:
            raise ValueError(f"{wanted}; yosys says {str(error).strip()!r}") from None
    if not (measured.flip_flops > 0 and measured.logic > 0):
        raise ValueError(wanted)


#: Counters of a design's area, by the unit of its target.
COUNTERS = {
    "cells": ("lut", "ff", "dsp", "bram", "lutram", "carry"),
    "gates": ("area", "flip_flops", "logic", "register_files", "transistors"),
    "µm²": ("area", "flip_flops", "logic", "register_files"),
}


def synthesize(
    manifest: Path, target: str, *, liberty: Path | None = None, device: str | None = None
) -> dict:
    """Synthesize an emitted design, flattened, and measure the area of each of its units.

    The numbers are those of yosys: for an FPGA the cells before placement, for gates and for a
    library's cells the sums of their sizes, without wires. On a chip, memories of more than
    :data:`.targets.REGISTER_FILE_WORDS` words are macros of SRAM, and left out; those of 8 words at
    least are register files, a bit of which with a port to write and one to read counts as half a
    flip-flop, and an eighth more for each further port.

    Each cell of the flat netlist counts for one unit, as :func:`attribution.owners` says: the
    areas of units add up to the total.

    Parameters
    ----------
    manifest : Path
        A design's manifest, or an :class:`Emission`.
    target : str
        One of :func:`targets.names`.
    liberty : Path or None
        Liberty file of the cells, for the target ``liberty``.
    device : str or None
        The device to synthesize for, where that makes a difference; by default the target's first.

    Returns
    -------
    dict
        ``unit``, of :data:`COUNTERS`, whose counters are in ``total``; in each of ``modules``
        (rows with ``role``, ``unit``, ``part_of`` and number of ``instances``); in ``per_pe`` (a PE
        with all of its parts, on average); and in ``per_mac`` (the total over ``macs``, the
        products a cycle; of 8 × 8 bits where widths are chosen at run time). ``memories`` tells
        how each is realized, and ``cells`` the number of each type of cell.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If there is no such target or device, or the Liberty file is missing, superfluous or unfit.
    YosysError
        If yosys cannot synthesize the design.
    """
    entry, _ = _entry(manifest, target, liberty, device)
    return json.loads((entry / "record.json").read_text("utf-8"))


def netlist_for(manifest: Path, target: str, device: str | None = None) -> tuple[bytes, str]:
    """The netlist that :func:`synthesize` counts, as yosys writes JSON, and the top-level module.

    Raises what :func:`synthesize` raises.
    """
    entry, top = _entry(manifest, target, None, device)
    return gzip.decompress((entry / "netlist.json.gz").read_bytes()), top


def _entry(manifest, target, liberty, device):
    """The folder with the results of synthesis, and the name of the top-level module."""
    plan = targets.load(target)
    commands, mapping = plan.steps(device)
    for name in plan.netlist_passes:
        check_name(f"Netlist pass of target {target}", name, NETLIST_PASSES)
    library = check_library(target, liberty)
    manifest = Path(getattr(manifest, "manifest", manifest))
    design = Manifest.read(manifest)
    top = design.top
    verilog = manifest.with_name(design.verilog).read_text("utf-8")

    def make(entry):
        if liberty is not None:
            check_liberty(liberty)
        modules, gates, cells, memories = _mapped(top, verilog, commands, mapping, library)
        mapped = cells["modules"]
        for name in plan.netlist_passes:
            NETLIST_PASSES[name](mapped[top])
        sizes = plan.cells
        if library:
            sizes = _library_sizes(mapped, library.decode("utf-8", "replace"))
        sizes = sizes | {_MACROS: {}}
        owners = attribution.owners(modules, top, gates["modules"][top], mapped[top])
        record = _record(design, plan, modules, mapped[top], owners, sizes, memories)
        (entry / "record.json").write_text(json.dumps(record, ensure_ascii=False), "utf-8")
        if plan.place is not None:
            text = json.dumps(cells).encode()
            (entry / "netlist.json.gz").write_bytes(gzip.compress(text, 1, mtime=0))

    key = [
        design.code,
        json.dumps([design.modules, design.derived]),
        plan.text,
        "\n".join([*commands, *mapping]),
        library,
    ]
    entry, _ = cache.entry("synthesis", *key, *_generator(), make=make)
    return entry, top


@functools.cache
def _generator():
    """The versions of all that a record depends on besides the design and the target."""
    modules = (attribution, ecp5_registers)
    sources = [Path(__file__), *(Path(module.__file__) for module in modules)]
    return [importlib.metadata.version("pyosys"), *(path.read_bytes() for path in sources)]


def _mapped(top, verilog, commands, mapping, library):
    """Yosys' netlists of a design.

    Modules with hierarchy, flat netlists of gates and of cells, and the memories that are not made
    of cells: name to the cell of yosys.
    """
    with scratch.folder() as folder:
        (folder / "design.v").write_text(verilog, "utf-8")
        (folder / "cells.lib").write_bytes(library)
        yosys.run(
            [
                *("read_verilog design.v", "design -save emitted"),
                *(f"hierarchy -top {top}", "proc", "write_json hierarchy.json"),
                *("design -load emitted", *(command.format(top=top) for command in commands)),
                *(f"select ={top}", "write_json -selected gates.json", "select -clear"),
                *(command.format(top=top) for command in mapping),
                *("delete t:$scopeinfo", "blackbox =A:whitebox", "write_json cells.json"),
            ],
            cwd=folder,
            temporary=folder,
        )
        modules, gates, cells = (
            json.loads((folder / f"{name}.json").read_bytes())
            for name in ("hierarchy", "gates", "cells")
        )
        listed = folder / "memories.json"
        memories = json.loads(listed.read_bytes())["modules"] if listed.exists() else {}
        memories = memories.get(_MACROS, {"cells": {}})["cells"]
        return modules["modules"], gates, cells, memories


def _record(design, plan, modules, flat, owners, sizes, macros):
    """The result of :func:`synthesize`."""
    types = {name: cell["type"] for name, cell in flat["cells"].items()}
    counts = collections.Counter(types.values())
    memories = attribution.memories(modules, design.top)
    unknown = ", ".join(sorted(counts.keys() - sizes.keys()))
    if unknown:
        raise ValueError(f"Target {plan.name} must say in its file what {unknown} takes")
    # A register file is one cell of its unit, of a type of its own.
    files = {
        memory.name: _register_file(memory, macros[memory.name], _flip_flop(plan, counts, sizes))
        for memory in memories
        if memory.name in macros and memory.words <= targets.REGISTER_FILE_WORDS
    }
    types |= {name: name for name in files}
    sizes = sizes | files
    owners = owners | {memory.name: memory.path for memory in memories if memory.name in files}

    def counted(names):
        return _counters(
            _sums(collections.Counter(types[name] for name in names), sizes), plan.unit
        )

    units = {
        instance.path: design.modules.get(instance.module)
        for instance in attribution.instances(modules, design.top)
    }
    pes = _outermost_pes(units)
    inside = [name for name, path in owners.items() if _above(path, pes) is not None]
    total, macs = counted(types), len(pes) * design.derived.get("macs_per_pe", 1)
    return {
        "target": plan.name,
        "description": plan.description,
        "unit": plan.unit,
        "total": total,
        "modules": _rows(units, owners, counted),
        "memories": [_memory(memory, types, sizes, macros) for memory in memories],
        "pes": len(pes),
        "macs": macs,
        "per_pe": _share(counted(inside), len(pes)),
        "per_mac": _share(total, macs),
        "cells": dict(sorted(counts.items())),
        "estimate": True,
        "tools": {"pyosys": importlib.metadata.version("pyosys")},
    }


def _register_file(memory, cell, flip_flop):
    """What a register file takes, from its cell in yosys and the size of a flip-flop.

    Registers at its outputs, which yosys makes ports that read with a clock, are flip-flops.
    """
    reads, writes = (int(cell["parameters"][f"{kind}_PORTS"], 2) for kind in ("RD", "WR"))
    clocked = cell["parameters"]["RD_CLK_ENABLE"][-reads:].count("1") if reads else 0
    more = _PORT_TRANSISTORS * max(0, reads + writes - 2)
    bit = flip_flop * (_BIT_TRANSISTORS + more) / _FLIP_FLOP_TRANSISTORS
    return {
        "register_files": memory.words * memory.width * bit,
        "flip_flops": clocked * memory.width * flip_flop,
    }


def _flip_flop(plan, counts, sizes):
    """The size of the smallest flip-flop among the cells of a design, or else of the target."""
    registers = {
        name: takes["flip_flops"] for name, takes in sizes.items() if "flip_flops" in takes
    }
    return min((registers[name] for name in counts if name in registers), default=0) or min(
        registers.values()
    )


def _outermost_pes(units):
    """Paths of the PEs: units of that role that are not inside another of the same role."""
    pes = {path for path, unit in units.items() if unit and unit["role"] == _PE_ROLE}
    return {path for path in pes if not path or _above(path[:-1], pes) is None}


def _sums(counts, sizes):
    """The resources of cells together, from the number of each type and the size of one."""
    sums = collections.Counter()
    for name, number in counts.items():
        for resource, size in sizes[name].items():
            sums[resource] += number * size
    return sums


def _counters(sums, unit):
    """Sums of resources as :data:`COUNTERS`."""
    if unit == "cells":
        return {name: _rounded(sums[name]) for name in COUNTERS[unit]}
    scale = _NAND_TRANSISTORS if unit == "gates" else 1
    area = {name: sums[name] / scale for name in ("flip_flops", "logic", "register_files")}
    area = {"area": sum(area.values()), **area}
    if unit == "gates":
        area["transistors"] = area["area"] * scale
    return {name: _rounded(value) for name, value in area.items()}


def _rounded(value):
    value = round(value, 2)
    return int(value) if value == int(value) else value


def _share(counters, count):
    return {name: _rounded(value / count) for name, value in counters.items()} if count else None


def _above(path, paths):
    """The path of an instance at or above ``path`` that is one of ``paths``."""
    candidates = (path[:depth] for depth in range(len(path), -1, -1))
    return next((candidate for candidate in candidates if candidate in paths), None)


def _rows(units, owners, counted):
    """A row for each unit within each parent unit, the largest first."""
    roles = {unit["unit"]: unit["role"] for unit in units.values() if unit}
    names = {path: unit and unit["unit"] for path, unit in units.items()}
    keys = {path: (name, _parent(names, path)) for path, name in names.items() if name}
    cells = collections.defaultdict(list)
    for cell, path in owners.items():
        cells[keys[_above(path, keys)]].append(cell)
    numbers = collections.Counter(keys.values())
    rows = []
    for (unit, parent), names_of_cells in cells.items():
        counters = counted(names_of_cells)
        if any(counters.values()):
            row = {"role": roles[unit], "unit": unit, "part_of": parent}
            rows.append(row | {"instances": numbers[unit, parent]} | counters)
    return sorted(
        rows, key=lambda row: (-row.get("area", 0), -row.get("lut", 0) - row.get("ff", 0))
    )


def _parent(names, path):
    """The unit that an instance is part of; modules without a unit belong to the one above."""
    above = (names[path[:depth]] for depth in range(len(path) - 1, -1, -1))
    return next((name for name in above if name), None)


def _memory(memory, types, sizes, macros):
    """How a memory is realized; its cells have names that begin with its own."""
    row = {"name": memory.name, "words": memory.words, "width": memory.width}
    if memory.name in macros:
        is_sram = memory.words > targets.REGISTER_FILE_WORDS
        return row | {"kind": "macro" if is_sram else "register file"}
    of_memory = (type_ for name, type_ in types.items() if name.startswith(f"{memory.name}."))
    sums = _sums(collections.Counter(of_memory), sizes)
    if sums["bram"]:
        return row | {"kind": "block RAM", "blocks": _rounded(sums["bram"])}
    if sums["lutram"]:
        return row | {"kind": "LUT RAM", "lutram": sums["lutram"]}
    return row | {"kind": "flip-flops"}


_CELL = re.compile(r'\bcell\s*\(\s*"?([^")\s]+)"?\s*\)')
_REGISTER = re.compile(r"\b(ff|latch)(_bank)?\s*\(")


def _library_sizes(modules, library):
    """The areas of a library's cells, those of flip-flops apart from logic."""
    library = re.sub(r"/\*.*?\*/", "", library, flags=re.DOTALL)
    starts = [*_CELL.finditer(library)]
    ends = [start.start() for start in starts[1:]] + [len(library)]
    registers = {
        start[1]
        for start, end in zip(starts, ends, strict=True)
        if _REGISTER.search(library, start.end(), end)
    }
    return {
        name: {"flip_flops" if name in registers else "logic": float(module["attributes"]["area"])}
        for name, module in modules.items()
        if "area" in module["attributes"]
    }
