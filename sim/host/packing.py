"""Packing of integers into the words of a stream, and back."""

from collections.abc import Mapping

import numpy as np

__all__ = ["integers", "pack", "pack_fields", "unpack", "unpack_fields"]


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
        type_ = f"<{'i' if signed else 'u'}{bits // 8}"
        return packed[:, : lanes * bits // 8].copy().view(type_).astype(np.int64)
    ones = np.unpackbits(packed, axis=1, count=lanes * bits, bitorder="little")
    ones = ones.reshape(words, lanes, bits).astype(np.int64)
    weights = np.int64(1) << np.arange(bits, dtype=np.int64)
    if signed:
        weights[-1] = -weights[-1]
    return ones @ weights


def integers(words: np.ndarray) -> list[int]:
    """Each word as one unsigned integer, from a uint8 array of words × bytes, little-endian."""
    return [int.from_bytes(word.tobytes(), "little") for word in words]


def pack_fields(values: Mapping[str, np.ndarray], fields: list[dict]) -> np.ndarray:
    """Words of a stream from its fields.

    Parameters
    ----------
    values : dict
        For each field an integer array, words × lanes, or one value a word.
    fields : list of dict
        ``name``, ``offset``, ``width`` and ``count`` of each field, as in the manifest.

    Raises
    ------
    ValueError
        If fields are missing, or arrays don't have the field's lanes or the same number of words.
    """
    names = [field["name"] for field in fields]
    if set(names) != set(values):
        raise ValueError(f"Fields must be {', '.join(names)}, not {', '.join(values)}")
    arrays = {}
    for field in fields:
        array = np.asarray(values[field["name"]])
        array = array[:, None] if array.ndim == 1 else array
        if array.ndim != 2 or array.shape[1] != field["count"]:
            raise ValueError(
                f"Field {field['name']} must have {field['count']} lanes, not the shape "
                f"{array.shape}"
            )
        arrays[field["name"]] = array
    if len({len(array) for array in arrays.values()}) != 1:
        raise ValueError("Fields must have the same number of words")
    if len(fields) == 1:
        return pack(arrays[names[0]], fields[0]["width"])
    ones = [
        ((arrays[field["name"]].astype(np.int64)[:, :, None] >> np.arange(field["width"])) & 1)
        .astype(np.uint8)
        .reshape(-1, field["count"] * field["width"])
        for field in fields
    ]
    return np.packbits(np.concatenate(ones, axis=1), axis=1, bitorder="little")


def unpack_fields(packed: np.ndarray, fields: list[dict]) -> np.ndarray | dict[str, np.ndarray]:
    """The inverse of :func:`pack_fields`; for a single field its array alone."""
    values = {}
    for field in fields:
        width, lanes = field["width"], field["count"]
        words = packed
        if len(fields) > 1:
            ones = np.unpackbits(packed, axis=1, bitorder="little")
            ones = ones[:, field["offset"] : field["offset"] + width * lanes]
            words = np.packbits(ones, axis=1, bitorder="little")
        values[field["name"]] = unpack(words, lanes, width, field["signed"])
    return values if len(fields) > 1 else values[fields[0]["name"]]
