"""Synthesis with yosys: the area of a design, and where in it that area is."""

import collections
import functools
import gzip
import importlib.metadata
import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ...sim import cache
from ...sim.manifest import Manifest
from ..lib import yosys
from . import attribution, ecp5_pack, targets

__all__ = ["Area", "area", "check_liberty", "check_library", "netlist_for", "synthesize"]

#: Transistors of a two-input NAND gate, in units of which gates are counted.
_NAND_TRANSISTORS = 4

#: The module that targets put memories into which they leave out.
_MACROS = "brickwork_macros"

# What every library must have cells for.
_TRIAL = """
module trial(input clk, input rst, input a, input b, output reg y);
  always @(posedge clk) y <= rst ? 1'b0 : a ^ b;
endmodule
"""


@dataclass(frozen=True, kw_only=True)
class Area:
    """The area of a module with everything in it.

    Attributes
    ----------
    total, flip_flops : float
        Of all cells, and of the flip-flops among them: in two-input NAND gates, or in the
        library's units, which are µm² as a rule.
    cells : dict
        Name of each kind of cell to their number.
    """

    total: float
    flip_flops: float
    cells: dict[str, int]

    @property
    def logic(self) -> float:
        return self.total - self.flip_flops


def area(verilog: Path, top: str, liberty: Path | None = None, options: str = "") -> Area:
    """Synthesize a module without hierarchy, and measure it.

    Yosys runs ``read_verilog`` and ``synth -flatten <options> -top <top>``, then

    * without a library ``dfflegalize -cell $_DFF_P_ 01; abc -g cmos; opt_clean; stat``.
      There are D flip-flops, inverters, NAND, NOR, AND-OR-invert, OR-AND-invert, XOR, XNOR and
      multiplexers; areas are numbers of transistors, by the 4 of a two-input NAND gate.
    * with a library ``dfflibmap; abc; opt_clean; stat``, each with ``-liberty <file>``; areas are
      sums of the cells' areas.

    There is neither a clock period nor wiring in it. Equal Verilog gives equal areas; the same
    logic with other names can take a per cent or two more or less, as ABC finds it.

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
        If yosys refuses the Verilog or an option, or the library lacks what it takes.
    """
    with tempfile.TemporaryDirectory(prefix="brickwork-") as place:
        folder = Path(place)
        (folder / "design.v").symlink_to(Path(verilog).absolute())
        if liberty is not None:
            (folder / "cells.lib").symlink_to(Path(liberty).absolute())
        synth = f"synth -flatten {options} -top {top}"
        commands = ["read_verilog design.v", synth, "delete t:$scopeinfo"]
        commands += targets.load("gates" if liberty is None else "liberty").mapping
        measure = "" if liberty is None else "-liberty cells.lib"
        commands.append(f"tee -q -o area.json stat -json {measure}")
        yosys.run(commands, cwd=folder, temporary=folder)
        found = json.loads((folder / "area.json").read_text("utf-8"))["design"]
    cells = found.get("num_cells_by_type", {})
    if liberty is not None:
        total, flip_flops = found.get("area", 0.0), found.get("sequential_area", 0.0)
        return Area(total=total, flip_flops=flip_flops, cells=cells)
    sums = _sums(cells, targets.load("gates").cells)
    found = _counters(sums, "gates")
    return Area(total=found["area"], flip_flops=found["flip_flops"], cells=cells)


