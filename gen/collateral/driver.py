"""The C driver of a core behind AXI: a part for all designs, and a section for the design."""

import re
from pathlib import Path

from ...sim.manifest import Manifest
from ..designs import registry, wrappers
from .header import prefix

__all__ = ["driver", "find_section"]

#: A section is ``<name>.c`` and, where it declares something, ``<name>.h``.
_SECTIONS = Path(__file__).with_name("drivers")

#: The first line of a section that builds on other sections.
_USES = re.compile(r"/\* uses: ([\w ]+) \*/\n")


def find_section(design: str) -> str:
    """The name of a design's section: its parameter class's ``driver``.

    Raises
    ------
    ValueError
        If the design has no C driver.
    """
    name = registry.design(design).driver
    if name is None or not (_SECTIONS / f"{name}.c").exists():
        tops = ["stream", *(top for top, cls in wrappers.WRAPPERS.items() if not cls.has_driver)]
        raise ValueError(
            f"Design {design} has no C driver yet; emit it with --top {' or '.join(tops)}, or add "
            f"gen/collateral/drivers/{name or design}.c"
        )
    return name


def driver(manifest: Manifest) -> dict[str, str]:
    """The driver's files, by name: ``<top>_driver.h`` and ``<top>_driver.c``.

    They need ``<top>.h`` of :func:`header`. Lines of the texts between ``#if HAS_...`` and
    ``#endif`` stay where the core has the named feature.

    Parameters
    ----------
    manifest : Manifest
        Of a core with registers behind AXI4-Lite.

    Raises
    ------
    ValueError
        If the design has no C driver.
    """
    sections = _sections(find_section(manifest.design))
    headers = [path for name in sections if (path := _SECTIONS / f"{name}.h").exists()]
    declarations = "\n".join(path.read_text("utf-8") for path in headers)
    texts = {
        ".h": _common(".h").replace("/* DESIGN */\n", declarations),
        ".c": "\n".join([_common(".c"), *sections.values()]),
    }
    features = _features(manifest)
    files = {}
    for ending, text in texts.items():
        text = _select(text, features)
        text = re.sub(r"\bTOP_", prefix(manifest), text)
        text = re.sub(r"\btop(?=_[a-z]|\.h\b|, a core)", manifest.top, text)
        files[f"{manifest.top}_driver{ending}"] = text
    return files


def _common(ending):
    """The part for all designs."""
    return Path(__file__).with_name(f"driver{ending}").read_text("utf-8")


def _sections(name):
    """Texts of a section and of all sections that it uses, these first, by name."""
    text = (_SECTIONS / f"{name}.c").read_text("utf-8")
    sections = {}
    uses = _USES.match(text)
    for base in uses[1].split() if uses else []:
        sections |= _sections(base)
    return sections | {name: text[uses.end() if uses else 0 :]}


def _features(manifest):
    """Names after ``HAS_`` that the core has.

    They are its streams, as ``CHANNELS``; the fields of their words, as ``TILES_FIRST``; its
    parameters and derived figures, with the values of those that are words, as ``OVERFLOW_WRAP``;
    and features of the bus.
    """
    features = set()
    for stream, port in manifest.streams.items():
        features |= {stream, *(f"{stream}_{field['name']}" for field in port["fields"])}
    for name, value in (manifest.parameters | manifest.derived).items():
        features |= {name, f"{name}_{value}"} if isinstance(value, str) else {name}
    bus = manifest.bus
    features |= {"DMA"} if "memory" in bus else set()
    if any(register["name"].startswith("WORDS_") for register in bus["registers"]):
        features.add("COUNTERS")
    if "address_width" in bus:
        features |= {"LONG_ADDRESSES"} if bus["address_width"] > 32 else set()
        features |= {"NARROW_ADDRESSES"} if bus["address_width"] < 64 else set()
    return {name.upper() for name in features}


_DIRECTIVE = re.compile(r"#(?:if (?P<no>!?)HAS_(?P<feature>\w+)$|(?P<if>if)|(?P<else>else)|endif)")


def _select(text, features):
    """The lines whose conditions on features hold. Other conditions are left to the compiler."""
    lines = []
    stack = []  # whether lines stay, or None where the condition is the compiler's
    for line in text.splitlines(keepends=True):
        directive = _DIRECTIVE.match(line)
        ours = directive is not None
        if directive is None:
            pass
        elif directive["feature"]:
            stack.append((directive["feature"] in features) != bool(directive["no"]))
        elif directive["if"]:
            stack.append(None)
            ours = False
        elif directive["else"]:
            ours = stack[-1] is not None
            if ours:
                stack[-1] = not stack[-1]
        else:
            ours = stack.pop() is not None
        if not ours and False not in stack:
            lines.append(line)
    return "".join(lines)
