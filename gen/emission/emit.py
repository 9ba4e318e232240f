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
from ...sim.manifest import Manifest
from . import verilog
from .identifier import check_identifier

__all__ = ["Emission", "emit", "emit_unit", "outline", "write_whole"]

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
    return emit_unit(parameters.unit(), folder, name, parameters)


def emit_unit(unit, folder, name=None, design=None):
    """Emit any unit into ``folder``; see :func:`emit`.

    ``design`` are the parameters that the unit was made from, if it is a whole design.
    """
    name = name or unit.name
    folder = Path(folder)
    key = _key(unit, design)
    digest = key["digest"]
    emission = Emission(folder, folder / f"{name}.v", folder / f"{name}.json", digest)

    def make(entry):
        text, manifest = _emitted(unit, name, key)
        (entry / "verilog").write_text(text, "utf-8")
        (entry / "manifest").write_text(manifest.to_json(), "utf-8")

    # Conversion takes longer than everything else that a cached simulation needs.
    entry, _ = cache.entry(
        "verilog", json.dumps([name, key]), repr(unit.key), _generator(), make=make
    )
    write_whole(emission.verilog, (entry / "verilog").read_text("utf-8"))
    write_whole(emission.manifest, (entry / "manifest").read_text("utf-8"))
    return emission


def _key(unit, design):
    """Design, digest and parameters, the bus wrapper's apart from the core's."""
    core = _core(unit)
    if design is not None:
        wrapper = {} if core is unit else {"top": design.kind()} | design.options()
        digest, parameters = design.digest, design.as_dict()
        parameters = {name: parameters[name] for name in parameters if name not in wrapper}
        return {
            "design": design.design(),
            "digest": digest,
            "parameters": parameters,
            "bus": wrapper,
        }
    own = {name: value for name, value in unit.parameters.items() if value is not core}
    digest = f"{own.pop('digest'):08x}" if core is not unit else ""
    return {
        "design": core.name,
        "digest": digest,
        "parameters": {
            name: repr(value) if isinstance(value, unit_module.Unit) else value
            for name, value in core.parameters.items()
        },
        "bus": {} if core is unit else own,
    }


def outline(design):
    """The manifest of a design that is not emitted: without ports and modules.

    It suffices to plan a job, and to know its formula of cycles.
    """
    unit = design.unit()
    return _manifest(unit, design.module, _key(unit, design))


def _emitted(unit, name, key):
    """The Verilog and the manifest of a unit."""
    text, units = verilog.convert_shared(unit, name)
    manifest = _manifest(
        unit,
        name,
        key,
        ports=_ports(unit, _clock(text, name)),
        modules={module: {"unit": each.name, "role": each.role} for module, each in units.items()},
        hierarchical_blocks=_blocks(units),
    )
    return _header(key) + _commented(text, units), manifest


def _manifest(unit, name, key, ports=(), **converted):
    # Of a core behind a bus the manifest tells what it tells of the core alone, and the bus.
    bus = getattr(unit, "bus", {})
    core = _core(unit)
    return Manifest(
        design=key["design"],
        digest=key["digest"],
        parameters=key["parameters"],
        top=name,
        verilog=f"{name}.v",
        derived=getattr(core, "derived", {}),
        timing=getattr(core, "timing", {}),
        ports=list(ports),
        streams=_streams(core, ports=not bus),
        bus=bus and bus | {"parameters": {n: v for n, v in key["bus"].items() if n != "top"}},
        tools={tool: importlib.metadata.version(tool) for tool in _TOOLS},
        **converted,
    )


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


def _header(key):
    lines = [f"{key['design']}, generated by Brickwork. Parameters:"]
    parameters = key["parameters"] | key["bus"]
    lines += [f"  {name} = {value}" for name, value in parameters.items()]
    if key["digest"]:
        lines.append(f"Digest: {key['digest']}")
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
