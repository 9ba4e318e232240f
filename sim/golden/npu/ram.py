"""Golden model of memories: words after a write of some of their bits."""

__all__ = ["ram"]


def ram(word: int, data: int, mask: int, granularity: int) -> int:
    """A word after a write.

    Parameters
    ----------
    word, data : int
        The word before, and what is written.
    mask : int
        A bit for each group of bits that is written, that of the lowest group first.
    granularity : int
        Bits of a group.
    """
    ones = (1 << granularity) - 1
    group = 0
    while mask >> group:
        if mask >> group & 1:
            bits = ones << group * granularity
            word = (word & ~bits) | (data & bits)
        group += 1
    return word
