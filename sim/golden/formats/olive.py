"""``ovp_…``: OliVe's outlier-victim pairs (Guo et al., ISCA 2023).

Elements 2k and 2k+1 along an axis are a pair. Where neither code is the identifier, both are of
the normal type. Where one is, that element is 0, the victim, and the other one is an outlier in
*abfloat*: ((1 << M) + mantissa) << (exponent + bias). The normal type leaves the identifier out,
the sign bit alone: ``int<N>`` has no -2^(N-1), and flint's -0 is not used.
"""

from typing import NamedTuple

import numpy as np

from .flint import magnitudes
from .format import Format, make, sign_magnitude

__all__ = ["PAIRS", "pair_format", "resolve"]


class _Layout(NamedTuple):
    bits: int
    flint: bool
    #: Of the outliers: exponent and mantissa bits, and what is added to the exponent.
    exponent: int
    mantissa: int
    bias: int


PAIRS = {
    "ovp_int4": _Layout(4, False, 2, 1, 2),
    "ovp_flint4": _Layout(4, True, 2, 1, 3),
    "ovp_int8": _Layout(8, False, 4, 3, 4),
    "ovp_int8_e2m5": _Layout(8, False, 2, 5, 2),
}


def pair_format(name: str) -> Format:
    bits, is_flint, exponent, mantissa, bias = PAIRS[name]
    half = 1 << (bits - 1)
    if is_flint:
        normals = sign_magnitude(magnitudes(bits - 1))
    else:
        normals = [*range(half), 0, *range(1 - half, 0)]
    outliers = sign_magnitude(
        [
            ((1 << mantissa) + fraction) << (e + bias)
            for e in range(1 << exponent)
            for fraction in range(1 << mantissa)
        ]
    )
    outliers[half] = 0
    return make(name, "ovp", normals, outliers=outliers, identifier=half)


def resolve(codes: np.ndarray, fmt: Format, axis: int) -> np.ndarray:
    """Operands of ``codes``, an array of an even length along ``axis``.

    A pair of two identifiers, which no encoder makes, is (0, 0).
    """
    pairs = np.moveaxis(codes, axis, -1)
    marked = pairs == fmt.identifier
    beside = np.stack([marked[..., 1::2], marked[..., ::2]], axis=-1).reshape(marked.shape)
    operands = np.where(beside, fmt.outliers[pairs], fmt.integers[pairs])
    return np.moveaxis(operands, -1, axis)
