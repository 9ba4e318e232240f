"""Matrix product of operands with scales for groups of terms, summed in binary32."""

from collections.abc import Sequence

import numpy as np

from ..formats import decode_scales
from ..gemm import gemm
from .gemm_float import flush, nearest_single
from .to_float import to_float

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
    that are below the normal ones when rounded to 24 bits as zeros of their sign. The scales'
    product is exact but for that, and for infinity beyond the largest float32. S is exact in up to
    128 bits.

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
            group = _rounded(_exact(a[:, terms], w[terms]), int(np.log2(unit)))
            group = group.astype(np.float64)
            scale = of_w[number][None, :]
            if of_a is not None:
                scale = scale * of_a[:, number][:, None]
            scale = flush(scale.astype(np.float32))
            # float64 holds the product of two float32 numbers.
            total = flush(total + nearest_single(group * scale.astype(np.float64)))
    return total


def _exact(a, w):
    """Sums of products, in Python integers where 64 bits may not suffice."""
    most = int(abs(a).max(initial=0)) * int(abs(w).max(initial=0)) * a.shape[1]
    return gemm(a, w, acc_width=128 if most >> 63 else None)


def _rounded(exact, unit):
    """Exact sums times 2^unit as float32."""
    if exact.dtype == object:
        return to_float(exact, unit, "fp32").astype(np.uint32).view(np.float32)
    return nearest_single(np.ldexp(exact.astype(np.float32).astype(np.float64), unit))


def _numbers(scales):
    """The scales as float64; of bf16 those below the normal numbers are zeros."""
    codes, name = scales
    values = decode_scales(codes, name)
    return (flush(values) if name == "bf16" else values).astype(np.float64)
