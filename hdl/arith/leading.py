"""Detection of leading zeros."""

from amaranth.hdl import Const, Mux

__all__ = ["leading_zeros"]


def leading_zeros(value):
    """Number of zeros above the highest one of ``value``; its width if there is no one in it."""
    count = Const(len(value), len(value).bit_length())
    for position, bit in enumerate(value):
        count = Mux(bit, Const(len(value) - 1 - position, count.shape()), count)
    return count
