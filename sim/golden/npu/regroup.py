"""Results of an array's columns as words of the buffer."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

__all__ = ["Write", "regroup"]


class Write(NamedTuple):
    """A write to the buffer: ``lanes`` from lane number to code."""

    address: int
    lanes: dict[int, int]
    last: bool


def regroup(fields: Mapping[str, int], results: np.ndarray, rows: int) -> list[Write]:
    """The writes of a MATRIX.

    Parameters
    ----------
    fields : mapping
        The fields of the output in the instruction, counts as they are stored, less one.
    results : int array, groups × rows of the output × columns × columns of the array
    rows : int
        Lanes of a word of the buffer.
    """
    groups, height, width, columns = results.shape
    assert [groups, height, width] == [fields[name] + 1 for name in ("nb", "oh", "ow")]
    writes = []
    for n, y, x in np.ndindex(groups, height, width):
        tail = fields["out_tail"] if n == groups - 1 else 0
        blocks: dict[int, dict[int, int]] = {}
        for column in range(tail or columns):
            block, lane = divmod(fields["out_lane"] + n * columns + column, rows)
            blocks.setdefault(block, {})[lane] = int(results[n, y, x, column])
        pixel = fields["out_base"] + y * fields["out_row"] + x * (fields["out_step"] + 1)
        for block, lanes in blocks.items():
            address = (pixel + block * fields["out_blk"]) % (1 << 16)
            writes.append(Write(address, lanes, last=False))
    writes[-1] = writes[-1]._replace(last=True)
    return writes
