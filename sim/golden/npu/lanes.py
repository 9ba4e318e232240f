"""Lanes of the vector engine: from the words of one result to its codes."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from ..arith.requantize import requantize

__all__ = ["lanes"]

_MAXIMA = ("copy", "window_max", "reduce_max")
_SUMS = ("affine", "window_sum", "reduce_sum")
_CODES = 256


def lanes(
    function: str,
    a: ArrayLike,
    b: ArrayLike,
    sums: ArrayLike,
    *,
    inside: ArrayLike,
    a_zero: int,
    table: int,
    channels: Mapping[str, ArrayLike],
    tables: ArrayLike,
    rounding: str,
) -> np.ndarray:
    """The result of one function in each lane, as VECTOR's table in ``hdl/npu/README.md`` says.

    Parameters
    ----------
    function : str
        The name of a function of VECTOR.
    a, b, sums : integers (W, L)
        Codes, codes, and sums of depthwise windows: W words of L lanes. W is 1 for ``copy``,
        ``add``, ``mul`` and ``affine``.
    inside : bools (W,)
        Of words that are not, maxima ignore a, and other functions take ``a_zero`` for it.
    a_zero, table : int
    channels : dict
        ``bias``, ``multiplier``, ``shift``, ``zero_point``, ``low`` and ``high``, integers (L,).
    tables : integers (words,)
        Words of 32 bits, unsigned.
    rounding : str
        ``"exact"`` or ``"float32"``.

    Returns
    -------
    int64 array (L,)
        Signed codes.
    """
    a, b, sums = (np.asarray(words).astype(object) for words in (a, b, sums))
    inside = np.asarray(inside, bool)[:, None]
    channels = {name: np.asarray(values).astype(object) for name, values in channels.items()}
    group = [int(word) for word in tables[table // 4 * _CODES :][:_CODES]]

    if function in _MAXIMA:
        result = np.where(inside, a, -128).max(axis=0)
    else:
        values = np.where(inside, a, a_zero)
        product = dict(channels)
        if function in ("add", "mul"):
            operands = [group[code % _CODES] for code in b[0]]
            product |= {"bias": 0, "multiplier": 1}
        if function == "add":
            terms = np.array([_signed(word, 32) for word in operands], object)
            exact = values[0] * channels["multiplier"] + terms
        elif function == "mul":
            factors = np.array([_signed(word, 25) for word in operands], object)
            exact = (values[0] - a_zero) * factors + channels["bias"]
        else:
            exact = (values if function in _SUMS else sums).sum(axis=0)
            exact = np.array([_signed(value, 33) for value in exact + channels["bias"]], object)
            product["bias"] = 0
        result = requantize(exact, **product, rounding=rounding)

    if table and function not in ("add", "mul"):
        words = [group[int(code) % _CODES] for code in result]
        result = [_signed(word >> 8 * (table % 4), 8) for word in words]
    return np.array(result, np.int64)


def _signed(value: int, bits: int) -> int:
    """The low ``bits`` of an integer, as two's complement."""
    value %= 1 << bits
    return value - (value >> bits - 1 << bits)
