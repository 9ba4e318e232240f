"""The file of a compiled network, ``NAME.npu``: a program, its data, and what a host has to know.

All integers are little-endian::

    magic            8 bytes   BRICKNPU
    version          4 bytes   1
    sections         4 bytes   their count
    CRC-32           4 bytes   of the header, with zeros here
    length           4 bytes   of the digest
    digest                     of the core, in ASCII
    for each section, in the order of SECTIONS
        name         16 bytes  ASCII, zeros behind
        length       8 bytes
        CRC-32       4 bytes   of the content
    contents                   one behind the other

The header reaches up to the contents, and nothing is behind them. Equal containers have equal
bytes: objects are JSON with sorted keys.
"""

import json
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["MAGIC", "VERSION", "Container"]

MAGIC = b"BRICKNPU"
VERSION = 1
#: Sections of bytes, and sections of JSON.
_BYTES = ("program", "weights", "channels", "tables")
_JSON = {
    "segments": dict,
    "inputs": list,
    "outputs": list,
    "layers": list,
    "host": list,
    "source_map": list,
}
SECTIONS = (*_BYTES, *_JSON)
#: Sections of the segment of weights begin at multiples of these bytes.
_ALIGNMENT = 64
_START = struct.Struct("<8sIIII")
_SECTION = struct.Struct("<16sQI")
#: What a tensor's description has, and its types.
_TENSOR = {
    "name": str,
    "segment": str,
    "offset": int,
    "shape": list,
    "layout": str,
    "scale": float,
    "zero_point": int,
    "type": str,
}
_PHRASES = {
    **{str: "a string", int: "an integer", float: "a number", list: "a list"},
    dict: "an object",
}