def check_library(target: str, liberty: Path | None) -> bytes:
    """Contents of the Liberty file for a target; none for targets that need no file.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is missing, or given for a target that has its own cells.
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
    try:
        return Path(liberty).read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"Liberty file cannot be read: {liberty}: {reason}") from None


def check_liberty(path: Path) -> None:
    """Check that :func:`area` can use a Liberty file.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no Liberty file, or lacks gates, flip-flops or areas.
    """
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"Liberty file cannot be read: {path}: {reason}") from None
    wanted = f"Liberty file must have gates and a flip-flop with areas, which {str(path)!r} has not"
    with tempfile.TemporaryDirectory(prefix="brickwork-") as folder:
        trial = Path(folder, "trial.v")
        trial.write_text(_TRIAL, "utf-8")
        try:
            found = area(trial, "trial", path)
        except yosys.YosysError as error:
            raise ValueError(f"{wanted}; yosys says {str(error).strip()!r}") from None
    if not (found.flip_flops > 0 and found.logic > 0):
        raise ValueError(wanted)


#: What a design takes, by the unit of its target.
COUNTERS = {
    "cells": ("lut", "ff", "dsp", "bram", "lutram", "carry"),
    "gates": ("area", "flip_flops", "logic", "transistors"),
    "µm²": ("area", "flip_flops", "logic"),
}


def synthesize(
    manifest: Path, target: str, *, liberty: Path | None = None, device: str | None = None
) -> dict:
    """Synthesize an emitted design, without hierarchy, and tell what its units take.

    The numbers are yosys' alone: of an FPGA the cells before they are placed, of gates and of a
    library's cells the sums of their sizes, without wires. Memories of more than 64 words are no
    part of the latter two: on a chip they are macros.

    Parts are those of the netlist without hierarchy; see :func:`attribution.owners` for how its
    cells are dealt out. They add up to the total.

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
        ``unit`` of :data:`COUNTERS`, which are in ``total``, in each of ``modules`` (rows with
        ``role``, ``unit``, ``part_of`` and number of ``instances``), in ``per_pe`` (an element with
        all that it consists of, on average), and in ``per_mac`` (the total by ``macs``, the
        products a cycle; of 8 × 8 bits where widths are chosen at run time). ``memories`` tells
        what became of each. Cells of any kind are counted in ``cells``.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If there is no such target or device, or the Liberty file is missing, superfluous or unfit.
    YosysError
        If yosys cannot synthesize the design.
    """
    place, _ = _entry(manifest, target, liberty, device)
    return json.loads((place / "record.json").read_text("utf-8"))


def netlist_for(manifest: Path, target: str, device: str | None = None) -> tuple[bytes, str]:
    """The netlist that :func:`synthesize` counts, as yosys writes JSON, and the top-level module.

    Raises what :func:`synthesize` raises.
    """
    place, facts = _entry(manifest, target, None, device)
    return gzip.decompress((place / "netlist.json.gz").read_bytes()), facts.top


def _entry(manifest, target, liberty, device):
    """The folder with what synthesis has found, and the manifest's contents."""
    plan = targets.load(target)
    commands, mapping = plan.steps(device)
    library = check_library(target, liberty)
    manifest = Path(getattr(manifest, "manifest", manifest))
    facts = Manifest.read(manifest)
    verilog = manifest.with_name(facts.verilog).read_text("utf-8")

    def make(place):
        if liberty is not None:
            check_liberty(liberty)
        top = facts.top
        modules, gates, cells, macros = _mapped(top, verilog, commands, mapping, library)
        found = cells["modules"]
        if plan.pack:
            ecp5_pack.pack(found[top])
        sizes = _library_sizes(found, library.decode("utf-8", "replace")) if library else plan.cells
        sizes = sizes | {_MACROS: {}}
        owners = attribution.owners(modules, top, gates["modules"][top], found[top])
        record = _record(facts, plan, modules, found[top], owners, sizes, macros)
        (place / "record.json").write_text(json.dumps(record, ensure_ascii=False), "utf-8")
        if plan.place is not None:
            text = json.dumps(cells).encode()
            (place / "netlist.json.gz").write_bytes(gzip.compress(text, 1, mtime=0))

    key = [
        verilog,
        json.dumps(facts.modules),
        plan.text,
        "\n".join([*commands, *mapping]),
        library,
    ]
    place, _ = cache.entry("synthesis", *key, *_generator(), make=make)
    return place, facts


@functools.cache
def _generator():
    """What a record depends on besides the design and the target."""
    sources = [Path(__file__), Path(attribution.__file__), Path(ecp5_pack.__file__)]
    return [importlib.metadata.version("pyosys"), *(path.read_bytes() for path in sources)]


def _mapped(top, verilog, commands, mapping, library):
    """What yosys makes of a design.

    Modules with hierarchy, netlists without hierarchy of gates and of cells, and the names of
    memories that are left out.
    """
    with tempfile.TemporaryDirectory(prefix="brickwork-") as place:
        folder = Path(place)
        (folder / "design.v").write_text(verilog, "utf-8")
        (folder / "cells.lib").write_bytes(library)
        yosys.run(
            [
                *("read_verilog design.v", "design -save emitted"),
                *(f"hierarchy -top {top}", "proc", "write_json hierarchy.json"),
                *("design -load emitted", *(one.format(top=top) for one in commands)),
                *(f"select ={top}", "write_json -selected gates.json", "select -clear"),
                *(one.format(top=top) for one in mapping),
                *("delete t:$scopeinfo", "blackbox =A:whitebox", "write_json cells.json"),
            ],
            cwd=folder,
            temporary=folder,
        )
        modules, gates, cells = (
            json.loads((folder / f"{name}.json").read_bytes())
            for name in ("hierarchy", "gates", "cells")
        )
        listed = folder / "macros.txt"
        macros = listed.read_text("utf-8").splitlines() if listed.exists() else []
        names = {line.removeprefix(f"{top}/") for line in macros}
        return modules["modules"], gates, cells, names


