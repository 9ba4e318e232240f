"""Fusion unit: sums of products of as many numbers as fit."""

import numpy as np

from .mode import Mode

__all__ = ["fusion_unit", "numbers"]


def numbers(words: np.ndarray, bits: int, other_bits: int, signed: int) -> np.ndarray:
    """The numbers in words of four bytes that are spread over columns.

    Returns
    -------
    array of shape (words, 8 / ``other_bits``, 8 / ``bits``)
        By byte, and from the low bits up.
    """
    words = np.asarray(words, np.int64)
    alike = other_bits // 2  # columns that work together
    columns = np.stack([words >> at & 255 for at in (0, 8, 16, 24)], axis=-1)
    assert all((columns[:, n] == columns[:, n // alike * alike]).all() for n in range(4))
    codes = np.stack([columns[:, ::alike] >> at for at in range(0, 8, bits)], axis=-1)
    codes &= (1 << bits) - 1
    return codes - (signed * codes >> (bits - 1) << bits)


def fusion_unit(a: np.ndarray, w: np.ndarray, mode: Mode) -> np.ndarray:
    """Σ a · w for each pair of spread 32-bit words.

    Number *n* of byte *m* of the activations meets number *m* of byte *n* of the weights.
    """
    a = numbers(a, mode.a_bits, mode.w_bits, mode.a_signed)
    w = numbers(w, mode.w_bits, mode.a_bits, mode.w_signed)
    return np.einsum("tmn,tnm->t", a, w)
