"""Matrix product with an exact, a wrapping or a saturating accumulator."""

import numpy as np
from numpy.typing import ArrayLike

from .formats import check_integers, check_positive

__all__ = ["gemm"]

_INT64 = np.iinfo(np.int64)


def gemm(
    a: ArrayLike,
    w: ArrayLike,
    *,
    acc_width: int | None = None,
    overflow: str = "wrap",
    terms_per_step: int | None = None,
) -> np.ndarray:
    """A·W in integers.

    Without ``acc_width`` every sum is exact. ``"wrap"`` keeps its low ``acc_width`` bits as two's
    complement, which does not depend on the order of the additions. ``"saturate"`` does: K is cut
    into blocks of ``terms_per_step`` consecutive terms (the last may be shorter); the sum of a
    block is exact, is added to the accumulator, which starts at 0, and the result is clamped to
    -2^(acc_width-1) .. 2^(acc_width-1)-1; then comes the next block. A weight-stationary array of
    R rows has ``terms_per_step=R``, an output-stationary one has 1.

    Parameters
    ----------
    a : integers (M, K)
        Any width; ``object`` arrays of Python integers are allowed.
    w : integers (K, N)
    acc_width : int, optional
        Accumulator width in bits, 1 to 128.
    overflow : str
        ``"wrap"`` or ``"saturate"``; without meaning when ``acc_width`` is None.
    terms_per_step : int, optional
        Needed by ``"saturate"``, without meaning otherwise.

    Returns
    -------
    int64 array (M, N); of Python integers if the accumulator has more than 64 bits

    Raises
    ------
    TypeError
        Arrays that are not of integers; a width or step that is not an integer, or is missing.
    ValueError
        Shapes that do not fit, parameters out of range, or an exact result beyond int64.
    """
    a = check_integers(a, "Activations")
    w = check_integers(w, "Weights")
    if a.ndim != 2:
        raise ValueError(f"Activations must have the shape (M, K), not {a.shape}")
    if w.ndim != 2 or len(w) != a.shape[1]:
        raise ValueError(f"Weights must have the shape ({a.shape[1]}, N), not {w.shape}")
    if overflow not in ("wrap", "saturate"):
        raise ValueError(f'Overflow must be "wrap" or "saturate", not {overflow!r}')
    if acc_width is not None or overflow == "saturate":
        acc_width = check_positive(acc_width, "Accumulator width")
        if acc_width > 128:
            raise ValueError(f"Accumulator width must be at most 128, not {acc_width}")
    if overflow == "saturate":
        terms_per_step = check_positive(terms_per_step, "Terms per step")
        result = _saturating(a, w, acc_width, terms_per_step)
    else:
        result = _exact(a, w, _bound(a, w))
        if acc_width is not None:
            result = _wrap(result, acc_width)
    return result.astype(object) if (acc_width or 0) > 64 else _as_int64(result)


def _bound(a: np.ndarray, w: np.ndarray) -> int:
    """No sum of any of the K products is larger in magnitude."""
    return _largest(a) * _largest(w) * a.shape[1]


def _largest(values: np.ndarray) -> int:
    return max(abs(int(values.min())), abs(int(values.max()))) if values.size else 0


def _type_for(bound: int) -> type:
    """The fastest type in which sums up to ``bound`` are exact: float64 is what BLAS is fast in."""
    if bound < 1 << 53:
        return np.float64
    return np.int64 if bound < 1 << 63 else object


def _exact(a: np.ndarray, w: np.ndarray, bound: int) -> np.ndarray:
    dtype = _type_for(max(bound, _largest(a), _largest(w)))
    if dtype is object:
        return _by_limbs(a, w)
    # Columns in a row of memory: numpy's own loop for int64 is four times faster so.
    product = a.astype(dtype) @ w.astype(dtype, order="F")
    return product.astype(np.int64) if dtype is np.float64 else product


def _by_limbs(a: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Python integers, from products of limbs that are exact in float64."""
    bits = (53 - a.shape[1].bit_length()) // 2
    total: np.ndarray | int = 0
    for i, left in enumerate(_limbs(a, bits)):
        for j, right in enumerate(_limbs(w, bits)):
            total = total + ((left @ right).astype(np.int64).astype(object) << bits * (i + j))
    return np.asarray(total, object)


def _limbs(values: np.ndarray, bits: int) -> list[np.ndarray]:
    """Digits of so many bits, the lowest first, that of the highest with its sign."""
    limbs = []
    while True:
        if _largest(values) < 1 << bits:
            return [*limbs, values.astype(np.float64)]
        limbs.append((values & ((1 << bits) - 1)).astype(np.float64))
        values = values >> bits


def _wrap(values: np.ndarray, width: int) -> np.ndarray:
    if width >= 64 and values.dtype == np.int64:
        return values
    sign = 1 << (width - 1)
    return ((values & ((1 << width) - 1)) ^ sign) - sign


def _saturating(a: np.ndarray, w: np.ndarray, width: int, step: int) -> np.ndarray:
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
    bound = _bound(a, w)
    if _never_beyond(high, a, w, bound):
        return _exact(a, w, bound)
    dtype = _type_for(bound)  # clamping only takes sums closer to zero
    a, w = a.astype(dtype), w.astype(dtype)
    acc = np.zeros((a.shape[0], w.shape[1]), dtype)
    for k in range(0, a.shape[1], step):
        acc += a[:, k : k + step] @ w[k : k + step]
        acc = np.minimum(np.maximum(acc, low), high)
    return acc.astype(np.int64) if dtype is np.float64 else acc


def _never_beyond(high: int, a: np.ndarray, w: np.ndarray, bound: int) -> bool:
    """Whether even the sums of the magnitudes fit, so that no partial sum can leave the range."""
    if bound <= high:
        return True
    if bound >= 1 << 63:
        return False
    return int(_exact(abs(a.astype(np.int64)), abs(w.astype(np.int64)), bound).max()) <= high


def _as_int64(values: np.ndarray) -> np.ndarray:
    if values.dtype == object:
        for value in values.flat:
            if not _INT64.min <= value <= _INT64.max:
                raise ValueError(f"Results must fit int64, not {value}")
    return values.astype(np.int64)
