"""Reads the names of signals in FST files."""

from pathlib import Path

__all__ = ["blocks", "signals", "unlz4"]

_SCOPE, _UP, _ATTRIBUTE, _ATTRIBUTE_END = 254, 255, 252, 253


def signals(path: Path) -> dict[str, int]:
    """Full name, with dots, to width of each signal."""
    packed = blocks(path)[6]
    data = unlz4(packed[8:])
    assert len(data) == int.from_bytes(packed[:8], "big")
    at, scopes, found = 0, [], {}

    def text():
        nonlocal at
        start, at = at, data.index(0, at) + 1
        return data[start : at - 1].decode()

    def number():
        nonlocal at
        value = shift = 0
        more = True
        while more:
            value |= (data[at] & 127) << shift
            more, shift, at = data[at] >= 128, shift + 7, at + 1
        return value

    while at < len(data):
        tag = data[at]
        at += 1
        if tag == _SCOPE:
            at += 1
            scopes.append(text())
            text()
        elif tag == _UP:
            scopes.pop()
        elif tag == _ATTRIBUTE:
            at += 2
            text()
            number()
        elif tag != _ATTRIBUTE_END:
            at += 1
            name = ".".join([*scopes, text().partition(" ")[0]])
            found[name] = number()
            number()
    return found


def blocks(path: Path) -> dict[int, bytes]:
    """Type to content of the file's blocks."""
    data, at, found = path.read_bytes(), 0, {}
    while at < len(data):
        size = int.from_bytes(data[at + 1 : at + 9], "big")
        found[data[at]] = data[at + 9 : at + 1 + size]
        at += 1 + size
    assert at == len(data)
    return found


def unlz4(block):
    """Decodes an LZ4 block, by the format's description, which also says how one must end."""
    data, at, copied = bytearray(), 0, None

    def length(short):
        nonlocal at
        more = short == 15
        while more:
            short += block[at]
            more = block[at] == 255
            at += 1
        return short

    while True:
        token = block[at]
        at += 1
        count = length(token >> 4)
        assert at + count <= len(block)
        data += block[at : at + count]
        at += count
        if at == len(block):
            assert copied is None or (count >= 5 and len(data) - copied >= 12)
            return bytes(data)
        distance = int.from_bytes(block[at : at + 2], "little")
        at += 2
        match = length(token & 15) + 4
        copied = len(data)
        assert 0 < distance <= copied
        again = data[-distance:]
        data += (again * (match // distance + 1))[:match]
