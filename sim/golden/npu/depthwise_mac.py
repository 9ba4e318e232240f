"""The datapath of depthwise windows: sums of each step."""

from collections.abc import Sequence

import numpy as np

__all__ = ["depthwise_mac"]


def depthwise_mac(
    steps: Sequence[dict], words: Sequence[np.ndarray], tap_sets: Sequence[np.ndarray]
) -> np.ndarray:
    """The sums that leave, in order, exactly.

    Parameters
    ----------
    steps : list of dict
        ``reads``, a flag for each port; ``emit``; ``columns``, ``rows``: flags of what is inside,
        columns by age; ``x``; ``first``, ``last``; ``switch``; ``a_zero``.
    words : list of integer arrays (words, R)
        Of each port, in the order in which steps read them.
    tap_sets : list of integer arrays (rows, ages, R)
        A set for each step with ``switch``.

    Returns
    -------
    int64 array (sums, R)
    """
    queues = [iter(port) for port in words]
    sets = iter(tap_sets)
    lanes = words[0].shape[1]
    window: list[list] = []
    partial: dict[int, np.ndarray] = {}
    taps, sums = None, []
    for step in steps:
        column = [next(q) if read else None for q, read in zip(queues, step["reads"], strict=True)]
        window = [column, *window][: len(step["columns"])]
        if step["switch"]:
            taps = next(sets)
        if not step["emit"]:
            continue
        value = np.zeros(lanes, np.int64) if step["first"] else partial[step["x"]]
        for age, column_inside in enumerate(step["columns"]):
            for row, row_inside in enumerate(step["rows"]):
                act = window[age][row] if column_inside and row_inside else step["a_zero"]
                value = value + np.multiply(act, taps[row, age], dtype=np.int64)
        if step["last"]:
            sums.append(value)
        else:
            partial[step["x"]] = value
    return np.array(sums, np.int64).reshape(-1, lanes)
