"""Golden model of the addresses of nested loops: the closed form."""

from collections.abc import Sequence

import numpy as np

__all__ = ["address_generator"]


def address_generator(
    base: int,
    counts: Sequence[int],
    steps: Sequence[int],
    address_width: int,
    bounds: Sequence[tuple[int, Sequence[int], int, int]] = (),
) -> dict[str, np.ndarray]:
    """All iterations of nested loops, level 0 innermost.

    Parameters
    ----------
    base : int
    counts, steps : sequence of int
        For each level its iterations, and what each of them adds to the address.
    address_width : int
        Bits that addresses are kept in.
    bounds : sequence of tuple
        For rows, columns or both: the first, the step of each level, the number within bounds, and
        the bits with a sign that they are kept in.

    Returns
    -------
    dict of int64 array
        ``address``, ``inside``, ``first`` and ``last`` of each iteration; ``first`` and ``last``
        with bit l for the levels 0 to l together.
    """
    # One row for each level; the index of level 0 runs fastest.
    index = np.indices(counts[::-1], dtype=np.int64).reshape(len(counts), -1)[::-1]
    inside = np.ones(index.shape[1], bool)
    for start, strides, number, width in bounds:
        half = 1 << (width - 1)
        position = (start + np.asarray(strides) @ index + half) % (2 * half) - half
        inside &= (position >= 0) & (position < number)
    bits = 1 << np.arange(len(counts))
    first = np.logical_and.accumulate(index == 0)
    last = np.logical_and.accumulate(index == np.asarray(counts)[:, None] - 1)
    return {
        "address": (base + np.asarray(steps) @ index) % (1 << address_width),
        "inside": inside.astype(np.int64),
        "first": bits @ first,
        "last": bits @ last,
    }
