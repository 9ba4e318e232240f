"""Runs of bytes in words."""

from collections.abc import Sequence

__all__ = ["byte_packer"]


def byte_packer(run: Sequence[int], lead: int, size: int) -> list[list[int]]:
    """Words of ``size`` bytes with ``lead`` zeros and the bytes of a run; the last may be short."""
    padded = [0] * lead + list(run)
    return [padded[n : n + size] for n in range(0, len(padded), size)]
