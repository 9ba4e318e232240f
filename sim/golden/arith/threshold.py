"""Thresholds of sums in the place of batch normalization and sign."""

import math
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["batch_norm_thresholds"]


def batch_norm_thresholds(
    gamma: ArrayLike,
    beta: ArrayLike,
    mean: ArrayLike,
    var: ArrayLike,
    eps: float = 1e-5,
    *,
    unit: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Thresholds and flips with the sign of batch normalization, exactly, for any integer sum s.

    The sign is 1 where gamma · (unit · s - mean) / sqrt(var + eps) + beta is at least 0, else 0, in
    real numbers: no rounding of floats in between. It is 1 where s is at least the threshold, or
    less than it where the flip is 1. See Umuroglu et al., "FINN: A Framework for Fast, Scalable
    Binarized Neural Network Inference", FPGA 2017, section 4.2.2.

    Parameters
    ----------
    gamma, beta, mean, var : arrays of floats, N channels
    eps : float
    unit : float
        The real number that a sum of 1 stands for.

    Returns
    -------
    (int64 array, int64 array)
        Where gamma is 0 the sign is that of beta for all sums: the threshold is -2^63.

    Raises
    ------
    ValueError
        If the arrays have different lengths, numbers are not finite, ``unit`` is not positive, or
        var + eps is; or a threshold does not fit 64 bits.
    """
    arrays = [np.atleast_1d(np.asarray(each, np.float64)) for each in (gamma, beta, mean, var)]
    if any(each.ndim != 1 or each.shape != arrays[0].shape for each in arrays):
        shapes = ", ".join(str(each.shape) for each in arrays)
        raise ValueError(f"Gamma, beta, mean and var must have one length, not the shapes {shapes}")
    if not all(np.isfinite(each).all() for each in (*arrays, np.float64(eps))):
        raise ValueError("Gamma, beta, mean, var and eps must be finite")
    if not (math.isfinite(unit) and unit > 0):
        raise ValueError(f"Unit must be a positive number, not {unit!r}")
    pairs = [_channel(*map(Fraction, values), unit, eps) for values in zip(*arrays, strict=True)]
    thresholds, flips = zip(*pairs, strict=True) if pairs else ((), ())
    return np.array(thresholds, np.int64), np.array(flips, np.int64)


def _channel(gamma, beta, mean, var, unit, eps):
    """Threshold and flip of a channel."""
    square = var + Fraction(eps)
    if square <= 0:
        raise ValueError(f"Var + eps must be positive, not {float(square)}")
    if gamma == 0:
        return -(1 << 63), int(beta < 0)
    unit = Fraction(unit)

    def reached(s):
        """Whether gamma · (unit · s - mean) + beta · sqrt(square) is at least 0."""
        x, y = gamma * (unit * s - mean), beta
        if x >= 0 and y >= 0:
            return True
        if x < 0 and y < 0:
            return False
        # One is negative: the larger square decides.
        return x * x >= y * y * square if x >= 0 else y * y * square >= x * x

    # With a growing gamma · s the sign changes once: from 0 to 1, or from 1 to 0.
    rising = gamma > 0
    low, high = -(1 << 62), 1 << 62
    if reached(low) == rising or reached(high) != rising:
        raise ValueError("Threshold must fit 63 bits")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) == rising else (middle, high)
    return high, int(not rising)
