"""Files that open a waveform in GTKWave and in Surfer: streams in groups, payloads by fields.

They lie beside the FST file and follow from the manifest alone. GTKWave shows each field of a
payload, and each lane of an array, as a signal of its own. Surfer has no slices of a signal: there
the bits of the fields stand below the payload.
"""

import dataclasses
import itertools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..manifest import Manifest

__all__ = ["how_to_open", "view_files", "write_views"]

#: GTKWave's flags of a signal by its format, and of a group's ends; open, and closed.
_FLAGS = {"hex": "@22", "bin": "@28", "unsigned": "@24", "signed": "@420"}
_BEGIN, _END = ("@800200", "@c00200"), ("@1000200", "@1401200")
#: GTKWave's zoom: a cycle of 2 ns takes some 50 pixels.
_ZOOM = -13
#: Lanes of a field that are open at first.
_MOST = 8


@dataclass(frozen=True, kw_only=True)
class _Signal:
    """A signal, or bits of one.

    Attributes
    ----------
    path : str
        From the top-level module on, with dots.
    label : str
        Empty for the signal's own name.
    width, low, bits : int
        Width of the whole signal; the lowest bit, and the number of bits.
    format : str
        A key of :data:`_FLAGS`.
    """

    path: str
    label: str = ""
    width: int
    low: int = 0
    bits: int
    format: str


@dataclass(frozen=True, kw_only=True)
class _Field:
    """A field of a payload; ``text`` has its bits in words."""

    text: str
    signals: list[_Signal]


class _Group(NamedTuple):
    """Signals, and the fields of payloads behind them, under a heading."""

    name: str
    items: list[_Signal | _Field]


def view_files(waves: Path) -> tuple[Path, Path]:
    """The save file of GTKWave and the command file of Surfer for a waveform file."""
    return waves.with_suffix(".gtkw"), waves.with_suffix(".sucl")


def write_views(manifest: Manifest, waves: Path) -> None:
    """Writes the :func:`view_files` of a waveform file, which need not exist yet."""
    groups = list(_groups(manifest))
    gtkwave, surfer = view_files(Path(waves).absolute())
    lines = [f'[dumpfile] "{waves.absolute()}"', f'[savefile] "{gtkwave}"']
    lines += [f"*{_ZOOM:.6f} -1{' -1' * 26}", f"[treeopen] {manifest.top}.", *_gtkwave(groups)]
    gtkwave.write_text("\n".join(lines) + "\n", "utf-8")
    lines = [f"scope_select {manifest.top}", *_surfer(groups), "zoom_fit"]
    surfer.write_text("\n".join(lines) + "\n", "utf-8")


def how_to_open(waves: Path) -> dict[str, str]:
    """Viewer to the command that shows a waveform file with its :func:`view_files`."""
    gtkwave, surfer = view_files(waves)
    return {
        "GTKWave": shlex.join(["gtkwave", str(gtkwave)]),
        "Surfer": shlex.join(["surfer", str(waves), "--command-file", str(surfer)]),
    }


def _groups(manifest: Manifest) -> Iterator[_Group]:
    """Clock and reset, channels of buses, streams of the core, then all other ports."""
    ports = {port["name"]: port for port in manifest.ports}
    clocks = (manifest.bus.get("clock", "clk"), manifest.bus.get("reset", "rst"))
    shown = [name for name in clocks if name in ports]
    if shown:
        yield _Group("clock_and_reset", [_signal(manifest, ports[name]) for name in shown])
    for channel, names in _channels(manifest.bus, list(ports)):
        yield _Group(channel, [_signal(manifest, ports[name]) for name in names])
        shown += names
    for name, stream in manifest.streams.items():
        valid, ready, payload = (
            {"name": manifest.stream_signals[name][role], "width": width}
            for role, width in (("valid", 1), ("ready", 1), ("payload", stream["width"]))
        )
        handshake = [_signal(manifest, valid), _signal(manifest, ready)]
        word = _with_fields(_signal(manifest, payload), stream["fields"])
        yield _Group(name, [*handshake, *word])
        shown += [valid["name"], ready["name"], payload["name"]]
    others = [port for name, port in ports.items() if name not in shown]
    items = [_with_fields(_signal(manifest, port), port.get("fields", [])) for port in others]
    if items:
        yield _Group("ports", [*itertools.chain(*items)])


