"""Detection of leading zeros, and their removal."""

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
        m.d.comb += shifted.eq(Cat(_moved(value, n, step, clear, idle) for n in range(width)))
        value = shifted
        taken.insert(0, clear)
    return value, Cat(taken)


def _moved(value, n, step, clear, idle):
    """Bit ``n`` of a step: where bits at the top are zero if it is taken, gates do.

    The same is true of ``idle`` bits at the bottom.
    """
    stays = value[n] if n >= len(value) - step or n < idle else value[n] & ~clear
    return stays | (value[n - step] & clear) if n >= step + idle else stays
