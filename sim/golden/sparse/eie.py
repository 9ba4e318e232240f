"""Product of a matrix of shared weights and vectors, in fixed point."""

import numpy as np
from numpy.typing import ArrayLike

from ..arith.requantize import requantize
from ..formats import check_integers, check_positive
from ..overflow import limit
from .indices import Indices

__all__ = ["eie", "sums"]


def eie(
    indices: ArrayLike | Indices,
    codebook: ArrayLike,
    a: ArrayLike,
    *,
    shift: int = 0,
    relu: bool = False,
    act_width: int = 16,
    acc_width: int | None = None,
) -> np.ndarray:
    """saturate(relu(round(codebook[indices] · a · 2^-shift))) for each vector a.

    The sums are exact integers; ``acc_width`` keeps their low bits only, as two's complement. Then
    comes one rounding, to nearest with ties to even, then ReLU if wanted, then saturation to
    -2^(act_width-1) .. 2^(act_width-1)-1.

    Parameters
    ----------
    indices : integers (outputs, inputs), or Indices
        Indices into the codebook.
    codebook : integers
        The weights; that of index 0 is 0.
    a : integers (inputs,) or (batch, inputs)
    shift : int
        0 to 63.
    relu : bool
    act_width : int
        2 to 32.
    acc_width : int, optional

    Returns
    -------
    int64 array (outputs,) or (batch, outputs)

    Raises
    ------
    TypeError
        Something is not an integer.
    ValueError
        Shapes that do not fit, or a value out of range.
    """
    act_width = check_positive(act_width, "Activation width")
    acc = sums(indices, codebook, a)
    if acc_width is not None:
        wide = check_positive(acc_width, "Accumulator width") > 62
        acc = limit(acc.astype(object) if wide else acc, acc_width, "wrap")
    high = (1 << (act_width - 1)) - 1
    y = requantize(acc, 0, 1, shift, 0, 0 if relu else ~high, high)
    return y if np.ndim(a) == 2 else y[0]


def sums(indices: ArrayLike | Indices, codebook: ArrayLike, a: ArrayLike) -> np.ndarray:
    """codebook[indices] · a for each vector a, exactly, batch × outputs.

    The array is of int64, or of Python integers where sums may be larger. Parameters and errors are
    those of :func:`eie`.
    """
    indices = Indices.of(indices)
    codebook = check_integers(codebook, "Codebook")
    a = check_integers(a, "Activations")
    if codebook.ndim != 1 or not codebook.size or codebook[0] != 0:
        raise ValueError("Codebook must be a list of weights, the first of them 0")
    if a.ndim not in (1, 2) or a.shape[-1] != indices.shape[1]:
        raise ValueError(
            f"Activations must have the shape (inputs,) or (batch, inputs) for indices of the "
            f"shape {indices.shape}, not {a.shape}"
        )
    indices.check(codebook)
    a = np.atleast_2d(a)
    weights = codebook[indices.values]
    counts = np.bincount(indices.rows, minlength=indices.shape[0])
    bound = _largest(weights) * _largest(a) * int(counts.max(initial=0))
    # In float64 as long as it is exact, which is many times faster.
    type_ = np.float64 if bound < 1 << 53 else object
    weights = weights.astype(type_)
    result = np.zeros((len(a), indices.shape[0]), np.int64 if bound < 1 << 62 else object)
    for vector, row in zip(a.astype(type_), result, strict=True):
        products = weights * vector[indices.columns]
        if type_ is object:
            np.add.at(row, indices.rows, products.astype(row.dtype))
        else:
            row[:] = np.bincount(indices.rows, products, len(row))
    return result


def _largest(values: np.ndarray) -> int:
    return max(abs(int(values.min())), abs(int(values.max()))) if values.size else 0
