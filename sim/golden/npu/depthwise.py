"""Depthwise windows: sums, and the cycles that they take."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from .depthwise_walk import depthwise_walk

__all__ = ["depthwise", "depthwise_cycles"]


def depthwise(memory: ArrayLike, fields: Mapping[str, int]) -> np.ndarray:
    """The sums of tap(i, j) * a(i, j) of each block, row and column of outputs, exactly.

    Parameters
    ----------
    memory : integers (words, R)
        Signed codes; addresses wrap at the number of words.
    fields : dict
        Fields of the VECTOR instruction by name. Counts are counts, not less one, and ``a_zero``
        is signed.

    Returns
    -------
    int64 array (nb, oh, ow, R)
    """
    memory = np.asarray(memory, np.int64)
    size = len(memory)
    f = fields
    n, y, x, i, j = np.ix_(*(range(f[name]) for name in ("nb", "oh", "ow", "kh", "kw")))
    row = y * f["sy"] + i * f["dy"] + f["iy0"]
    column = x * f["sx"] + j * f["dx"] + f["ix0"]
    inside = (row >= 0) & (row < f["ih"]) & (column >= 0) & (column < f["iw"])
    address = f["a_base"] + n * f["a_blk"] + row * f["a_row"] + column
    acts = np.where(inside[..., None], memory[address % size], f["a_zero"])
    tap = f["w_base"] + n * f["kh"] * f["kw"] + i * f["kw"] + j
    return (acts * memory[tap % size]).sum(axis=(3, 4))


def depthwise_cycles(fields: Mapping[str, int], *, dw_x: int, dw_y: int) -> int:
    """Cycles from that in which an instruction is accepted to that in which the last sum is taken.

    Memory answers after 2 cycles, words of all rows at once, and sums are taken as they come. From
    the first on, a step is taken in each cycle, with three exceptions. The first sum of a pass with
    taps of its own waits for these, which are read one a cycle: from the cycle after the first sum
    of the pass with taps before on. Sums of a pixel in two passes are 3 cycles apart. And an
    instruction's first sum waits for its first taps.
    """
    steps, taps = depthwise_walk(fields, dw_x=dw_x, dw_y=dw_y)
    ends = [number + 1 for number, tap in enumerate(taps) if tap["last"]]
    counts = iter(np.diff([0, *ends]).tolist())
    time = passes = loading = 0
    sums: dict[int, int] = {}
    for number, step in enumerate(steps):
        reads = any(address is not None for address in step["addresses"])
        time = max(time + 1, number + (_FIRST_WORD if reads else _FIRST_STEP))
        if step["switch"]:
            # Later taps are asked for when their pass is known; one is each cycle.
            asked = _SECOND_TAP + passes if passes else _FIRST_TAP
            time = max(time, max(asked, loading) + next(counts))
        if step["emit"] and not step["first"]:
            time = max(time, sums[step["x"]] + 3)
        if step["emit"]:
            sums[step["x"]] = time
        if step["switch"]:
            loading = time + 1
        passes += step["emit"] and step["x"] == 0
    levels = {1: 0, 2: 1, 3: 1, 4: 2, 6: 2, 9: 2}[dw_x * dw_y]
    return time + levels + _LAST_STAGES


#: Cycles from an instruction to its first step, and to that step with its word.
_FIRST_STEP, _FIRST_WORD = 8, 10
#: Those to the word of its first tap; to that of the second pass' first tap, less one.
_FIRST_TAP, _SECOND_TAP = 5, 7
#: Those from a step to its sum, but for the levels of the tree of sums.
_LAST_STAGES = 5
