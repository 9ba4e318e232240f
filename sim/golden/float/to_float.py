"""Integers as floating-point codes."""

import numpy as np
from numpy.typing import ArrayLike

from ..formats import check_integers
from .codes import LAYOUTS

__all__ = ["to_float"]


def to_float(i: ArrayLike, unit: int, format: str) -> np.ndarray:
    """The codes of i · 2^unit, rounded once to nearest, ties to even.

    Overflow gives an infinity, and 0 is +0. ``"fp16"`` has subnormal numbers. ``"fp32"`` and
    ``"bf16"`` have none: numbers that are below 2^-126 after a rounding to 24 or 8 bits become
    zeros of their sign.

    Parameters
    ----------
    i : integers
        Of any width; ``object`` arrays of Python integers are allowed.
    unit : int
        May be negative.
    format : str
        ``"fp32"``, ``"bf16"`` or ``"fp16"``.

    Returns
    -------
    int64 array of i's shape
    """
    i, layout = check_integers(i, "Integers"), LAYOUTS[format]
    codes = [
        layout.nearest(int(x < 0), abs(int(x)), unit, subnormals=format == "fp16") for x in i.flat
    ]
    return np.array(codes, np.int64).reshape(i.shape)
