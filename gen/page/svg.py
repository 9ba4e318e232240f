"""Plots as part of a page: colours follow its scheme, points refer to rows of its table."""

import re
from xml.etree import ElementTree

from matplotlib.figure import Figure

from ..lib.plots import COLOURS, rendered
from .markup import Markup

__all__ = ["GRID", "INK", "PAPER", "inline", "mark"]

#: Colours of text, of lines behind the data, and of the page.
INK, GRID, PAPER = "#1f2933", "#d5dbe1", "#ffffff"

_VARIABLES = {value: name for name, value in COLOURS.items()}
_VARIABLES |= {INK: "ink", GRID: "grid", PAPER: "paper"}
_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_MARK = re.compile(r"(point|roof)((?:-\d+)+)")


def mark(class_: str, numbers: list[int]) -> str:
    """The ``gid`` of a shape that stands for points: ``class_`` is ``point`` or ``roof``."""
    return "-".join([class_, *map(str, numbers)])


def inline(figure: Figure, name: str, title: str) -> Markup:
    """The figure as an ``svg`` element.

    Identifiers begin with ``name``, which no other figure of the page may have. Groups with a
    :func:`mark` get its class and the points' numbers as ``data-p``.
    """
    root = ElementTree.fromstring(rendered(figure, transparent=True))
    for child in list(root):
        if child.tag == f"{_SVG}metadata" or child.find(f"{_SVG}style") is not None:
            root.remove(child)
    text = ElementTree.tostring(root, "unicode")
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
    for node in root.iter():
        node.tag = node.tag.removeprefix(_SVG)
        href = node.attrib.pop(_HREF, None)
        if href:
            node.set("href", f"#{name}-{href[1:]}")
        identifier = node.attrib.pop("id", None)
        if identifier in used:
            node.set("id", f"{name}-{identifier}")
        if match := _MARK.fullmatch(identifier or ""):
            node.set("class", match[1])
            node.set("data-p", match[2].replace("-", " ").strip())
        if node.get("transform", "").startswith("rotate(-0 "):
            del node.attrib["transform"]
        for attribute, value in node.attrib.items():
            node.set(attribute, _shorter(attribute, value, name))
        node.text, node.tail = ((text or "").strip() for text in (node.text, node.tail))
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.set("role", "img")
    root.set("aria-label", title)
    root[:] = _needed(root)
    return Markup(ElementTree.tostring(root, "unicode"))


def _shorter(attribute, value, name):
    """The attribute with colours of the page, own identifiers and two decimals."""
    if attribute in ("data-p", "id", "href", "class"):
        return value
    value = value.replace("url(#", f"url(#{name}-").replace("; font-family: 'DejaVu Sans'", "")
    value = re.sub(r"#[0-9a-f]{6}\b", _coloured, value)
    value = re.sub(r"-?\d+\.\d{3,}", lambda match: f"{float(match[0]):.2f}", value)
    return " ".join(value.split())


def _coloured(match):
    name = _VARIABLES.get(match[0])
    return f"var(--{name})" if name else match[0]


def _needed(node):
    """Children without empty groups, groups without attributes, and invisible shapes."""
    for child in node:
        child[:] = _needed(child)
        if child.tag == "g" and not child.attrib:
            yield from child
            continue
        empty = child.tag in ("g", "defs") and not len(child)
        if not empty and child.get("style") != "fill: none":
            yield child
