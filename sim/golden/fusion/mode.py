"""Modes of fusion: what they mean for digits of two bits, and operands in packed words."""

import itertools
from typing import NamedTuple

import numpy as np

__all__ = ["WIDTHS", "Mode", "every_mode", "mode_fields", "offset", "spread"]

#: Widths in bits, in the order of their codes.
WIDTHS = (2, 4, 8)


class Mode(NamedTuple):
    """Widths in bits of activations and weights, 2, 4 or 8, and whether they have a sign."""

    a_bits: int
    w_bits: int
    a_signed: int
    w_signed: int

    @property
    def products(self) -> int:
        """Products that one fusion unit adds."""
        return 64 // (self.a_bits * self.w_bits)


def every_mode() -> list[Mode]:
    """All 36 modes."""
    return [Mode(*mode) for mode in itertools.product(WIDTHS, WIDTHS, (0, 1), (0, 1))]


def mode_fields(mode: Mode) -> dict[str, int]:
    """The fields of the port ``mode``.

    Sharma et al., ISCA 2018, section III: digits of numbers of 4 bits and more are shifted by two
    places, pairs of digits of 8-bit numbers by four; the highest digit of a signed number has its
    sign.
    """
    fields = {}
    for side in "aw":
        bits, signed = getattr(mode, f"{side}_bits"), getattr(mode, f"{side}_signed")
        tops = {2: 0b1111, 4: 0b1010, 8: 0b1000}[bits]
        fields |= {f"{side}4": int(bits > 2), f"{side}8": int(bits > 4)}
        fields[f"{side}_tops"] = signed * tops
    return fields


def offset(mode: Mode) -> int:
    """By how much the sum of products is too large when bits are inverted instead of negated.

    Baugh and Wooley, 1973: where exactly one of two bits is a sign, their product counts negative;
    -b · 2^n = (1 - b) · 2^n - 2^n.
    """
    digit = sum(
        1 << (a + w)
        for a in range(mode.a_bits)
        for w in range(mode.w_bits)
        if (mode.a_signed and a == mode.a_bits - 1) != (mode.w_signed and w == mode.w_bits - 1)
    )
    return mode.products * digit


def spread(words: np.ndarray, step: int, other_bits: int) -> np.ndarray:
    """The four bytes that columns of a fusion unit get in a step, from packed 32-bit words.

    A step has one byte for each group of columns, of which there are 8 / ``other_bits``, the width
    of the operands that these ones meet.
    """
    groups = 8 // other_bits
    columns = [words >> (8 * (step * groups + column * groups // 4)) & 255 for column in range(4)]
    return sum(byte << (8 * column) for column, byte in enumerate(columns))