def _signal(manifest, port):
    return _Signal(
        path=f"{manifest.top}.{port['name']}",
        width=port["width"],
        bits=port["width"],
        format="bin" if port["width"] == 1 else "hex",
    )


def _channels(bus, ports):
    """Each channel of AXI and its ports: those with its prefix, the handshake first."""
    ends = [*bus.get("streams", {}).values(), bus.get("control", {}), bus.get("memory", {})]
    for interface in [end["interface"] for end in ends if "interface" in end]:
        members = [name for name in ports if name.startswith(f"{interface}_")]
        for valid in [name for name in members if name.endswith("valid")]:
            channel = valid.removesuffix("valid")
            first = (valid, f"{channel}ready")
            names = [*first, *(name for name in members if name.startswith(channel))]
            yield channel, list(dict.fromkeys(names))


def _with_fields(word: _Signal, fields: list[dict]) -> list[_Signal | _Field]:
    """A payload and its fields; in the format of a field that is as wide as the payload."""
    if len(fields) == 1 and fields[0]["width"] == word.width and "fields" not in fields[0]:
        return [dataclasses.replace(word, format=_format(fields[0]))]
    return [word, *_fields(word, fields)]


def _fields(word, fields, prefix="", base=0) -> Iterator[_Field]:
    """The fields of a payload from bit 0 up; a structure's own in its place."""
    for field in fields:
        count, width = field["count"], field["width"]
        name, low = prefix + field["name"], base + field["offset"]
        lanes = [(f"{name}[{n}]" if count > 1 else name, low + n * width) for n in range(count)]
        if "fields" in field:
            for lane, at in lanes:
                yield from _fields(word, field["fields"], f"{lane}.", at)
        elif width:
            high = low + count * width - 1
            text = f"{name} {low}" if high == low else f"{name} {high}:{low}"
            text += f", {count} lanes of {width} bits" if count > 1 else ""
            text += ", signed" if field["signed"] else ""
            signals = [
                dataclasses.replace(word, label=lane, low=at, bits=width, format=_format(field))
                for lane, at in lanes
            ]
            yield _Field(text=text, signals=signals)


def _format(field):
    return "signed" if field["signed"] else "bin" if field["width"] == 1 else "unsigned"


def _gtkwave(groups) -> Iterator[str]:
    """Lines of a save file: flags, then a name, or the bits that make up a signal."""
    for group in groups:
        yield from (_BEGIN[False], f"-{group.name}")
        for item in group.items:
            signals = item.signals if isinstance(item, _Field) else [item]
            heading = f"-{item.text}" if len(signals) > 1 else ""
            if heading:
                yield from (_BEGIN[len(signals) > _MOST], heading)
            for signal in signals:
                yield from (_FLAGS[signal.format], _bits(signal))
            if heading:
                yield from (_END[len(signals) > _MOST], heading)
        yield from (_END[False], f"-{group.name}")


def _bits(signal):
    name = signal.path if signal.width == 1 else f"{signal.path}[{signal.width - 1}:0]"
    if not signal.label:
        return name
    # GTKWave counts bits from the left.
    first = signal.width - signal.low - signal.bits
    bits = " ".join(f"({first + bit}){name}" for bit in range(signal.bits))
    return f"{'#' if signal.bits > 1 else '+'}{{{signal.label}}} {bits}"


def _surfer(groups) -> Iterator[str]:
    """Lines of a command file; a divider's name is one word."""
    for group in groups:
        yield f"divider_add {_word(group.name)}"
        for item in group.items:
            if isinstance(item, _Field):
                yield f"divider_add {_word(item.text)}"
            else:
                yield f"variable_add {item.path}"


def _word(text):
    return re.sub(r"\W+", "_", text.replace(":", " to "))
