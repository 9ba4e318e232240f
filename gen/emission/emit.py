"""Emission of a design: Verilog, and the manifest that tells everything else about it."""

import functools
import importlib.metadata
import json
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from amaranth.hdl import Shape
from amaranth.lib import data
from amaranth.lib.wiring import In

from ...hdl import unit as unit_module
from ...sim import cache
from . import verilog
from .identifier import check_identifier

__all__ = ["SCHEMA", "Emission", "emit", "emit_unit", "write_whole"]

#: Version of the manifest's schema.
SCHEMA = 1

#: Arrays from this number of elements on are simulated with a library for each kind of tile: it
#: halves the build of 32×32 elements, and larger ones could hardly be built otherwise.
HIERARCHICAL_FROM = 32 * 32


@dataclass(frozen=True)
class Emission:
    """What was emitted, and where it lies."""

    folder: Path
    verilog: Path
    manifest: Path
    digest: str


def write_whole(path, content):
    """Write a text or bytes to ``path``; a reader sees the old file or the whole new one."""
    content = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def emit(parameters, out, name=None):
    """Emit a design into ``out/<design>-<digest>/``.

    Parameters
    ----------
    parameters : Parameters
    out : Path
    name : str
        Name of the top-level module and beginning of the others' names; by default the design's.
        With another name the folder is called after it.

    Raises
    ------
    ValueError
        If ``name`` cannot name a module.
    OSError
        If the folder cannot be written. Nothing half-written is left.
    """
    if name is not None:
        check_identifier("Top-level name", name)
    name = name or parameters.module
    folder = Path(out) / f"{name}-{parameters.digest}"
    facts = {
        "design": parameters.design(),
        "digest": parameters.digest,
        "parameters": parameters.as_dict(),
    }
    return emit_unit(parameters.unit(), folder, name, facts)


def emit_unit(unit, folder, name=None, facts=None):
    """Emit any unit into ``folder``; see :func:`emit`.

    ``facts`` are the first entries of the manifest; they are printed in the Verilog's header too.
    """
    name = name or unit.name
    if not facts:
        core = _core(unit)
        own = {key: value for key, value in unit.parameters.items() if value is not core}
        parameters = core.parameters | own
        parameters = {
            key: repr(value) if isinstance(value, unit_module.Unit) else value
            for key, value in parameters.items()
        }
        facts = {"design": core.name, "digest": "", "parameters": parameters}
    folder = Path(folder)
    emission = Emission(folder, folder / f"{name}.v", folder / f"{name}.json", facts["digest"])

    def make(place):
        text, manifest = _emitted(unit, name, facts)
        (place / "verilog").write_text(text, "utf-8")
        (place / "manifest").write_text(manifest, "utf-8")

    # Conversion takes longer than everything else that a cached simulation needs.
    key = (json.dumps([name, facts]), repr(unit.key), _generator())
    place, _ = cache.entry("verilog", *key, make=make)
    write_whole(emission.verilog, (place / "verilog").read_text("utf-8"))
    write_whole(emission.manifest, (place / "manifest").read_text("utf-8"))
    return emission


def _emitted(unit, name, facts):
    """The Verilog and the manifest of a unit."""
    text, units = verilog.convert_shared(unit, name)
    # Of a core behind a bus the manifest tells what it tells of the core alone, and the bus.
    bus = getattr(unit, "bus", None)
    core = _core(unit)
    manifest = {
        "schema": SCHEMA,
        **facts,
        "top": name,
        "verilog": f"{name}.v",
        "derived": getattr(core, "derived", {}),
        "timing": getattr(core, "timing", {}),
        "ports": _ports(unit, _clock(text, name)),
        "streams": _streams(core, ports=bus is None),
        **({} if bus is None else {"bus": bus}),
        "modules": {module: part.name for module, part in units.items()},
        "hierarchical_blocks": _blocks(units),
        "tools": {tool: importlib.metadata.version(tool) for tool in _TOOLS},
    }
    return _header(facts) + _commented(text, units), json.dumps(manifest, indent=2) + "\n"


def _core(unit):
    """The core in a top; any other unit is its own."""
    return unit.parameters["core"] if hasattr(unit, "bus") else unit


