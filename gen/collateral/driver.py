"""The C driver of a core behind a bus."""

import re
from pathlib import Path

from ...sim.manifest import Manifest
from .header import prefix

__all__ = ["driver"]


def driver(manifest: Manifest) -> dict[str, str]:
    """The driver's files, by name: ``<top>_driver.h`` and ``<top>_driver.c``.

    They need ``<top>.h`` of :func:`header`. One text serves all designs: lines between
    ``#if CONDITION`` and ``#endif`` stay where the condition is one of the design's.

    Parameters
    ----------
    manifest : dict
        Of a top with registers.
    """
    top, conditions = manifest.top, _conditions(manifest)
    files = {}
    for ending in (".h", ".c"):
        text = Path(__file__).with_name(f"driver{ending}").read_text("utf-8")
        text = _chosen(text, conditions)
        text = re.sub(r"\bTOP_", prefix(manifest), text)
        text = re.sub(r"\btop(?=_[a-z]|\.h\b|, a core)", top, text)
        files[f"{top}_driver{ending}"] = text
    return files


def _conditions(manifest):
    """What the text asks for, by name."""
    bus, design, given = manifest.bus, manifest.design, manifest.parameters
    fields = {
        name: {field["name"] for field in stream["fields"]}
        for name, stream in manifest.streams.items()
    }
    tiles, channels = fields.get("tiles", set()), fields.get("channels", set())
    formats = given.get("a_format", "") + given.get("w_format", "")
    return {
        "DMA": "memory" in bus,
        "COUNTERS": any(register["name"].startswith("WORDS_") for register in bus["registers"]),
        "LONG_ADDRESSES": bus.get("address_width", 0) > 32,
        "NARROW_ADDRESSES": bus.get("address_width", 64) < 64,
        "GEMM": design != "eie",
        "FUSION": design == "gemm_fusion",
        "OUTPUT_STATIONARY": design == "gemm_os",
        "PAIRS": "ovp_" in formats,
        "WRAPS": given.get("overflow") == "wrap",
        "FIRST_LAST": "first" in tiles,
        "A_TYPE": "a_type" in tiles,
        "W_TYPE": "w_type" in tiles,
        "CHANNELS": bool(channels),
        "REQUANTIZE": "shift" in channels,
        "MULTIPLIER": "multiplier" in channels,
        "SPECIAL": "special" in fields["results"],
    }


_DIRECTIVE = re.compile(r"#(?:if (?P<negated>!?)(?P<name>\w+)$|(?P<if>if)|(?P<word>else|endif))")


def _chosen(text, conditions):
    """The lines whose conditions hold. Other conditions are left to the compiler."""
    lines = []
    stack = []  # whether lines stay, or None where a condition is the compiler's
    for line in text.splitlines(keepends=True):
        found = _DIRECTIVE.match(line)
        if found and found["name"] in conditions:
            stack.append(conditions[found["name"]] != bool(found["negated"]))
        elif found and not found["word"]:
            stack.append(None)
        elif found and stack[-1] is not None:
            if found["word"] == "else":
                stack[-1] = not stack[-1]
            else:
                stack.pop()
            continue
        elif found and found["word"] == "endif":
            stack.pop()
        if found and found["name"] in conditions:
            continue
        if False not in stack:
            lines.append(line)
    return "".join(lines)
