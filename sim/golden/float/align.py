"""Floats as integers with a common exponent."""

from collections.abc import Sequence

import numpy as np

__all__ = ["aligned"]


def aligned(
    x: np.ndarray, groups: Sequence[slice], width: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Integers of ``width`` bits with the exponent of the largest magnitude of their group.

    An integer is ``sign * floor(magnitude / 2^exponent * 2^(width - 2))``; subnormal numbers of
    float32 count as zeros. A group of zeros has the exponent -127, one with an infinity or NaN the
    field 255, which is NaN in E8M0, and zeros.

    Parameters
    ----------
    x : floats (M, K)
        That float32 holds.
    groups : sequence of slices
        The columns of each group.
    width : int

    Returns
    -------
    (int64 array (M, K), int64 array (M, groups), float)
        The integers, the exponents plus 127, and the unit of the integers, 2^(2 - width).
    """
    x = np.asarray(x, np.float64)
    x = np.where(np.abs(x) < 2.0**-126, 0, x)
    integers = np.zeros(x.shape, np.int64)
    fields = np.zeros((len(x), len(groups)), np.int64)
    for number, terms in enumerate(groups):
        part = x[:, terms]
        largest = np.abs(part).max(axis=1)
        finite = np.isfinite(largest)
        exponent = np.where(largest > 0, np.frexp(np.where(finite, largest, 1))[1] - 1, -127)
        fields[:, number] = np.where(finite, exponent + 127, 255)
        part = np.where(finite[:, None], part, 0)
        scaled = np.ldexp(np.abs(part), width - 2 - exponent[:, None])
        integers[:, terms] = np.sign(part) * np.floor(scaled)
    return integers, fields, 2.0 ** (2 - width)
