"""Packing of integers into the words of a stream, and back."""

import numpy as np

__all__ = ["pack", "unpack"]


def pack(values: np.ndarray, bits: int) -> np.ndarray:
    """Words of lanes: lane 0 in the low bits, words in little-endian bytes.

    Parameters
    ----------
    values : integer array, words × lanes
        Two's complement or plain binary; only the low ``bits`` bits of each count.
    bits : int
        Width of a lane, 1 to 64.

    Returns
    -------
    uint8 array, words × ceil(lanes · bits / 8)
    """
    values = np.ascontiguousarray(values, np.int64)
    words, lanes = values.shape
    if bits in (8, 16, 32, 64):
        return values.astype(f"<i{bits // 8}").view(np.uint8).reshape(words, lanes * bits // 8)
    ones = (values[:, :, None] >> np.arange(bits)) & 1
    return np.packbits(
        ones.reshape(words, lanes * bits).astype(np.uint8), axis=1, bitorder="little"
    )


def unpack(packed: np.ndarray, lanes: int, bits: int, signed: bool) -> np.ndarray:
    """The inverse of :func:`pack`: words × bytes to an int64 array, words × lanes."""
    packed = np.ascontiguousarray(packed, np.uint8)
    words = len(packed)
    if bits in (8, 16, 32, 64):
        kind = f"<{'i' if signed else 'u'}{bits // 8}"
        return packed[:, : lanes * bits // 8].copy().view(kind).astype(np.int64)
    ones = np.unpackbits(packed, axis=1, count=lanes * bits, bitorder="little")
    ones = ones.reshape(words, lanes, bits).astype(np.int64)
    weights = np.int64(1) << np.arange(bits, dtype=np.int64)
    if signed:
        weights[-1] = -weights[-1]
    return ones @ weights
