"""Sums of products, as a multiply-accumulate unit has them."""

import numpy as np

from ..overflow import limit

__all__ = ["fusion_mac"]


def fusion_mac(terms: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The sum after each of the terms, in 32 bits; it begins anew with each that is ``first``."""
    sums, total = [], 0
    for term, begins in zip(terms, first, strict=True):
        total = int(limit((0 if begins else total) + int(term), 32, "wrap"))
        sums.append(total)
    return np.array(sums)
