"""Steps of rounding: shifts that remember what they lose, and the decision."""

from amaranth.hdl import Mux, Signal

__all__ = ["rounds_up", "shifted_right"]


def shifted_right(m, value, amount, lost=0):
    """``value >> amount``, and whether ones were shifted out, or ``lost`` holds.

    By one power of two after the other: the bits below each step are looked at only once.
    """
    for position in reversed(range(len(amount))):
        step = 1 << position
        shifted, sticky = Signal.like(value, name=f"shifted_{step}"), Signal(name=f"lost_{step}")
        m.d.comb += [
            sticky.eq(lost | (amount[position] & value[:step].any())),
            shifted.eq(Mux(amount[position], value >> step, value)),
        ]
        value, lost = shifted, sticky
    return value, lost


def rounds_up(kept, rest):
    """Whether ``kept`` grows by 1: to nearest, ties to even. ``rest`` is one bit or more below."""
    return rest[-1] & (rest[:-1].any() | kept[0])
