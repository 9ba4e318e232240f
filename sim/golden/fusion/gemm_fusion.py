"""BitFusion's engine as words in and words out."""

import numpy as np

from ...manifest import Manifest
from ..engine import accumulated, engine

__all__ = ["gemm_fusion", "operands"]


def operands(word: int, step: int, bits: int, other_bits: int, signed: int) -> list[list[int]]:
    """The numbers that a 32-bit lane of a packed word has for one step: by byte, low bits first.

    Parameters
    ----------
    bits, other_bits : int
        Widths of these numbers and of those that they meet, 2, 4 or 8.
    """
    values = []
    for byte in range(8 // other_bits):
        at = step * 64 // other_bits + 8 * byte
        numbers = [word >> (at + index) & ((1 << bits) - 1) for index in range(0, 8, bits)]
        values.append([n - (signed << bits) if n >> (bits - 1) else n for n in numbers])
    return values


def gemm_fusion(
    manifest: Manifest,
    tiles: list[dict[str, int]],
    weights: np.ndarray,
    acts: np.ndarray,
    channels,
    product=accumulated,
) -> np.ndarray:
    """All results, words × columns, of whole runs.

    Parameters
    ----------
    manifest : dict
        See :func:`engine`.
    tiles : list of dict
        ``length`` (less one), ``first``, ``last`` and the mode of each tile.
    weights : int64 array, words × columns
    acts : int64 array, words × rows
    channels : list of Channels, or None
        What is done to the results of each run.
    product : function
        See :func:`engine`.
    """
    rows, cols = acts.shape[1], weights.shape[1]
    runs, results = 0, [np.zeros((0, cols), np.int64)]
    a_at = w_at = 0
    for tile in tiles:
        length = tile["length"] + 1
        a_bits, w_bits = 2 << tile["a_bits"], 2 << tile["w_bits"]
        a_words, w_words = -(-length // (w_bits // 2)), -(-rows // (a_bits // 2))
        a = [
            [
                operands(
                    int(acts[a_at + m // (w_bits // 2), row]),
                    m % (w_bits // 2),
                    a_bits,
                    w_bits,
                    tile["a_signed"],
                )
                for row in range(rows)
            ]
            for m in range(length)
        ]  # m, row, byte pb, place pa
        w = [
            [
                operands(
                    int(weights[w_at + step // (a_bits // 2), column]),
                    step % (a_bits // 2),
                    w_bits,
                    a_bits,
                    tile["w_signed"],
                )
                for column in range(cols)
            ]
            for step in reversed(range(rows))
        ]  # row, column, byte pa, place pb
        a_at, w_at = a_at + a_words, w_at + w_words
        if tile["first"]:
            a_run, w_run = [], []
        a_run.append(np.array(a).transpose(0, 1, 3, 2).reshape(length, -1) << 8 * tile["shift"])
        w_run.append(np.array(w).transpose(0, 2, 3, 1).reshape(-1, cols))
        if tile["last"]:
            values = channels[runs] if channels else None
            terms = 64 // (a_bits * w_bits)
            step = rows * terms
            a, w = np.hstack(a_run), np.vstack(w_run)
            results.append(engine(manifest, a, w, values, step=step, product=product))
            runs += 1
    assert a_at == len(acts), f"{len(acts)} words of activations instead of {a_at}"
    assert w_at == len(weights), f"{len(weights)} words of weights instead of {w_at}"
    return np.concatenate(results)
