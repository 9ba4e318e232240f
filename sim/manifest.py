"""The manifest of an emitted design: all that a host, a simulation or a tool flow knows of it.

It lies beside the Verilog as JSON. :class:`Manifest` is its only writer and its only reader.
"""

import json
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import get_origin

__all__ = ["SCHEMA", "Manifest"]

#: Version of the manifest's schema.
SCHEMA = 2

_JSON_TYPES = {str: "a string", dict: "an object", list: "a list"}


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
    path: Path | None = field(default=None, compare=False, repr=False)

    @classmethod
    def read(cls, path: Path | str) -> "Manifest":
        """The manifest in a file.

        Raises
        ------
        ValueError
            If the file cannot be read, is not JSON, or is no manifest of this version.
        """
        path = Path(path).absolute()
        try:
            entries = json.loads(path.read_text("utf-8"))
        except OSError as error:
            raise ValueError(f"Manifest {path} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise ValueError(f"Manifest {path} is not JSON: {error}") from None
        if not isinstance(entries, dict):
            raise ValueError(f"Manifest {path} must be a JSON object, not {type(entries).__name__}")
        if entries.pop("schema", None) != SCHEMA:
            raise ValueError(
                f"Manifest {path} must have the schema {SCHEMA}; emit the design again"
            )
        for item in fields(cls):
            if item.name == "path":
                continue
            if item.name not in entries:
                if item.default is MISSING and item.default_factory is MISSING:
                    raise ValueError(f"Manifest {path} lacks the field {item.name!r}")
                continue
            type_ = get_origin(item.type) or item.type
            if not isinstance(entries[item.name], type_):
                raise ValueError(
                    f"Manifest {path} is malformed: {item.name} must be {_JSON_TYPES[type_]}"
                )
        names = {item.name for item in fields(cls)}
        return cls(**{name: entries[name] for name in names & entries.keys()} | {"path": path})

    def to_json(self) -> str:
        """The text of the file."""
        entries = {item.name: getattr(self, item.name) for item in fields(self)}
        del entries["path"]
        return json.dumps({"schema": SCHEMA} | entries, indent=2) + "\n"

    @property
    def verilog_path(self) -> Path:
        """The Verilog file of a manifest that was read."""
        return self.path.with_name(self.verilog)

    @property
    def stream_ports(self) -> dict[str, dict]:
        """The streams that are ports of the top level: none of a core in a bus wrapper."""
        return {name: stream for name, stream in self.streams.items() if "payload" in stream}

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
