"""The VECTOR instruction on whole arrays."""

from typing import NamedTuple

import numpy as np

from ..arith.requantize import requantize

__all__ = ["Memories", "Write", "vector"]

#: Functions by number, those that requantize sums first.
_ADD, _MUL, _AFFINE, _MAX, _SUM, _DEPTHWISE, _REDUCE_SUM, _REDUCE_MAX = range(1, 9)
_WINDOWS = (_MAX, _SUM, _DEPTHWISE)
_REDUCTIONS = (_REDUCE_SUM, _REDUCE_MAX)


class Memories(NamedTuple):
    """What an instruction reads.

    Attributes
    ----------
    buffer : int8 array, words × lanes
    channels : list of dict
        ``bias``, ``multiplier``, ``shift``, ``zero_point``, ``low`` and ``high`` of each channel.
    tables : int32 array, words
    rounding : str
    """

    buffer: np.ndarray
    channels: list[dict[str, int]]
    tables: np.ndarray
    rounding: str


class Write(NamedTuple):
    """A word for the buffer; ``lanes`` are those that are written."""

    address: int
    codes: np.ndarray
    lanes: np.ndarray


def vector(fields: dict[str, int], memories: Memories) -> list[Write]:
    """The words that an instruction writes, in order.

    ``fields`` are values, not codes: counts are as they are, ``iy0`` and ``ix0`` are signed.
    Addresses wrap at 2^16, channels at 2^12.
    """
    lanes = memories.buffer.shape[1]
    function = fields["function"]
    writes = []
    for block in range(fields["nb"]):
        sums = _sums(fields, memories, block)
        codes = _results(fields, memories, block, sums)
        if function not in (_ADD, _MUL) and fields["table"]:
            group, byte = divmod(fields["table"], 4)
            entries = memories.tables[256 * group + (codes & 255)]
            codes = (entries >> 8 * byte & 255).astype(np.uint8).view(np.int8).astype(np.int64)
        written = np.arange(lanes)
        if block == fields["nb"] - 1 and fields["tail"]:
            written = written < fields["tail"]
        else:
            written = written >= 0
        for y, row in enumerate(codes):
            for x, word in enumerate(row):
                address = fields["d_base"] + block * fields["d_blk"]
                address += y * fields["d_row"] + x * fields["out_step"]
                writes.append(Write(address % (1 << 16), word, written))
    return writes


def _words(memories, addresses):
    return memories.buffer[np.asarray(addresses) % (1 << 16) % len(memories.buffer)].astype(
        np.int64
    )


def _grid(fields):
    return np.arange(fields["oh"])[:, None], np.arange(fields["ow"])[None, :]


def _sums(fields, memories, block):
    """What a function makes of operand a for each pixel and lane, before all parameters."""
    function = fields["function"]
    y, x = _grid(fields)
    base = fields["a_base"] + block * fields["a_blk"]
    if function not in _WINDOWS:
        a = _words(memories, base + y * fields["a_row"] + x)
        if function == _REDUCE_SUM:
            return a.sum((0, 1), keepdims=True)
        if function == _REDUCE_MAX:
            return a.max((0, 1), keepdims=True)
        return a
    taps = fields["kh"] * fields["kw"]
    outside = {_MAX: -128}.get(function, fields["a_zero"])
    total = None
    for tap in range(taps):
        i, j = divmod(tap, fields["kw"])
        row = y * fields["sy"] + i * fields["dy"] + fields["iy0"] + 0 * x
        column = x * fields["sx"] + j * fields["dx"] + fields["ix0"] + 0 * y
        inside = (row >= 0) & (row < fields["ih"]) & (column >= 0) & (column < fields["iw"])
        a = _words(memories, base + row * fields["a_row"] + column)
        a = np.where(inside[..., None], a, outside)
        if function == _DEPTHWISE:
            a = a * _words(memories, fields["w_base"] + block * taps + tap)
        if total is None:
            total = a
            continue
        total = np.maximum(total, a) if function == _MAX else total + a
    return total


def _results(fields, memories, block, sums):
    function = fields["function"]
    if function in (0, _MAX, _REDUCE_MAX):
        return sums
    lanes = memories.buffer.shape[1]
    codes = np.empty_like(sums)
    b = _operand_b(fields, memories, block) if function in (_ADD, _MUL) else None
    for lane in range(lanes):
        number = 0 if fields["shared"] else block * lanes + lane
        channel = memories.channels[(fields["p_base"] + number) % (1 << 12)]
        value = sums[..., lane]
        if b is None:
            codes[..., lane] = _rounded(memories, value, channel)
            continue
        entries = memories.tables[64 * fields["table"] + (b[..., lane] & 255)].astype(np.int64)
        if function == _ADD:
            exact = value * channel["multiplier"] + entries
        else:
            factor = (entries & 0x1FFFFFF ^ 0x1000000) - 0x1000000
            exact = (value - fields["a_zero"]) * factor + channel["bias"]
        plain = channel | {"bias": 0, "multiplier": 1}
        codes[..., lane] = _rounded(memories, exact, plain)
    return codes


def _rounded(memories, values, channel):
    return requantize(
        values,
        channel["bias"],
        channel["multiplier"],
        channel["shift"],
        channel["zero_point"],
        channel["low"],
        channel["high"],
        rounding=memories.rounding,
    )


def _operand_b(fields, memories, block):
    y, x = _grid(fields)
    mode = fields["b_mode"]
    address = fields["b_base"] + 0 * (x + y)
    if mode in (0, 1):
        address = address + block * fields["b_blk"]
    if mode in (0, 3):
        address = address + y * fields["b_row"] + x
    words = _words(memories, address)
    return words if mode in (0, 1) else np.broadcast_to(words[..., :1], words.shape)
