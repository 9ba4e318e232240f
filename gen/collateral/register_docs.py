"""The register map of a core behind a bus as documents."""

from ...sim.manifest import Manifest
from ..lib.messages import to_json
from .programming import programming_sequence

__all__ = ["documents"]


def documents(manifest: Manifest) -> dict[str, str]:
    """The register map by file name: ``<top>_registers.md``, ``.json`` and ``.rdl`` (SystemRDL).

    Parameters
    ----------
    manifest : Manifest
        Of a core with registers.
    """
    name = f"{manifest.top}_registers"
    return {
        f"{name}.md": _markdown(manifest),
        f"{name}.json": _json(manifest),
        f"{name}.rdl": _system_rdl(manifest),
    }


_ACCESS = {
    "ro": "read only",
    "rw": "read and write",
    "wo": "write only",
    "w1c": "read; bits written as 1 become 0",
}


def _markdown(manifest):
    bus = manifest.bus
    lines = [
        f"# Registers of {manifest.top}",
        "",
        f"{manifest.design}, digest {manifest.digest}, {_origin(manifest)}. Registers have 32 "
        "bits, offsets are in bytes, and bits without a field read as 0. An access to an offset "
        "without a register, to an offset that is not a multiple of 4, or of a kind that the "
        "register does not allow is answered with an error and has no effect.",
        "",
        "| offset | name | access | after a reset | meaning |",
        "|---|---|---|---|---|",
    ]
    for register in bus["registers"]:
        cells = (
            f"{register['offset']:#05x}",
            f"`{register['name']}`",
            _ACCESS[register["access"]],
            f"{register['reset']:#010x}",
            register["meaning"],
        )
        lines.append(_row(*cells))
    for register in bus["registers"]:
        if all(field["name"] == "value" for field in register["fields"]):
            continue
        lines += ["", f"## {register['name']}", "", "| bits | field | meaning |", "|---|---|---|"]
        for field in register["fields"]:
            lines.append(_row(_bits(field), f"`{field['name']}`", field["meaning"]))
    lines += ["", "## Errors", "", "| kind | name | meaning |", "|---|---|---|"]
    for name, error in bus["errors"].items():
        lines.append(_row(error["number"], name, error["meaning"]))
    lines += _streams(manifest) if bus["streams"] else []
    lines += programming_sequence(manifest)
    return "\n".join(lines) + "\n"


def _origin(manifest):
    return f"Brickwork {manifest.tools['brickwork']}, RTL revision {manifest.revision}"


def _streams(manifest):
    """How words of each stream lie in memory, and their fields."""
    lines = [
        "",
        "## Streams",
        "",
        "In memory and in beats, words follow each other at a fixed distance in bytes, lowest byte "
        "first. Bits beyond a word are ignored in operands, and 0 in results.",
        "",
        "| index | stream | direction | bits of a word | bytes to the next |",
        "|---|---|---|---|---|",
    ]
    streams = manifest.bus["streams"]
    for name, layout in streams.items():
        cells = (layout["index"], f"`{name}`", layout["direction"])
        lines.append(_row(*cells, layout["width"], layout["stride"]))
    for name in streams:
        lines += ["", f"### {name}", "", "| bits | field | kind |", "|---|---|---|"]
        lines += [_row(*_word_field(field)) for field in manifest.fields_of(name)]
    return lines


def _row(*cells):
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def _bits(field):
    high = field["low"] + field["width"] - 1
    return f"{high}:{field['low']}" if field["width"] > 1 else str(field["low"])


def _word_field(field):
    """Bits, name and type of a field of a word."""
    count, width = field["count"], field["width"]
    high = field["offset"] + count * width - 1
    type_ = f"{'signed' if field['signed'] else 'unsigned'}, {width} bit{'s' * (width > 1)}"
    if count > 1:
        type_ = f"{count} × {type_}, the first in the low bits"
    bits = f"{high}:{field['offset']}" if high > field["offset"] else str(high)
    return bits, f"`{field['name']}`", type_


def _json(manifest):
    bus = manifest.bus
    entries = {name: getattr(manifest, name) for name in ("top", "design", "digest", "revision")}
    entries |= {name: bus[name] for name in ("registers", "errors", "streams")}
    return to_json(entries)


#: Access of software and hardware to a register, in SystemRDL 2.0.
_RDL = {
    "ro": "sw = r; hw = w;",
    "rw": "sw = rw; hw = r;",
    "wo": "sw = w; hw = r; singlepulse;",
    "w1c": "sw = rw; hw = rw; woclr; hwset;",
}


def _system_rdl(manifest):
    lines = [
        f"// Registers of {manifest.top}, {manifest.design}, digest {manifest.digest}, "
        f"{_origin(manifest)}.",
        "",
        # Escaped, as the name may be a keyword of SystemRDL, for example mem.
        f"addrmap \\{manifest.top} {{",
        "  default regwidth = 32;",
        "  default accesswidth = 32;",
    ]
    for register in manifest.bus["registers"]:
        lines += ["", "  reg {", f"    desc = {_quoted(register['meaning'])};"]
        for field in register["fields"]:
            reset = register["reset"] >> field["low"] & ((1 << field["width"]) - 1)
            lines += _rdl_field(field, _RDL[register["access"]], reset)
        if not register["fields"]:
            # SystemRDL has no register without a field.
            zero = {"name": "value", "low": 0, "width": 32, "meaning": "always 0"}
            lines += _rdl_field(zero, "sw = r; hw = na;", 0)
        lines.append(f"  }} {register['name']} @ {register['offset']:#05x};")
    return "\n".join([*lines, "};", ""])


def _rdl_field(field, access, reset):
    high = field["low"] + field["width"] - 1
    return [
        "    field {",
        f"      desc = {_quoted(field['meaning'])};",
        f"      {access}",
        f"    }} {field['name']}[{high}:{field['low']}] = {reset:#x};",
    ]


def _quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
