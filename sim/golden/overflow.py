"""What an accumulator makes of a sum that does not fit."""

from numpy.typing import ArrayLike

__all__ = ["limit"]


def limit(values: ArrayLike, width: int, overflow: str) -> ArrayLike:
    """``values``, integers, as ``width`` bits of two's complement hold them.

    ``"wrap"`` keeps the low bits; ``"saturate"`` gives the nearest value that fits.
    """
    half = 1 << (width - 1)
    if overflow == "wrap":
        return (values + half) % (2 * half) - half
    low, high = values < -half, values >= half
    return values * (1 - low - high) - half * low + (half - 1) * high
