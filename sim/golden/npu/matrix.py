"""The instruction MATRIX."""

from collections.abc import Mapping

import numpy as np

from .. import formats
from ..arith.requantize import requantize

__all__ = ["activations", "matrix"]


def activations(
    fields: Mapping[str, int], buffer: np.ndarray, c: int, i: int, j: int
) -> tuple[np.ndarray, np.ndarray]:
    """The activations of a tile, rows × columns of the output × lanes, and which are inside.

    Parameters
    ----------
    fields : mapping
        The instruction's fields as they are stored: counts less one.
    buffer : int64 array, words × lanes
    """
    lanes = buffer.shape[1]
    y = np.arange(fields["oh"] + 1)[:, None]
    x = np.arange(fields["ow"] + 1)[None, :]
    row = y * (fields["sy"] + 1) + i * (fields["dy"] + 1) + fields["iy0"] + 0 * x
    inside = (row >= 0) & (row <= fields["ih"])
    if fields["packed"]:
        pixel = lanes * (fields["in_blk"] >> 6) + (fields["in_blk"] & 63)
        first = (fields["in_base"] + row * fields["in_row"] + c) * lanes
        first += (fields["ix0"] & 63) + x * pixel
        codes = buffer.reshape(-1)[(first[..., None] + np.arange(lanes)) % buffer.size]
    else:
        column = x * (fields["sx"] + 1) + j * (fields["dx"] + 1) + fields["ix0"]
        inside = inside & (column >= 0) & (column <= fields["iw"])
        word = fields["in_base"] + c * fields["in_blk"] + row * fields["in_row"] + column
        codes = buffer[word % len(buffer)]
    a_zero = (fields["a_zero"] ^ 128) - 128
    return np.where(inside[..., None], codes, a_zero), inside


def matrix(
    fields: Mapping[str, int],
    *,
    buffer: np.ndarray,
    weights: np.ndarray,
    w_format: str,
    channels: Mapping[str, np.ndarray],
    rounding: str,
    sums: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """The sums behind an instruction, and the results if it is the ``last``.

    Parameters
    ----------
    fields : mapping
        The instruction's fields as they are stored: counts less one.
    buffer : int64 array, words × rows of the array
    weights : int64 array of codes, words × columns of the array
    w_format : str
    channels : mapping
        An array for each parameter of a channel.
    rounding : str
        See :func:`requantize`.
    sums : int64 array or None
        The sums that were left by the instruction before.

    Returns
    -------
    sums, results : int64 arrays, groups × rows × columns of the output × columns of the array
    """
    rows, columns = buffer.shape[1], weights.shape[1]
    shape = [fields[name] + 1 for name in ("nb", "oh", "ow")]
    if fields["first"]:
        sums = np.zeros((*shape, columns), np.int64)
    assert sums is not None
    assert sums.shape == (*shape, columns)
    sums = sums.copy()
    word = fields["w_base"]
    for n in range(shape[0]):
        for c, i, j in np.ndindex(fields["kc"] + 1, fields["kh"] + 1, fields["kw"] + 1):
            a, _ = activations(fields, buffer, c, i, j)
            codes = weights[(word + np.arange(rows)) % len(weights)][::-1]
            word += rows
            sums[n] += a @ formats.operands(codes, w_format, axis=0)
    sums = (sums + (1 << 31)) % (1 << 32) - (1 << 31)
    if not fields["last"]:
        return sums, None
    results = np.empty_like(sums)
    for n in range(shape[0]):
        channel = fields["p_base"] + n * columns + np.arange(columns)
        some = {name: values[channel % len(values)] for name, values in channels.items()}
        results[n] = requantize(sums[n], **some, rounding=rounding)
    return sums, results