@functools.cache
def _generator():
    """What stands for everything that emission depends on besides the unit."""
    sources = [Path(__file__), Path(verilog.__file__)]
    sources += sorted(Path(unit_module.__file__).parent.rglob("*.py"))
    versions = [f"{tool} {importlib.metadata.version(tool)}" for tool in _TOOLS]
    return cache.digest(*versions, *(source.read_bytes() for source in sources))


_TOOLS = ("brickwork", "amaranth", "pyosys")


def _header(facts):
    lines = [f"{facts['design']}, generated by Brickwork. Parameters:"]
    lines += [f"  {name} = {value}" for name, value in facts["parameters"].items()]
    if facts["digest"]:
        lines.append(f"Digest: {facts['digest']}")
    return "".join(f"// {line}\n" for line in lines) + "\n"


# Yosys declares a port's direction and its kind on a line each.
_TWICE = re.compile(r"^  (input|output) (.*);\n  (wire|reg) \2( = .*)?;$", re.MULTILINE)


def _commented(text, units):
    """The modules, the top-level one first, each with a line above it that tells its unit."""
    modules = {}
    text = _TWICE.sub(r"  \1 \3 \2\4;", text)
    for part in re.split(r"^(?=module )", text, flags=re.MULTILINE)[1:]:
        name = re.match(r"module (\w+)", part)[1]
        modules[name] = "\n".join(line.rstrip() for line in part.splitlines()).strip() + "\n"
    commented = []
    for name in reversed(units):
        values = units[name].parameters.items()
        described = ", ".join(f"{key}={value}" for key, value in values)
        commented.append(f"// {units[name].name}: {described}\n{modules.pop(name)}")
    return "\n".join([*commented, *modules.values()])


def _clock(text, module):
    """Clock and reset, as far as the module has them: mere wires have neither."""
    ports = re.search(rf"^module {re.escape(module)}\((.*?)\);", text, re.MULTILINE | re.DOTALL)[1]
    return [name for name in ("clk", "rst") if name in re.split(r",\s*", ports)]


def _ports(unit, clock):
    own = {name for name, *_ in unit.ports()}
    ports = [
        {"name": name, "width": 1, "signed": False, "direction": "input"}
        for name in clock
        if name not in own
    ]
    for name, value, flow, layout in unit.ports():
        direction = "input" if flow == In else "output"
        signed = value.shape().signed
        port = {"name": name, "width": len(value), "signed": signed, "direction": direction}
        if isinstance(layout, data.Layout):
            port["fields"] = list(_fields(layout))
        ports.append(port)
    return ports


def _streams(unit, ports):
    """Each stream with the fields of its payload, from bit 0 up, and the names of its ports."""
    streams = {}
    for name, member in unit.signature.members.items():
        if member.is_signature and set(member.signature.members) == {"payload", "valid", "ready"}:
            payload = member.signature.members["payload"].shape
            parts = ("payload", "valid", "ready") if ports else ()
            streams[name] = {
                "direction": "input" if member.flow == In else "output",
                **{part: f"{name}_{part}" for part in parts},
                "width": Shape.cast(payload).width,
                "fields": list(_fields(payload)),
            }
    return streams


def _fields(layout):
    """What a layout consists of: lanes of an array, fields of a structure, or one word."""
    if isinstance(layout, data.StructLayout):
        for name, part in layout:
            yield _field(name, part.offset, part.shape)
    else:
        yield _field("lane" if isinstance(layout, data.ArrayLayout) else "word", 0, layout)


def _field(name, offset, layout):
    count = 1
    if isinstance(layout, data.ArrayLayout):
        layout, count = layout.elem_shape, layout.length
    shape = Shape.cast(layout)
    facts = {"name": name, "offset": offset, "width": shape.width, "signed": shape.signed}
    facts["count"] = count
    if isinstance(layout, data.StructLayout):
        facts["fields"] = list(_fields(layout))
    return facts


def _blocks(units):
    tiles = {name: part for name, part in units.items() if part.name.startswith("tile_")}
    meshes = [part for part in units.values() if part.name.startswith("mesh_")]
    size = max((m.parameters["rows"] * m.parameters["cols"] for m in meshes), default=0)
    return list(tiles) if size >= HIERARCHICAL_FROM else []