@dataclass(frozen=True, kw_only=True)
class Container:
    """A compiled network.

    Attributes
    ----------
    digest : str
        Of the core that it was compiled for.
    program : bytes
    weights, channels, tables : bytes
        Their contents in DRAM, which the segment of weights holds one behind the other: see
        :meth:`weights_segment`.
    segments : dict of str to int
        Bytes of each segment of DRAM that the program uses.
    inputs, outputs : list of dict
        For each tensor of the network ``name``, ``segment``, ``offset`` (bytes), ``shape``,
        ``layout``, ``scale``, ``zero_point`` and ``type``.
    layers : list of dict
        What a report says of each layer.
    host : list of dict
        Parts of the network that run on the host.
    source_map : list of str
        For each instruction its origin, such as a layer and its rows.
    """

    digest: str
    program: bytes
    weights: bytes = b""
    channels: bytes = b""
    tables: bytes = b""
    segments: dict[str, int] = field(default_factory=dict)
    inputs: list[dict] = field(default_factory=list)
    outputs: list[dict] = field(default_factory=list)
    layers: list[dict] = field(default_factory=list)
    host: list[dict] = field(default_factory=list)
    source_map: list[str] = field(default_factory=list)

    def weights_segment(self) -> bytes:
        """The content of the segment of weights: weights, channels, tables.

        Each begins at a multiple of 64 bytes.
        """
        content = b""
        for section in (self.weights, self.channels, self.tables):
            content += bytes(-len(content) % _ALIGNMENT) + section
        return content

    def to_bytes(self) -> bytes:
        """The content of the file."""
        contents = [getattr(self, name) for name in _BYTES]
        contents += [
            json.dumps(
                getattr(self, name), sort_keys=True, separators=(",", ":"), allow_nan=False
            ).encode()
            for name in _JSON
        ]
        digest = self.digest.encode("ascii")
        table = b"".join(
            _SECTION.pack(name.encode(), len(content), zlib.crc32(content))
            for name, content in zip(SECTIONS, contents, strict=True)
        )
        rest = digest + table
        crc = zlib.crc32(_START.pack(MAGIC, VERSION, len(SECTIONS), 0, len(digest)) + rest)
        start = _START.pack(MAGIC, VERSION, len(SECTIONS), crc, len(digest))
        return b"".join([start, rest, *contents])

    @classmethod
    def read(cls, path: Path | str) -> "Container":
        """The container in a file.

        Raises
        ------
        ValueError
            If the file cannot be read, or is no whole container; one line with its name.
        """
        path = Path(path)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ValueError(f"Container {path} cannot be read: {error.strerror}") from None
        return cls.from_bytes(content, str(path))

    @classmethod
    def from_bytes(cls, content: bytes, name: str = "in memory") -> "Container":
        """The container of a file's content; ``name`` is the file's, for messages.

        Raises
        ------
        ValueError
            If it is no whole container.
        """

        def refuse(reason):
            return ValueError(f"Container {name} {reason}")

        if content[: len(MAGIC)] != MAGIC[: len(content)] or not content:
            raise refuse("must begin with BRICKNPU: it is another kind of file, or damaged")
        if len(content) < _START.size:
            raise refuse(f"is truncated: {len(content)} bytes are no header")
        _, version, count, crc, length = _START.unpack_from(content)
        if version != VERSION:
            raise refuse(f"must have the version {VERSION}, not {version}; compile it again")
        end = _START.size + length + len(SECTIONS) * _SECTION.size
        if count != len(SECTIONS):
            raise refuse(f"must have {len(SECTIONS)} sections, not {count}: it is damaged")
        if len(content) < end:
            raise refuse(f"is truncated: it has {len(content)} bytes, and its header {end}")
        header = _START.pack(MAGIC, version, count, 0, length) + content[_START.size : end]
        if zlib.crc32(header) != crc:
            raise refuse("is damaged: its header does not have its CRC-32")
        digest = content[_START.size : _START.size + length].decode("ascii", "replace")
        sections, at = {}, end
        for number, section in enumerate(SECTIONS):
            name_, size, crc = _SECTION.unpack_from(
                content, _START.size + length + number * _SECTION.size
            )
            if name_.rstrip(b"\0") != section.encode():
                raise refuse(f"must have the section {section}, not {name_!r}")
            if size > len(content) - at:
                raise refuse(
                    f"is truncated: its section {section} has {size} bytes, and the file "
                    f"{len(content) - at} more"
                )
            body = content[at : at + size]
            if zlib.crc32(body) != crc:
                raise refuse(f"is damaged: its section {section} does not have its CRC-32")
            sections[section], at = body, at + size
        if at != len(content):
            raise refuse(f"has {len(content) - at} bytes behind its last section: it is damaged")
        for section, type_ in _JSON.items():
            sections[section] = _object(refuse, section, sections[section], type_)
        _check_segments(refuse, sections["segments"])
        for section in ("inputs", "outputs"):
            _check_tensors(refuse, section, sections[section], sections["segments"])
        return cls(digest=digest, **sections)


def _object(refuse, section, content, type_):
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise refuse(f"must have JSON in its section {section}") from None
    if not isinstance(value, type_):
        raise refuse(f"must have {_PHRASES[type_]} in its section {section}")
    return value


def _check_segments(refuse, segments):
    for name, size in segments.items():
        if type(size) is not int or size < 0:
            raise refuse(f"must have the bytes of segment {name!r}, not {size!r}")


def _check_tensors(refuse, section, tensors, segments):
    for number, tensor in enumerate(tensors):
        for key, type_ in _TENSOR.items():
            value = tensor.get(key) if isinstance(tensor, dict) else None
            fits = isinstance(value, type_) or (type_ is float and isinstance(value, int))
            if not fits or isinstance(value, bool):
                raise refuse(f"must have {_PHRASES[type_]} as {section}[{number}].{key}")
        size = segments.get(tensor["segment"], 0)
        if not 0 <= tensor["offset"] < size:
            raise refuse(
                f"must have {section}[{number}] within the {size} bytes of segment "
                f"{tensor['segment']!r}, not at {tensor['offset']}"
            )
