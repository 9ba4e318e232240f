"""The manifest of an emitted design: all that a host, a simulation or a tool flow knows of it.

It lies beside the Verilog as JSON. :class:`Manifest` is its only writer and its only reader.
"""

import json
import re
from collections.abc import Collection
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import get_args, get_origin

from . import plugins
from .text_file import read_text

__all__ = ["SCHEMA", "Manifest"]

#: Version of the manifest's schema.
SCHEMA = 2

_JSON_TYPES = {str: "a string", dict: "an object", list: "a list"}


def _entries(path: Path):
    """The content of a JSON file.

    Raises
    ------
    ValueError
        If it cannot be read, or is not JSON.
    """
    try:
        return json.loads(
            read_text(path), object_pairs_hook=lambda pairs: _Entries(pairs, path.absolute())
        )
    except OSError as error:
        raise ValueError(f"Manifest {path} cannot be read: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"Manifest {path} is not JSON: {error}; emit the design again") from None
    except RecursionError:
        raise ValueError(f"Manifest {path} is not JSON that Python can read") from None


def _check_type(path: Path, name: str, value, type_) -> None:
    """Raises ``ValueError`` if a field, or an item of it, has another type."""
    plain, arguments = get_origin(type_) or type_, get_args(type_)
    if not isinstance(value, plain):
        raise ValueError(
            f"Manifest {path} is malformed: {name} must be {_JSON_TYPES[plain]}; emit the design "
            "again"
        )
    if arguments:
        items = value.items() if plain is dict else enumerate(value)
        for index, item in items:
            _check_type(path, f"{name}[{index!r}]", item, arguments[-1])


class _Entries(dict):
    """An object of a manifest that was read; an entry that it lacks is an error in one line."""

    def __init__(self, pairs, path: Path):
        super().__init__(pairs)
        self.path = path

    def __missing__(self, name):
        raise ValueError(f"Manifest {self.path} lacks the entry {name!r}; emit the design again")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What was emitted.

    Attributes
    ----------
    design : str
        Name of the core's design; of any other unit its own.
    digest : str
        Hexadecimal digits that stand for the design and all parameters, the bus wrapper's included.
        A wrapper tells the first eight in its register ``DIGEST``. Empty for a unit by itself.
    parameters : dict
        The core's.
    top : str
        Name of the top-level module.
    verilog : str
        Name of the Verilog file, which lies beside the manifest.
    derived : dict
        Figures that follow from the parameters: the accumulator width, types, codes.
    timing : dict
        Latencies in cycles, which cycle bounds are made of.
    ports : list of dict
        ``name``, ``width``, ``signed``, ``direction`` of each, clock and reset first.
    streams : dict
        Name to ``direction``, ``width`` and ``fields`` of the payload, from bit 0 up; of a bare
        core also the ports ``payload``, ``valid`` and ``ready``.
    bus : dict
        Of a core in a bus wrapper: its name ``top``, its ``parameters``, its streams, registers,
        errors and protocol. Empty for a bare core.
    modules : dict
        Module name to ``unit`` and ``role``, the row of an area table that it counts in.
    hierarchical_blocks : list of str
        Modules that are simulated as libraries of their own.
    tools : dict
        Versions of what emitted the design.
    revision : str
        RTL revision: eight hexadecimal digits that stand for the sources of the hardware and of the
        emission, code of plug-ins included. A wrapper tells it in its register ``REVISION``.
    plugins : dict
        Name to digest of each plug-in that the design, or a format, comes from.
    isa : dict
        Of a network processor: its instruction set, with the fields of every instruction. Empty for
        any other design.
    path : Path or None
        Where the manifest was read from.
    """

    design: str
    digest: str = ""
    parameters: dict
    top: str
    verilog: str
    derived: dict = field(default_factory=dict)
    timing: dict = field(default_factory=dict)
    ports: list[dict]
    streams: dict[str, dict] = field(default_factory=dict)
    bus: dict = field(default_factory=dict)
    modules: dict[str, dict] = field(default_factory=dict)
    hierarchical_blocks: list[str] = field(default_factory=list)
    tools: dict[str, str] = field(default_factory=dict)
    revision: str = ""
    plugins: dict[str, str] = field(default_factory=dict)
    isa: dict = field(default_factory=dict)
    path: Path | None = field(default=None, compare=False, repr=False)

    @classmethod
    def read(cls, path: Path | str) -> "Manifest":
        """The manifest in a file.

        Raises
        ------
        ValueError
            If the file cannot be read, is not JSON, or is no manifest of this version. An entry
            that a later lookup misses is a ``ValueError``, too.
        """
        path = Path(path)
        entries = _entries(path)
        if not isinstance(entries, dict):
            raise ValueError(f"Manifest {path} must be a JSON object, not {type(entries).__name__}")
        if (schema := entries.pop("schema", None)) != SCHEMA:
            other = "" if schema is None else f", not {schema!r}"
            raise ValueError(
                f"Manifest {path} must have the schema {SCHEMA}{other}; emit the design again"
            )
        for item in fields(cls):
            if item.name == "path":
                continue
            if item.name not in entries:
                if item.default is MISSING and item.default_factory is MISSING:
                    raise ValueError(
                        f"Manifest {path} lacks the field {item.name!r}; emit the design again"
                    )
                continue
            _check_type(path, item.name, entries[item.name], item.type)
        names = {item.name for item in fields(cls)} & entries.keys()
        return cls(**{name: entries[name] for name in names} | {"path": path.absolute()})

    @classmethod
    def at(cls, path: Path | str, wrappers: Collection[str] = ()) -> "Manifest":
        """The manifest in a folder, beside any other files, or that of a file.

        Parameters
        ----------
        path : Path
        wrappers : collection of str
            Bus wrappers that the core may be in; empty stands for all, and for a bare core.

        Raises
        ------
        ValueError
            As :meth:`read` does; also if there is none, or more than one, of such a core.
        """
        path = Path(path)
        core = f" of a core in the bus wrapper {' or '.join(wrappers)}" if wrappers else ""
        remedy = f"; see brickwork emit --top {[*wrappers][-1]}" if wrappers else ""
        if not path.exists():
            raise ValueError(f"Folder {path} cannot be read: No such file or directory")
        if not path.is_dir():
            manifest = cls.read(path)
            if wrappers and manifest.wrapper not in wrappers:
                raise ValueError(f"Manifest {path} must be{core}, not {manifest.wrapper}{remedy}")
            return manifest
        manifests, damaged = [], []
        for file in sorted(path.glob("*.json")):
            try:
                # A file of somebody else is no manifest.
                if isinstance(entries := _entries(file), dict) and "schema" in entries:
                    manifests.append((file, entries.get("bus")))
            except ValueError as error:
                damaged.append(error)
        manifests = [
            file
            for file, bus in manifests
            if not wrappers or not isinstance(bus, dict) or bus.get("top", "stream") in wrappers
        ]
        if not manifests and damaged:
            raise damaged[0]
        if len(manifests) != 1:
            names = f" ({', '.join(file.name for file in manifests)}); name one of the files"
            raise ValueError(
                f"Folder {path} must hold one manifest{core}, not {len(manifests)}"
                f"{names if manifests else remedy}"
            )
        return cls.read(manifests[0])

    def to_json(self) -> str:
        """The text of the file."""
        entries = {item.name: getattr(self, item.name) for item in fields(self)}
        del entries["path"]
        return json.dumps({"schema": SCHEMA} | entries, indent=2, allow_nan=False) + "\n"

    def check_plugins(self) -> None:
        """Check that the plug-ins of the design are loaded.

        Raises
        ------
        PluginError
            If one is missing, or is another one than at emission.
        """
        plugins.of_manifest(self.plugins, f"Manifest {self.path or self.top}")

    @property
    def verilog_path(self) -> Path:
        """The Verilog file of a manifest that was read."""
        return self.path.with_name(self.verilog)

    @property
    def code(self) -> bytes:
        """The Verilog without the comment at its beginning, for keys of caches.

        The comment names the release, which makes no difference to a simulation or a netlist.
        """
        text = self.verilog_path.read_bytes()
        return re.sub(rb"\A(?://.*\n)*", b"", text)

    @property
    def stream_ports(self) -> dict[str, dict]:
        """The streams that are ports of the top level: none of a core in a bus wrapper."""
        return {name: stream for name, stream in self.streams.items() if "payload" in stream}

    @property
    def stream_signals(self) -> dict[str, dict[str, str]]:
        """Each stream's ``payload``, ``valid`` and ``ready`` as signals below the top level."""
        inside = f"{self.bus['core']['instance']}." if self.bus else ""
        return {
            name: {
                role: f"{inside}{stream.get(role, f'{name}_{role}')}"
                for role in ("payload", "valid", "ready")
            }
            for name, stream in self.streams.items()
        }

    @property
    def wrapper(self) -> str:
        """Name of the bus wrapper; ``stream`` for a bare core."""
        return self.bus.get("top", "stream")

    @property
    def inputs(self) -> list[str]:
        """Names of the input streams."""
        return [name for name, stream in self.streams.items() if stream["direction"] == "input"]

    def word_bytes(self, stream: str) -> int:
        """Bytes of a stream's word, packed."""
        return -(-self.streams[stream]["width"] // 8)

    def fields_of(self, stream: str) -> list[dict]:
        """Fields of a word of a stream; a stream of a bus wrapper alone has one, ``value``."""
        if stream in self.streams:
            return self.streams[stream]["fields"]
        width = self.bus["streams"][stream]["width"]
        return [{"name": "value", "offset": 0, "width": width, "count": 1, "signed": False}]
