"""Detection of leading zeros, and their removal."""

import itertools

from amaranth.hdl import Cat, Const, Mux, Signal

__all__ = ["leading_zeros", "normalized"]


def leading_zeros(value):
    """Number of zeros above the highest one of ``value``; its width if there is no one in it."""
    count = Const(len(value), len(value).bit_length())
    for position, bit in enumerate(value):
        count = Mux(bit, Const(len(value) - 1 - position, count.shape()), count)
    return count


def normalized(m, value, most=None, near=0):
    """``value`` shifted left until its top bit is one, and the distance.

    Steps of powers of two, the largest first, each taken if as many bits at the top are zero: a
    separate count would cost as many multiplexers again.

    Parameters
    ----------
    m : Module
    value : Value
        Unsigned. Zero stays zero, with a distance of no meaning.
    most : int or None
        The greatest distance, if any.
    near : int
        So many low bits are zero wherever the distance is 4 or more.

    Returns
    -------
    (Value, Value)
        Of the width of ``value``, and the distance.
    """
    width = len(value)
    taken = []
    for position in reversed(range((width - 1).bit_length())):
        step = 1 << position
        clear = Signal(name=f"clear_{step}")
        allowed = 1
        if most is not None:
            allowed = Cat(Const(0, position), Const(1, 1), *taken) <= most
        m.d.comb += clear.eq(~value[width - step :].any() & allowed)
        shifted = Signal(width, name=f"normal_{step}")
        idle = near if step >= 4 else 0
        m.d.comb += shifted.eq(_moved(value, step, clear, idle))
        value = shifted
        taken.insert(0, clear)
    return value, Cat(taken)


def _moved(value, step, clear, idle):
    """``value`` shifted left by a step if ``clear`` holds.

    Bits at the top, which are zero then, take a gate instead of a multiplexer; so do ``idle`` bits
    at the bottom, which are zero always.
    """
    width = len(value)

    def kept_and_moved(n):
        return n >= width - step or n < idle, n >= step + idle

    pieces = []
    for (kept, moved), bits in itertools.groupby(range(width), kept_and_moved):
        bits = list(bits)
        low, high = bits[0], bits[-1]
        stays, comes = value[low : high + 1], value[low - step : high + 1 - step] if moved else None
        mask = clear.replicate(high + 1 - low)
        if kept:
            pieces.append(stays | (comes & mask) if moved else stays)
        else:
            pieces.append(Mux(clear, comes, stays) if moved else stays & ~mask)
    return Cat(pieces)
