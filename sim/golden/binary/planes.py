"""Operands as planes of bits for an engine of one-bit products."""

from typing import NamedTuple

import numpy as np

__all__ = ["Plane", "planes"]


class Plane(NamedTuple):
    """A bit of each operand, and its weight: ±2^shift.

    Attributes
    ----------
    bits : int64 array
        0 and 1.
    shift : int
    negative : bool
    """

    bits: np.ndarray
    shift: int
    negative: bool


def planes(codes: np.ndarray, bits: int, signed: int, code: str) -> list[Plane]:
    """The planes whose weighted sum is the operands, or for ``bin`` twice the operands.

    A bit stands for 0 and 1 in planes of ``bit``, and for -1 and 1 in those of ``bin``.

    Parameters
    ----------
    codes : integer array
        Integers of so many bits, ``signed`` or not; of one bit, with a sign, codes 0 and 1 for the
        operands -1 and 1.
    """
    codes = np.asarray(codes, np.int64)
    ones = np.ones_like(codes)
    if bits == 1 and signed:
        if code == "bin":
            return [Plane(codes, 1, False)]
        return [Plane(codes, 1, False), Plane(ones, 0, True)]
    values = [Plane(codes >> at & 1, at, bool(signed and at == bits - 1)) for at in range(bits)]
    if code == "bit":
        return values
    # Of b = (s + 1) / 2 the halves add up: to 2^n - 1 without a sign, to -1 with one.
    if signed:
        return [*values, Plane(ones, 0, True)]
    if bits == 1:
        return [*values, Plane(ones, 0, False)]
    return [*values, Plane(ones, bits, False), Plane(ones, 0, True)]
