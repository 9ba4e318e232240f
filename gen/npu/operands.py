"""Checks of what layers are made of, and their messages."""

import numpy as np

from .folded import FoldedTensor

__all__ = ["check_blocks", "integers", "shape_text"]


def integers(subject, values, bits):
    """An array of integers that fit so many bits, signed."""
    values = np.asarray(values)
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    if values.dtype.kind not in "iu":
        raise TypeError(f"{subject} must be integers, not {values.dtype}")
    if values.size and (values.min() < low or values.max() > high):
        worst = values.min() if values.min() < low else values.max()
        raise ValueError(f"{subject} must be from {low} to {high}, not {worst}")
    return values


def shape_text(shape):
    """A shape as messages say it."""
    return "x".join(map(str, shape))


def check_blocks(name, *tensors):
    """Refuse folded inputs of layers that take none."""
    if any(isinstance(tensor, FoldedTensor) for tensor in tensors):
        raise ValueError(
            f"Operand of {name} must be in blocks; a folded input is for its convolution alone"
        )
