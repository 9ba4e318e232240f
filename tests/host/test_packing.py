"""Packing of integers into words."""

import numpy as np
from brickwork.sim.host.packing import integers


def test_integers():
    """The first byte is the lowest; words wider than 64 bits are whole."""
    words = np.zeros((3, 10), np.uint8)
    words[1, 0], words[2, 9] = 5, 0x80
    assert integers(words) == [0, 5, 0x80 << 72]
    assert integers(words[:0]) == []
