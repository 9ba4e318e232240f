"""N:M sparsity: at most N non-zeros in every M consecutive terms of a column of W."""

import re
from typing import NamedTuple

import numpy as np

__all__ = ["DENSE", "Pattern", "blocks", "check_pattern", "compress", "expand", "fits"]


class Pattern(NamedTuple):
    """At most ``count`` non-zeros in each aligned block of ``size`` terms along K.

    The last block of K may be shorter.
    """

    count: int
    size: int

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """The pattern of ``"2:4"``.

        Raises
        ------
        TypeError, ValueError
            If the text is none.
        """
        message = f"Pattern must be N:M with 1 ≤ N ≤ M ≤ 32, such as 2:4, not {text!r}"
        if not isinstance(text, str):
            raise TypeError(message)
        match = re.fullmatch(r"(\d+):(\d+)", text)
        pattern = cls(*map(int, match.groups())) if match else cls(0, 0)
        if not 1 <= pattern.count <= pattern.size <= 32:
            raise ValueError(message)
        return pattern

    def __str__(self):
        return f"{self.count}:{self.size}"


#: Every term may be non-zero.
DENSE = Pattern(1, 1)


def blocks(values: np.ndarray, size: int) -> np.ndarray:
    """K × N as blocks × size × N, with zeros after K."""
    k, n = values.shape
    return np.pad(values, ((0, -k % size), (0, 0))).reshape(-1, size, n)


def fits(nonzero: np.ndarray, pattern: Pattern) -> bool:
    """Whether no block of a bool array, K × N, has too many non-zeros."""
    return bool((blocks(nonzero, pattern.size).sum(axis=1) <= pattern.count).all())


def check_pattern(nonzero: np.ndarray, pattern: Pattern) -> None:
    """Raise :exc:`ValueError`, with the first block that has too many, unless all blocks fit.

    Parameters
    ----------
    nonzero : bool array, K × N
    pattern : Pattern
    """
    if fits(nonzero, pattern):
        return
    counts = blocks(nonzero, pattern.size).sum(axis=1)
    block, column = np.argwhere(counts > pattern.count)[0]
    first, last = block * pattern.size, min((block + 1) * pattern.size, len(nonzero)) - 1
    raise ValueError(
        f"W must have at most {pattern.count} non-zeros in {pattern.size} terms of K ({pattern}), "
        f"not {counts[block, column]} in rows {first} to {last} of column {column}"
    )


def compress(nonzero: np.ndarray, count: int, size: int) -> np.ndarray:
    """Which terms of each block are stored: its non-zeros, and the first zeros if these are fewer.

    Parameters
    ----------
    nonzero : bool array, K × N
        At most ``count`` in each block of ``size`` terms.
    count, size : int

    Returns
    -------
    int64 array, blocks × count × N
        Their positions in the block, ascending.
    """
    cut = blocks(nonzero, size)
    assert fits(nonzero, Pattern(count, size)), "a block has more non-zeros than are stored"
    return np.sort(np.argsort(~cut, axis=1, kind="stable")[:, :count], axis=1)


def expand(values: np.ndarray, positions: np.ndarray, size: int) -> np.ndarray:
    """Blocks × size × N, from the stored terms of each block, blocks × count × N."""
    expanded = np.zeros((len(values), size, values.shape[2]), values.dtype)
    np.put_along_axis(expanded, positions, values, axis=1)
    return expanded
