"""Product of a matrix of shared weights and vectors, in fixed point."""

import numpy as np
from numpy.typing import ArrayLike

from ..arith.requantize import requantize
from ..formats import check_integers, check_positive
from ..gemm import gemm

__all__ = ["eie"]


def eie(
    indices: ArrayLike,
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
    indices : integers (outputs, inputs)
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
    indices = check_integers(indices, "Indices")
    codebook = check_integers(codebook, "Codebook")
    a = check_integers(a, "Activations")
    act_width = check_positive(act_width, "Activation width")
    if codebook.ndim != 1 or not codebook.size or codebook[0] != 0:
        raise ValueError("Codebook must be a list of weights, the first of them 0")
    if indices.ndim != 2 or a.ndim not in (1, 2) or a.shape[-1] != indices.shape[1]:
        raise ValueError(
            f"Activations must have the shape (inputs,) or (batch, inputs) for indices of the "
            f"shape {indices.shape}, not {a.shape}"
        )
    if indices.size and not 0 <= indices.min() <= indices.max() < len(codebook):
        raise ValueError(f"Indices must be from 0 to {len(codebook) - 1}")
    sums = gemm(np.atleast_2d(a), codebook[indices].T, acc_width=acc_width)
    high = (1 << (act_width - 1)) - 1
    y = requantize(sums, 0, 1, shift, 0, 0 if relu else ~high, high)
    return y if a.ndim == 2 else y[0]
