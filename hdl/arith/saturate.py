"""Saturation to a narrower two's complement number."""

from amaranth.hdl import Cat, Mux, Signal, signed

__all__ = ["saturated"]


def saturated(m, value, width):
    """``value`` (signed) clamped to ``signed(width)``, as a signal driven in module ``m``.

    A value that is no wider is returned as it is.
    """
    if len(value) <= width:
        return value
    result = Signal(signed(width), name="saturated")
    fits = Signal(name="fits")
    upper = value[width - 1 :]
    m.d.comb += [
        fits.eq((upper == 0) | upper.all()),
        result.eq(Mux(fits, value[:width], Cat((~value[-1]).replicate(width - 1), value[-1]))),
    ]
    return result
