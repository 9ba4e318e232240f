"""The golden adder and multiplier against numpy, ml_dtypes and fractions."""

from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from brickwork.sim.golden.float.fp_add import fp_add
from brickwork.sim.golden.float.fp_multiply import fp_multiply

SMALL = {
    (3, 4): ml_dtypes.float8_e3m4,
    (4, 3): ml_dtypes.float8_e4m3,
    (5, 2): ml_dtypes.float8_e5m2,
}


def sums(a, b, dtype, unsigned, smallest_normal, nan):
    """The sum in a type of an outside library, without its subnormal numbers."""

    def flushed(values):
        single = values.astype(np.float32)
        tiny = np.abs(single) < np.float32(smallest_normal)
        return np.where(tiny, np.copysign(np.float32(0), single), single).astype(dtype)

    with np.errstate(all="ignore"):
        total = flushed(flushed(a.view(dtype)) + flushed(b.view(dtype)))
        return np.where(np.isnan(total), nan, total.view(unsigned).astype(np.int64))


@pytest.mark.parametrize("widths", SMALL)
def test_all_pairs_of_small_floats(widths):
    exponent, mantissa = widths
    a, b = (grid.ravel().astype(np.uint8) for grid in np.meshgrid(*[np.arange(256)] * 2))
    smallest = 2.0 ** (2 - 2 ** (exponent - 1))
    nan = ((2 << exponent) - 1) << (mantissa - 1)
    expected = sums(a, b, SMALL[widths], np.uint8, smallest, nan)
    assert (fp_add(a, b, exponent, mantissa) == expected).all()


@pytest.mark.parametrize(
    ("widths", "dtype", "nan"),
    [((8, 7), ml_dtypes.bfloat16, 0x7FC0), ((5, 10), np.float16, 0x7E00)],
)
def test_floats_of_16_bits(widths, dtype, nan):
    random = np.random.default_rng(1)
    a = random.integers(0, 1 << 16, 20000).astype(np.uint16)
    # Half of the pairs with exponents close to each other.
    b = random.integers(0, 1 << 16, 20000).astype(np.uint16)
    b[::2] = (a[::2] + random.integers(-3000, 3000, 10000)).astype(np.uint16) ^ 0x8000
    smallest = 2.0 ** (2 - 2 ** (widths[0] - 1))
    assert (fp_add(a, b, *widths) == sums(a, b, dtype, np.uint16, smallest, nan)).all()


def values(codes):
    return np.asarray(codes, np.uint32).view(np.float32)


def test_binary32_is_the_nearest_number():
    """No other float32 is closer to the exact sum; of two equally close ones it is the even one."""
    random = np.random.default_rng(2)
    a = random.integers(0x30000000, 0x50000000, 3000)
    b = np.clip(a + random.integers(-12 << 23, 12 << 23, 3000), 0x00800000, 0x7F000000)
    b ^= random.integers(0, 2, 3000) << 31
    total = fp_add(a, b)
    for x, y, code in zip(values(a), values(b), total, strict=True):
        exact = Fraction(float(x)) + Fraction(float(y))
        if exact == 0:
            assert code == 0
            continue
        error = abs(Fraction(float(values(code))) - exact)
        for neighbour in (code - 1, code + 1):
            other = abs(Fraction(float(values(neighbour))) - exact)
            assert error < other or (error == other and code % 2 == 0)


@pytest.mark.parametrize(
    ("a", "b", "total"),
    [
        (0x3F800000, 0xBF800000, 0),  # x - x
        (0x80000000, 0x80000000, 0x80000000),
        (0x80000000, 0x00000000, 0),
        (0x80000001, 0x807FFFFF, 0x80000000),  # subnormal numbers of both operands
        (0x80000001, 0x007FFFFF, 0),
        (0x00800001, 0x80800000, 0),  # the difference is subnormal
        (0x80800001, 0x00800000, 0x80000000),
        (0x7F7FFFFF, 0x7F7FFFFF, 0x7F800000),
        (0x7F7FFFFF, 0x73000000, 0x7F800000),  # half of the last bit: a tie, to infinity
        (0x7F7FFFFF, 0x72FFFFFF, 0x7F7FFFFF),
        (0x7F800000, 0xFF800000, 0x7FC00000),
        (0xFF800000, 0x7F7FFFFF, 0xFF800000),
        (0xFFFFFFFF, 0x3F800000, 0x7FC00000),
        (0x7F800001, 0xFF800000, 0x7FC00000),
        (0x3F800000, 0x33800000, 0x3F800000),  # ties
        (0x3F800001, 0x33800000, 0x3F800002),
    ],
)
def test_binary32_corners(a, b, total):
    assert fp_add(a, b) == fp_add(b, a) == total


@pytest.mark.parametrize(("a_mantissa", "w_mantissa"), [(7, 7), (10, 10), (1, 21), (7, 3)])
def test_products_are_exact(a_mantissa, w_mantissa):
    random = np.random.default_rng(3)
    a = random.integers(0, 1 << 9 + a_mantissa, 4000)
    w = random.integers(0, 1 << 9 + w_mantissa, 4000)
    products = fp_multiply(a, w, a_mantissa, w_mantissa)
    count = 0
    for x, y, code in zip(
        values(a << 23 - a_mantissa), values(w << 23 - w_mantissa), products, strict=True
    ):
        if not np.isfinite([x, y]).all() or 0 < min(abs(x), abs(y)) < 2.0**-126:
            continue
        exact, product = Fraction(float(x)) * Fraction(float(y)), float(values(code))
        assert (code >> 31) == (np.signbit(x) ^ np.signbit(y))
        if abs(exact) < Fraction(2) ** -126:
            assert product == 0
        elif abs(exact) >= 2**128:
            assert abs(product) == np.inf
        else:
            assert Fraction(product) == exact
        count += 1
    assert count > 2000


@pytest.mark.parametrize(
    ("a", "w", "product"),
    [
        (0x7F80, 0x0000, 0x7FC00000),  # infinity times zero, and times a subnormal number
        (0xFF80, 0x0001, 0x7FC00000),
        (0x7F80, 0x8080, 0xFF800000),
        (0xFFC1, 0x3F80, 0x7FC00000),
        (0x007F, 0xBF80, 0x80000000),
        (0x0080, 0x3F00, 0),  # half of the smallest normal number
        (0x0080, 0x3F80, 0x00800000),
        (0x7F7F, 0x3FFF, 0x7F800000),
        (0x3F80, 0xC040, 0xC0400000),
    ],
)
def test_products_of_corners(a, w, product):
    assert fp_multiply(a, w, 7, 7) == fp_multiply(w, a, 7, 7) == product
