"""Modes and operands of fusion units, as testbenches draw them."""

import numpy as np

from ...golden.fusion.mode import Mode, mode_fields, spread
from ...lib.bench import manifest

__all__ = ["drawn", "extreme", "mode_word", "packed", "port_word"]


def port_word(port: str, values: dict[str, int]) -> int:
    """A word for a port that has fields, one of each of ``values``."""
    (record,) = [record for record in manifest().ports if record["name"] == port]
    offsets = {field["name"]: field["offset"] for field in record["fields"]}
    assert offsets.keys() == values.keys()
    return sum(values[name] << offset for name, offset in offsets.items())


def mode_word(mode: Mode) -> int:
    """A word for the port ``mode``."""
    return port_word("mode", mode_fields(mode))


def packed(values: np.ndarray, bits: int, other_bits: int) -> np.ndarray:
    """Spread 32-bit words, from numbers or codes by word, byte and place in the byte."""
    codes = (values & ((1 << bits) - 1)) << np.arange(0, 8, bits)
    words = (codes.sum(axis=2) << (8 * np.arange(8 // other_bits))).sum(axis=1)
    return spread(words, 0, other_bits)


def drawn(random: np.random.Generator, shape, other_bits: int) -> np.ndarray:
    """Random spread 32-bit words."""
    return spread(random.integers(0, 1 << 32, shape), 0, other_bits)


def extreme(random: np.random.Generator, shape, bits: int, other_bits: int, signed: int):
    """Spread 32-bit words of numbers that are the least or the greatest of their kind."""
    ones = (1 << bits) - 1
    limits = [1 << (bits - 1), ones >> 1] if signed else [0, ones]
    size = int(np.prod(shape)), 8 // other_bits, 8 // bits
    equal = random.random(size[0]) < 0.5  # all alike in half of the words
    codes = random.choice(limits, size)
    codes[equal] = codes[equal, :1, :1]
    return packed(codes, bits, other_bits).reshape(shape)
