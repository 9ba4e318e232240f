"""Matrix product of operands with scales for groups of terms, summed in binary32."""

from collections.abc import Sequence

import numpy as np

from ..formats import decode_scales
from ..gemm import gemm
from .gemm_float import flush

__all__ = ["scaled_sums"]


def scaled_sums(
    a: np.ndarray,
    w: np.ndarray,
    *,
    groups: Sequence[slice],
    unit: float,
    w_scales: tuple[np.ndarray, str],
    a_scales: tuple[np.ndarray, str] | None = None,
) -> np.ndarray:
    """A·W in float32, one addition for each group of terms.

    For each group: sum ← RN(sum + RN(RN(S) · s)), from +0 on, with S the exact sum of the group's
    products, s the product of its scales, and RN rounding to float32, to nearest even, with numbers
    below the normal ones as zeros of their sign. The scales' product is exact but for that, and for
    infinity beyond the largest float32.

    Parameters
    ----------
    a, w : integer arrays, M × K and K × N
        Operands in units.
    groups : sequence of slices
        The terms of each group.
    unit : float
        The value of a product of 1, a power of two.
    w_scales : (integer array, groups × N; str)
        Codes and their format.
    a_scales : (integer array, M × groups; str) or None

    Returns
    -------
    float32 array (M, N)
    """
    of_w, of_a = _numbers(w_scales), None if a_scales is None else _numbers(a_scales)
    total = np.zeros((len(a), w.shape[1]), np.float32)
    with np.errstate(all="ignore"):
        for number, terms in enumerate(groups):
            exact = gemm(a[:, terms], w[terms])
            group = flush(np.ldexp(exact.astype(np.float32), int(np.log2(unit))))
            scale = of_w[number][None, :]
            if of_a is not None:
                scale = scale * of_a[:, number][:, None]
            scale = flush(scale.astype(np.float32))
            total = flush(total + flush(group * scale))
    return total


def _numbers(scales):
    """The scales as float64; of bf16 those below the normal numbers are zeros."""
    codes, name = scales
    values = decode_scales(codes, name)
    return (flush(values) if name == "bf16" else values).astype(np.float64)
