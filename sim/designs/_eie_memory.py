"""Memories of the sparse engine: the words that fill them."""

from collections.abc import Iterator, Sequence

import numpy as np

from ..golden.sparse import Encoded
from ..host.packing import pack_fields
from ..manifest import Manifest

__all__ = ["fill_words", "load_words"]


def fill_words(parameters: dict, matrices: Sequence[Encoded]) -> int:
    """The number of words that fill the memories of all PEs."""
    pointers = sum(matrix.columns for matrix in matrices) + 1
    weights = len(matrices) << parameters["index_width"]
    stored = sum(matrix.entries for matrix in matrices)
    words = -(-stored // parameters["entries_per_word"])
    return int(words.sum() + parameters["pes"] * (pointers + weights))


def load_words(manifest: Manifest, matrices: Sequence[Encoded]) -> Iterator[np.ndarray]:
    """The words of the stream ``load``, PE by PE: entries, pointers, weights."""
    parameters = manifest.parameters
    bits = parameters["index_width"] + parameters["run_length_width"]
    entries_per_word = parameters["entries_per_word"]
    codebooks = np.concatenate([matrix.codebook for matrix in matrices])
    for pe in range(parameters["pes"]):
        entries = np.concatenate([_entries(parameters, matrix, pe) for matrix in matrices])
        entries = np.pad(entries, (0, -len(entries) % entries_per_word)).reshape(
            -1, entries_per_word
        )
        if len(entries):
            yield _words(manifest, pe, "entries", entries, bits)
        groups = _pointers(matrices, pe) // parameters["entries_per_cycle"]
        yield _words(manifest, pe, "pointers", groups[:, None], 32)
        yield _words(manifest, pe, "weights", codebooks[:, None], parameters["weight_width"])


def _entries(parameters, matrix, pe):
    """Entries of a PE: the codebook index in the low bits, the run length above."""
    return matrix.values[pe] | matrix.zeros[pe].astype(np.int64) << parameters["index_width"]


def _pointers(matrices, pe):
    """Addresses of the first entry of each column, and of the end of the last one."""
    pointers, end = [np.zeros(1, np.int64)], 0
    for matrix in matrices:
        pointers.append(end + matrix.pointers[pe, 1:])
        end += matrix.pointers[pe, -1]
    return np.concatenate(pointers)


def _words(manifest, pe, target, lanes, bits):
    """Words for addresses from 0 on, with their data in lanes."""
    *head, word = manifest.streams["load"]["fields"]
    count = lanes.shape[1]
    bits = min(bits, word["width"] // count)
    layout = [*head, {"name": "data", "width": bits, "count": count}]
    address = np.arange(len(lanes))
    code = manifest.derived["load_targets"][target]
    values = {"pe": np.full(len(lanes), pe), "what": np.full(len(lanes), code)}
    packed = pack_fields(values | {"address": address, "data": lanes}, layout)
    size = manifest.word_bytes("load")
    return np.pad(packed, ((0, 0), (0, size - packed.shape[1])))
