"""The register map of a core behind a bus as documents."""

import json

from ...sim.manifest import Manifest

__all__ = ["documents"]


def documents(manifest: Manifest) -> dict[str, str]:
    """The register map by file name: ``<top>_registers.md``, ``.json`` and ``.rdl`` (SystemRDL).

    Parameters
    ----------
    manifest : dict
        Of a top with registers.
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
        f"{manifest.design}, digest {manifest.digest}. Registers have 32 bits, offsets are "
        "in bytes, and bits without a field read as 0. A register that does not exist, an offset "
        "that is no multiple of 4, and an access that a register has not got are answered with an "
        "error and have no effect.",
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
        if all(part["name"] == "value" for part in register["fields"]):
            continue
        lines += ["", f"## {register['name']}", "", "| bits | field | meaning |", "|---|---|---|"]
        for part in register["fields"]:
            lines.append(_row(_bits(part), f"`{part['name']}`", part["meaning"]))
    lines += ["", "## Errors", "", "| kind | name | meaning |", "|---|---|---|"]
    for name, error in bus["errors"].items():
        lines.append(_row(error["number"], name, error["meaning"]))
    lines += ["", "## Streams", ""]
    lines.append(
        "In memory, and in beats, words follow each other at a distance of so many bytes, lowest "
        "byte first. Bits beyond a word are ignored, and 0 in results."
    )
    lines += ["", "| index | stream | direction | bits of a word | bytes to the next |"]
    lines.append("|---|---|---|---|---|")
    for name, layout in bus["streams"].items():
        cells = (layout["index"], f"`{name}`", layout["direction"])
        lines.append(_row(*cells, layout["width"], layout["stride"]))
    for name in bus["streams"]:
        lines += ["", f"### {name}", "", "| bits | field | kind |", "|---|---|---|"]
        for part in manifest.streams[name]["fields"]:
            lines.append(_row(*_field(part)))
    return "\n".join(lines) + "\n"


def _row(*cells):
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def _bits(part):
    high = part["low"] + part["width"] - 1
    return f"{high}:{part['low']}" if part["width"] > 1 else str(part["low"])


def _field(part):
    """Bits, name and kind of a field of a word."""
    count, width = part["count"], part["width"]
    high = part["offset"] + count * width - 1
    kind = f"{'signed' if part['signed'] else 'unsigned'}, {width} bit{'s' * (width > 1)}"
    if count > 1:
        kind = f"{count} × {kind}, the first in the low bits"
    bits = f"{high}:{part['offset']}" if high > part["offset"] else str(high)
    return bits, f"`{part['name']}`", kind


def _json(manifest):
    bus = manifest.bus
    facts = {name: getattr(manifest, name) for name in ("top", "design", "digest")}
    facts |= {name: bus[name] for name in ("registers", "errors", "streams")}
    return json.dumps(facts, indent=2) + "\n"


#: What software and hardware do to a register, in SystemRDL 2.0.
_RDL = {
    "ro": "sw = r; hw = w;",
    "rw": "sw = rw; hw = r;",
    "wo": "sw = w; hw = r; singlepulse;",
    "w1c": "sw = rw; hw = rw; woclr; hwset;",
}


def _system_rdl(manifest):
    lines = [
        f"// Registers of {manifest.top}, {manifest.design}, digest {manifest.digest}.",
        "",
        f"addrmap {manifest.top} {{",
        "  default regwidth = 32;",
        "  default accesswidth = 32;",
    ]
    for register in manifest.bus["registers"]:
        # A register has a field at least.
        parts = register["fields"] or [{"name": "value", "low": 0, "width": 32, "meaning": ""}]
        lines += ["", "  reg {", f"    desc = {_quoted(register['meaning'])};"]
        for part in parts:
            reset = register["reset"] >> part["low"] & ((1 << part["width"]) - 1)
            high = part["low"] + part["width"] - 1
            lines += [
                "    field {",
                f"      desc = {_quoted(part['meaning'])};",
                f"      {_RDL[register['access']]}",
                f"    }} {part['name']}[{high}:{part['low']}] = {reset:#x};",
            ]
        lines.append(f"  }} {register['name']} @ {register['offset']:#05x};")
    return "\n".join([*lines, "};", ""])


def _quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