def _record(facts, plan, modules, flat, owners, sizes, macros):
    """What :func:`synthesize` returns."""
    top = facts.top
    kinds = {name: cell["type"] for name, cell in flat["cells"].items()}
    counts = collections.Counter(kinds.values())
    unknown = ", ".join(sorted(counts.keys() - sizes.keys()))
    if unknown:
        raise ValueError(f"Target {plan.name} must say in its file what {unknown} takes")

    def counted(names):
        return _counters(
            _sums(collections.Counter(kinds[name] for name in names), sizes), plan.unit
        )

    instances = attribution.instances(modules, top)
    units = {one.path: facts.modules.get(one.module) for one in instances}
    elements = {path for path, unit in units.items() if unit and unit["unit"].startswith("pe_")}
    inside = [name for name, path in owners.items() if _above(path, elements) is not None]
    total, macs = counted(kinds), len(elements) * facts.parameters.get("lanes", 1)
    return {
        "target": plan.name,
        "description": plan.description,
        "unit": plan.unit,
        "total": total,
        "modules": _rows(units, owners, counted),
        "memories": [
            _memory(memory, kinds, sizes, macros) for memory in attribution.memories(modules, top)
        ],
        "pes": len(elements),
        "macs": macs,
        "per_pe": _share(counted(inside), len(elements)),
        "per_mac": _share(total, macs),
        "cells": dict(sorted(counts.items())),
        "estimate": True,
        "tools": {"pyosys": importlib.metadata.version("pyosys")},
    }


def _sums(counts, sizes):
    """What cells take together, by their numbers and what one of each takes."""
    sums = collections.Counter()
    for name, number in counts.items():
        for kind, size in sizes[name].items():
            sums[kind] += number * size
    return sums


def _counters(sums, unit):
    """Sums of what the target's file says of its cells, as :data:`COUNTERS`."""
    if unit == "cells":
        return {name: _rounded(sums[name]) for name in COUNTERS[unit]}
    scale = _NAND_TRANSISTORS if unit == "gates" else 1
    area = {name: sums[name] / scale for name in ("flip_flops", "logic")}
    area = {"area": area["flip_flops"] + area["logic"], **area}
    if unit == "gates":
        area["transistors"] = sums["flip_flops"] + sums["logic"]
    return {name: _rounded(value) for name, value in area.items()}


def _rounded(value):
    value = round(value, 2)
    return int(value) if value == int(value) else value


def _share(counters, count):
    return {name: _rounded(value / count) for name, value in counters.items()} if count else None


def _above(path, paths):
    """The path of an instance at or above ``path`` that is one of ``paths``."""
    found = (path[:depth] for depth in range(len(path), -1, -1))
    return next((one for one in found if one in paths), None)


def _rows(units, owners, counted):
    """A row for each unit and what it is part of, the largest first."""
    roles = {unit["unit"]: unit["role"] for unit in units.values() if unit}
    units = {path: unit and unit["unit"] for path, unit in units.items()}
    known = {path for path, unit in units.items() if unit}
    kinds = {path: (units[path], _parent(units, path)) for path in known}
    cells = collections.defaultdict(list)
    for name, path in owners.items():
        cells[kinds[_above(path, known)]].append(name)
    numbers = collections.Counter(kinds.values())
    rows = []
    for (unit, parent), names in cells.items():
        takes = counted(names)
        if any(takes.values()):
            row = {"role": roles[unit], "unit": unit, "part_of": parent}
            rows.append(row | {"instances": numbers[unit, parent]} | takes)
    return sorted(
        rows, key=lambda row: (-row.get("area", 0), -row.get("lut", 0) - row.get("ff", 0))
    )


def _parent(units, path):
    """The unit that an instance is part of, passing over what belongs to the same unit."""
    above = (units[path[:depth]] for depth in range(len(path) - 1, -1, -1))
    return next((unit for unit in above if unit), None)


def _memory(memory, kinds, sizes, macros):
    """What became of a memory; cells that are made of one have names that begin with its own."""
    names = [name for name in kinds if name.startswith(f"{memory.name}.")]
    takes = _sums(collections.Counter(kinds[name] for name in names), sizes)
    found = {"name": memory.name, "words": memory.words, "width": memory.width}
    if memory.name in macros:
        return found | {"kind": "macro"}
    if takes["bram"]:
        return found | {"kind": "block RAM", "blocks": _rounded(takes["bram"])}
    if takes["lutram"]:
        return found | {"kind": "LUT RAM", "lutram": takes["lutram"]}
    return found | {"kind": "flip-flops"}


_CELL = re.compile(r'\bcell\s*\(\s*"?([^")\s]+)"?\s*\)')
_REGISTER = re.compile(r"\b(ff|latch)(_bank)?\s*\(")


def _library_sizes(modules, library):
    """The areas of a library's cells, flip-flops apart from logic."""
    library = re.sub(r"/\*.*?\*/", "", library, flags=re.DOTALL)
    starts = [*_CELL.finditer(library)]
    ends = [one.start() for one in starts[1:]] + [len(library)]
    registers = {
        one[1]
        for one, end in zip(starts, ends, strict=True)
        if _REGISTER.search(library, one.end(), end)
    }
    return {
        name: {"flip_flops" if name in registers else "logic": float(module["attributes"]["area"])}
        for name, module in modules.items()
        if "area" in module["attributes"]
    }
