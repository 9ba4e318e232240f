"""Arrays of numpy as bytes in DRAM: activations, weights, parameters of channels, tables."""

import numpy as np

from ...sim.host.packing import pack
from ...sim.npu.core import CHANNEL_FIELDS, Core

__all__ = ["blocks", "channel_words", "from_blocked", "tap_words", "to_blocked", "weight_words"]


def blocks(channels: int, rows: int) -> int:
    """Blocks of so many lanes that hold the channels."""
    return -(-channels // rows)


def to_blocked(tensor: np.ndarray, rows: int) -> np.ndarray:
    """Codes of channels × height × width as bytes: blocks, rows, columns, lanes."""
    channels, height, width = tensor.shape
    padded = np.zeros((blocks(channels, rows) * rows, height, width), np.int8)
    padded[:channels] = tensor
    words = padded.reshape(-1, rows, height, width).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(words).reshape(-1).view(np.uint8)


def from_blocked(content: np.ndarray, shape: tuple[int, int, int], rows: int) -> np.ndarray:
    """The codes of :func:`to_blocked`'s bytes: int8, channels × height × width."""
    channels, height, width = shape
    words = content.view(np.int8).reshape(-1, height, width, rows)
    return words.transpose(0, 3, 1, 2).reshape(-1, height, width)[:channels].copy()


def weight_words(core: Core, tiles: np.ndarray) -> bytes:
    """Words of weights in the order in which MATRIX reads them.

    Parameters
    ----------
    core : Core
    tiles : integers, outputs × tiles × rows
        Outputs are filled with zeros to whole groups.
    """
    outputs, count, rows = tiles.shape
    padded = np.zeros((blocks(outputs, core.cols) * core.cols, count, rows), np.int64)
    padded[:outputs] = tiles
    words = padded.reshape(-1, core.cols, count, rows).transpose(0, 2, 3, 1)[:, :, ::-1]
    return pack(words.reshape(-1, core.cols), core.weight_bits).tobytes()


def tap_words(core: Core, weights: np.ndarray) -> bytes:
    """Taps of a depthwise window, channels × height × width: for each block a word a tap."""
    return to_blocked(weights, core.rows).tobytes()


def channel_words(**parameters: np.ndarray) -> bytes:
    """Parameters of channels: an array, or one value, for each of ``CHANNEL_FIELDS``."""
    columns = np.broadcast_arrays(*(parameters[name] for name, _, _ in CHANNEL_FIELDS))
    words, low = np.zeros(columns[0].size, object), 0
    for (name, width, is_signed), column in zip(CHANNEL_FIELDS, columns, strict=True):
        lowest = -(1 << width - 1) if is_signed else 0
        highest = lowest + (1 << width) - 1
        values = column.ravel().astype(object)
        wrong = [value for value in values if not lowest <= value <= highest]
        if wrong:
            subject = name.capitalize().replace("_", " ")
            raise ValueError(f"{subject} must be from {lowest} to {highest}, not {wrong[0]}")
        words += (values & (1 << width) - 1) << low
        low += width
    size = -(-low // 32) * 4
    return b"".join(int(word).to_bytes(size, "little") for word in words)
