"""Widths of exact sums, against sums of every pair of small numbers."""

import itertools

import numpy as np
import pytest
from amaranth.hdl import signed, unsigned
from brickwork.hdl import formats
from brickwork.hdl.arith.exact import index_shape, product_shape, signed_width, sum_range, sum_width

NAMES = ("int2", "int3", "int5", "uint2", "uint3", "uint4")


@pytest.mark.parametrize(("a", "w"), list(itertools.product(NAMES, NAMES)))
def test_sums_fit_and_a_bit_less_would_not_do(a, w):
    a, w = formats.get(a), formats.get(w)
    products = np.outer(
        np.arange(a.lowest, a.highest + 1), np.arange(w.lowest, w.highest + 1)
    ).astype(object)
    for terms in (1, 2, 7, 8, 1000):
        lowest, highest = products.min() * terms, products.max() * terms
        assert sum_range(a, w, terms) == (lowest, highest)
        width = sum_width(a, w, terms)
        assert -(2 ** (width - 1)) <= lowest
        assert highest < 2 ** (width - 1)
        assert not (-(2 ** (width - 2)) <= lowest and highest < 2 ** (width - 2))
    assert product_shape(a, w) == signed(sum_width(a, w, 1))


def test_widths_of_the_default_accumulator():
    eight = formats.get("int8")
    assert sum_width(eight, eight, 65536) == 32
    assert sum_width(eight, eight, 131072) == 33


@pytest.mark.parametrize(
    ("lowest", "highest", "width"),
    [(0, 0, 1), (-1, 0, 1), (0, 1, 2), (-2, 1, 2), (-3, 0, 3), (0, 127, 8), (-129, 0, 9)],
)
def test_signed_width(lowest, highest, width):
    assert signed_width(lowest, highest) == width


@pytest.mark.parametrize(("count", "width"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (512, 9)])
def test_index(count, width):
    assert index_shape(count) == unsigned(width)
