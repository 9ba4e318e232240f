"""2:4-sparse matrices in two parts, as PyTorch's ``SparseSemiStructuredTensor`` has them.

A matrix is M × K with 2:4 blocks along K: ``packed``, M × K/2, has the two stored numbers of each
block, and ``meta`` a nibble for it, two positions of two bits, the lower one first. Nibbles of
neighbouring blocks fill a word of 32 bits for 8-bit numbers and of 16 bits for 16-bit ones, from
the low bits up, and the words lie in the order of CUTLASS' sparse GEMM. Source: PyTorch,
``torch/sparse/_semi_structured_conversions.py``; PTX ISA, "Sparse matrix storage".
"""

import numpy as np

from ...sim.golden.sparse.nm import Pattern, check_pattern

__all__ = ["from_parts", "to_parts"]

#: Bytes of a number to the type of words of metadata, and to rows and interleave of CUTLASS' order.
_WORDS = {1: (np.int32, 16, 2), 2: (np.int16, 32, 4)}


def to_parts(dense: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``packed`` and ``meta`` of a 2:4-sparse matrix, M × K.

    A block with fewer than two non-zeros also stores the zeros that PyTorch stores: that of
    position 3 beside position 0 or 1, else positions 2 and 3.

    Raises
    ------
    TypeError, ValueError
        If numbers have neither 8 nor 16 bits, M is no multiple of 32 or K none of two words of
        metadata, or a block has more than two non-zeros.
    """
    word, _, _ = _layout(dense)
    rows, columns = dense.shape
    quads = word.itemsize * 2
    if rows % 32 or columns % (8 * quads):
        raise ValueError(
            f"W must have a multiple of 32 outputs and of {8 * quads} inputs for 2:4 parts of "
            f"{dense.dtype}, not {rows} and {columns}"
        )
    check_pattern((dense != 0).T, Pattern(2, 4))
    blocks = dense.reshape(rows, columns // 4, 4)
    some = blocks != 0
    first = np.where(some[..., 0], 0, np.where(some[..., 1], 1, 2))
    # The last non-zero, or position 3 if it would be the first.
    last = 3 - np.argmax(some[..., ::-1], axis=-1)
    second = np.where(last > first, last, 3)
    packed = np.stack(
        [np.take_along_axis(blocks, at[..., None], axis=-1)[..., 0] for at in (first, second)],
        axis=-1,
    )
    nibbles = (second << 2 | first).reshape(rows, -1, quads).astype(np.uint64)
    words = (nibbles << (4 * np.arange(quads, dtype=np.uint64))).sum(axis=-1, dtype=np.uint64)
    meta = np.empty(words.size, word)
    unsigned = np.dtype(f"u{word.itemsize}")
    meta[_order(*words.shape, dense)] = words.astype(unsigned).view(word).reshape(-1)
    return packed.reshape(rows, columns // 2), meta.reshape(words.shape)


def from_parts(packed: np.ndarray, meta: np.ndarray) -> np.ndarray:
    """The matrix of ``packed`` and ``meta``: the inverse of :func:`to_parts`.

    Raises
    ------
    TypeError, ValueError
        If the types or shapes of the parts do not belong together, or a nibble has the same
        position twice (0000, 0101, 1010 or 1111).
    """
    word, _, _ = _layout(packed)
    if meta.dtype != word:
        raise TypeError(f"Metadata of {packed.dtype} must be {word}, not {meta.dtype}")
    quads = word.itemsize * 2
    rows = len(packed)
    shape = (rows, packed.shape[1] // (2 * quads))
    if meta.shape != shape or packed.shape[1] % (4 * quads) or rows % 32:
        raise ValueError(
            f"Metadata must be of the shape {shape}, multiples of 32 rows and 2 columns, for "
            f"packed numbers of {packed.shape}, not of {meta.shape}"
        )
    words = meta.reshape(-1)[_order(*shape, packed)].reshape(*shape, 1).astype(np.int64)
    nibbles = (words >> (4 * np.arange(quads)) & 15).reshape(rows, -1)
    positions = np.stack([nibbles & 3, nibbles >> 2], axis=-1)
    twice = positions[..., 0] == positions[..., 1]
    if twice.any():
        row, block = np.argwhere(twice)[0]
        raise ValueError(
            f"Metadata must have two positions in each block, not the nibble "
            f"{nibbles[row, block]:04b} in row {row}, block {block}"
        )
    dense = np.zeros((*positions.shape[:2], 4), packed.dtype)
    np.put_along_axis(dense, positions, packed.reshape(positions.shape), axis=-1)
    return dense.reshape(rows, -1)


def _layout(numbers):
    """The type of words of metadata for a matrix of numbers, and rows and interleave of a group."""
    size = numbers.dtype.itemsize
    if numbers.ndim != 2 or numbers.dtype.kind not in "fiu" or size not in _WORDS:
        raise TypeError(
            f"2:4 parts must be of a matrix of numbers of 8 or 16 bits, not of {numbers.dtype} in "
            f"{numbers.ndim} dimensions"
        )
    word, rows, interleave = _WORDS[size]
    return np.dtype(word), rows, interleave


def _order(rows, columns, numbers):
    """Where each word of metadata, row by row, lies in memory.

    Rows of a group of CUTLASS' are interleaved, two diagonal words of each 2 × 2 are exchanged, and
    pairs of columns follow each other.
    """
    _, group, interleave = _layout(numbers)
    row, column = np.indices((rows, columns))
    row = row // group * group + row % 8 * interleave + row % group // 8
    exchanged = (column % 2) - (row % 2)
    row, column = row + exchanged, column - exchanged
    return (column // 2 * rows * 2 + row * 2 + column % 2).reshape(-1)
