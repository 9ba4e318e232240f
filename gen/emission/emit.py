"""Emission of a design: Verilog, and the manifest that describes it."""

import functools
import importlib.metadata
import json
import re
from dataclasses import dataclass
from pathlib import Path

from amaranth.hdl import Shape
from amaranth.lib import data
from amaranth.lib.wiring import In

from ...sim import cache
from ...sim.manifest import Manifest
from ...sim.steps import step
from ..lib.files import write_whole
from . import verilog
from .identifier import check_identifier
from .own_code import own_code
from .revision import TOOLS, rtl_revision, sources

__all__ = ["Emission", "emit", "emit_unit", "outline"]

#: Arrays with at least this number of PEs are simulated with a library for each tile module. The
#: libraries halve the build time of 32×32 PEs; larger arrays can hardly be built without them.
HIERARCHICAL_FROM = 32 * 32


@dataclass(frozen=True)
class Emission:
    """Paths of the emitted files; ``digest`` stands for the design and its parameters."""

    folder: Path
    verilog: Path
    manifest: Path
    digest: str


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

    ``design`` are the parameters of the unit if it is a design.
    """
    name = name or unit.name
    folder = Path(folder)
    key = _key(unit, design)
    digest = key["digest"]
    emission = Emission(folder, folder / f"{name}.v", folder / f"{name}.json", digest)

    def make(entry):
        with step(f"emitting {name}"):
            text, manifest = _emitted(unit, name, key)
        (entry / "verilog").write_text(text, "utf-8")
        (entry / "manifest").write_text(manifest.to_json(), "utf-8")

    # Conversion is the slowest step in front of a cached simulation.
    inputs = json.dumps([name, key, _versions()]), repr(unit.key), sources()
    entry, _ = cache.entry("verilog", *inputs, make=make)
    write_whole(emission.verilog, (entry / "verilog").read_text("utf-8"))
    write_whole(emission.manifest, (entry / "manifest").read_text("utf-8"))
    return emission


def _key(unit, design):
    """Design, digest and parameters, the bus wrapper's apart from the core's."""
    core = _core(unit)
    code = own_code(core) if design is None else design.own_code
    origin = {
        "revision": rtl_revision(code),
        "plugins": {} if design is None else design.plugins(),
    }
    if design is not None:
        wrapper = {} if core is unit else {"top": design.NAME} | design.options()
        digest, parameters = design.digest, design.as_dict()
        parameters = {name: parameters[name] for name in parameters if name not in wrapper}
        return {
            "design": design.design(),
            "digest": digest,
            "parameters": parameters,
            "bus": wrapper,
        } | origin
    wrapper = {name: value for name, value in unit.parameters.items() if value is not core}
    digest = f"{wrapper.pop('digest'):08x}" if core is not unit else ""
    return {
        "design": core.name,
        "digest": digest,
        "parameters": core.shown_parameters,
        "bus": {} if core is unit else wrapper,
    } | origin


def outline(design):
    """The manifest of a design without emission, and so without ports and modules.

    The outline suffices to plan a job and its cycles by formula.
    """
    unit = design.unit()
    return _manifest(unit, design.module, _key(unit, design))


def _emitted(unit, name, key):
    """The Verilog and the manifest of a unit."""
    text, units = verilog.convert_shared(unit, name, _known(key["revision"]))
    manifest = _manifest(
        unit,
        name,
        key,
        ports=_ports(unit, _clock(text, name)),
        modules={module: {"unit": each.name, "role": each.role} for module, each in units.items()},
        hierarchical_blocks=_blocks(units),
    )
    return _header(key) + _commented(text, units), manifest


@functools.lru_cache(maxsize=1)
def _known(revision):
    """Conversions of units by this code, for the designs of a sweep."""
    return {}


def _manifest(unit, name, key, ports=(), **converted):
    # The manifest of a wrapped core is that of the bare core, plus the bus.
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
        isa=getattr(core, "isa", {}),
        ports=list(ports),
        streams=_streams(core, ports=not bus),
        bus=bus and bus | {"parameters": {n: v for n, v in key["bus"].items() if n != "top"}},
        tools=_versions(),
        revision=key["revision"],
        plugins=key["plugins"],
        **converted,
    )


def _core(unit):
    """The core in a bus wrapper; any other unit itself."""
    return unit.parameters["core"] if hasattr(unit, "bus") else unit


@functools.cache
def _versions():
    return {tool: importlib.metadata.version(tool) for tool in TOOLS}


def _header(key):
    version, revision = _versions()["brickwork"], key["revision"]
    lines = [f"{key['design']}, generated by Brickwork {version}, RTL revision {revision}."]
    lines += [f"Plug-ins: {', '.join(key['plugins'])}"] if key["plugins"] else []
    lines.append("Parameters:")
    parameters = key["parameters"] | key["bus"]
    lines += [f"  {name} = {value}" for name, value in parameters.items()]
    if key["digest"]:
        lines.append(f"Digest: {key['digest']}")
    # No module has delays, but tools refuse modules without a time scale beside modules with one,
    # such as most test benches.
    return "".join(f"// {line}\n" for line in lines) + "\n`timescale 1ns / 1ps\n\n"


# Yosys declares the direction and the net type of a port on separate lines.
_TWICE = re.compile(r"^  (input|output) (.*);\n  (wire|reg) \2( = .*)?;$", re.MULTILINE)

# What Yosys leaves of the power-up values of a signal that it splits into registers of their own.
_INIT = re.compile(r"^  \(\* init = .* \*\)\n", re.MULTILINE)


def _commented(text, units):
    """The modules, the top-level one first, each below a line with its unit and parameters."""
    modules = {}
    text = _TWICE.sub(r"  \1 \3 \2\4;", _INIT.sub("", text))
    for module in re.split(r"^(?=module )", text, flags=re.MULTILINE)[1:]:
        name = re.match(r"module (\w+)", module)[1]
        modules[name] = "\n".join(line.rstrip() for line in module.splitlines()).strip() + "\n"
    commented = []
    for name in reversed(units):
        values = units[name].shown_parameters.items()
        described = ", ".join(f"{key}={value}" for key, value in values)
        commented.append(f"// {units[name].name}: {described}\n{modules.pop(name)}")
    return "\n".join([*commented, *modules.values()])


def _clock(text, module):
    """Clock and reset, as far as the module has them; a combinational module has neither."""
    ports = re.search(rf"^module {re.escape(module)}\((.*?)\);", text, re.MULTILINE | re.DOTALL)[1]
    return [name for name in ("clk", "rst") if name in re.split(r",\s*", ports)]


def _ports(unit, clock):
    names = {name for name, *_ in unit.ports()}
    ports = [
        {"name": name, "width": 1, "signed": False, "direction": "input"}
        for name in clock
        if name not in names
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
            signals = ("payload", "valid", "ready") if ports else ()
            streams[name] = {
                "direction": "input" if member.flow == In else "output",
                **{signal: f"{name}_{signal}" for signal in signals},
                "width": Shape.cast(payload).width,
                "fields": list(_fields(payload)),
            }
    return streams


def _fields(layout):
    """The fields of a layout: those of a structure, the lanes of an array, or one word."""
    if isinstance(layout, data.StructLayout):
        for name, field in layout:
            yield _field(name, field.offset, field.shape)
    else:
        yield _field("lane" if isinstance(layout, data.ArrayLayout) else "word", 0, layout)


def _field(name, offset, layout):
    count = 1
    if isinstance(layout, data.ArrayLayout):
        layout, count = layout.elem_shape, layout.length
    shape = Shape.cast(layout)
    entry = {"name": name, "offset": offset, "width": shape.width, "signed": shape.signed}
    entry["count"] = count
    if isinstance(layout, data.StructLayout):
        entry["fields"] = list(_fields(layout))
    return entry


def _blocks(units):
    """Modules that Verilator makes libraries of: the tiles of a large array."""
    tiles = [name for name, unit in units.items() if unit.name.startswith("tile_")]
    meshes = [unit.parameters for unit in units.values() if unit.name.startswith("mesh_")]
    size = max((mesh["rows"] * mesh["cols"] for mesh in meshes), default=0)
    return tiles if size >= HIERARCHICAL_FROM else []
