"""The file of a compiled network: what is written is read, and damage is refused in one line."""

import re
import struct
import zlib

import pytest
from brickwork.sim.npu.container import SECTIONS, Container

TENSOR = {
    **{"name": "x", "segment": "input", "offset": 0, "shape": [1, 3, 4, 5], "layout": "blocked"},
    **{"scale": 0.5, "zero_point": -3, "type": "int8"},
}
SMALL = Container(
    digest="0123456789abcdef",
    program=bytes(32),
    weights=b"weights",
    channels=bytes(range(12)),
    tables=b"\1\2\3\4",
    segments={"weights": 132, "input": 60},
    inputs=[TENSOR],
    outputs=[TENSOR | {"name": "y", "scale": 1}],
    layers=[{"name": "conv1", "macs": 7}],
    source_map=["conv1 rows 0-7"],
)
BYTES = SMALL.to_bytes()


def refusal(content):
    """The message for a content."""
    with pytest.raises(ValueError, match=r"^Container ") as caught:
        Container.from_bytes(content, "net.npu")
    message = str(caught.value)
    assert message.startswith("Container net.npu ")
    assert "\n" not in message
    return message.removeprefix("Container net.npu ")


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "net.npu"
    path.write_bytes(BYTES)
    assert Container.read(path) == SMALL
    empty = Container(digest="", program=b"")
    assert Container.from_bytes(empty.to_bytes()) == empty


def test_bytes_do_not_depend_on_the_order_of_keys():
    turned = dict(reversed(TENSOR.items()))
    segments = dict(reversed(SMALL.segments.items()))
    values = {name: getattr(SMALL, name) for name in ("digest", *SECTIONS)}
    values |= {"inputs": [turned], "segments": segments}
    assert Container(**values).to_bytes() == BYTES


def test_bytes_are_as_documented():
    magic, version, count, crc, length = struct.unpack_from("<8sIIII", BYTES)
    assert (magic, version, count, length) == (b"BRICKNPU", 1, 10, 16)
    end = 24 + 16 + 10 * 28
    assert crc == zlib.crc32(BYTES[:16] + bytes(4) + BYTES[20:end])
    assert BYTES[24:40] == b"0123456789abcdef"
    assert BYTES[40:56] == b"program".ljust(16, b"\0")
    assert struct.unpack_from("<QI", BYTES, 56) == (32, zlib.crc32(bytes(32)))
    assert BYTES[end : end + 39] == bytes(32) + b"weights"


def test_segment_of_weights():
    content = SMALL.weights_segment()
    assert content == b"weights" + bytes(57) + bytes(range(12)) + bytes(52) + b"\1\2\3\4"
    assert len(content) == SMALL.segments["weights"]


def test_every_flipped_bit_is_refused():
    for bit in range(8 * len(BYTES)):
        content = bytearray(BYTES)
        content[bit // 8] ^= 1 << bit % 8
        refusal(bytes(content))


def test_every_truncation_is_refused():
    for length in range(len(BYTES)):
        refusal(BYTES[:length])


def changed(container, **values):
    fields = {name: getattr(container, name) for name in ("digest", *SECTIONS)} | values
    return Container(**fields).to_bytes()


#: Changes of the bytes, and messages.
REFUSALS = {
    "empty": (b"", "must begin with BRICKNPU: it is another kind of file, or damaged"),
    "other": (
        b"PK\3\4" + BYTES,
        "must begin with BRICKNPU: it is another kind of file, or damaged",
    ),
    "no header": (BYTES[:20], "is truncated: 20 bytes are no header"),
    "version": (
        BYTES[:8] + b"\2" + BYTES[9:],
        "must have the version 1, not 2; compile it again",
    ),
    "count": (BYTES[:12] + b"\3" + BYTES[13:], "must have 10 sections, not 3: it is damaged"),
    "header": (BYTES[:100], "is truncated: it has 100 bytes, and its header 320"),
    "digest": (
        BYTES[:24] + b"1" + BYTES[25:],
        "is damaged: its header does not have its CRC-32",
    ),
    "program": (
        BYTES[:320] + b"1" + BYTES[321:],
        "is damaged: its section program does not have its CRC-32",
    ),
    "contents": (
        BYTES[:330],
        "is truncated: its section program has 32 bytes, and the file 10 more",
    ),
    "behind": (BYTES + b"12", "has 2 bytes behind its last section: it is damaged"),
    "not a list": (changed(SMALL, layers={}), "must have a list in its section layers"),
    "not an object": (changed(SMALL, segments=[]), "must have an object in its section segments"),
    "offset": (
        changed(SMALL, inputs=[TENSOR | {"offset": "0"}]),
        "must have an integer as inputs[0].offset",
    ),
    "bytes": (
        changed(SMALL, segments={"input": -1}),
        "must have the bytes of segment 'input', not -1",
    ),
    "outside": (
        changed(SMALL, inputs=[TENSOR, TENSOR | {"offset": 60}]),
        "must have inputs[1] within the 60 bytes of segment 'input', not at 60",
    ),
    "scale": (
        changed(SMALL, outputs=[TENSOR, TENSOR | {"scale": True}]),
        "must have a number as outputs[1].scale",
    ),
    "tensor": (changed(SMALL, inputs=[1]), "must have a string as inputs[0].name"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name):
    content, message = REFUSALS[name]
    assert refusal(content) == message


def test_a_file_that_is_not_there(tmp_path):
    path = tmp_path / "net.npu"
    message = f"Container {path} cannot be read: No such file or directory"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Container.read(path)
