"""The golden models of floating-point arithmetic against numpy, ml_dtypes and fractions."""

import random
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from brickwork.sim.golden.float.float_decoder import float_decoder
from brickwork.sim.golden.float.fp_add import fp_add
from brickwork.sim.golden.float.fp_multiply import fp_multiply
from brickwork.sim.golden.float.fp_scale import fp_scale
from brickwork.sim.golden.float.gemm_float import gemm_float, single_codes
from brickwork.sim.golden.float.int_scale import int_scale
from brickwork.sim.golden.float.narrow import narrow
from brickwork.sim.golden.float.scale_product import scale_product
from brickwork.sim.golden.float.scaled_accumulator import ScaledVisit, scaled_accumulator
from brickwork.sim.golden.float.scaled_sums import scaled_sums
from brickwork.sim.golden.float.to_float import to_float

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
    draw = np.random.default_rng(1)
    a = draw.integers(0, 1 << 16, 20000).astype(np.uint16)
    # Half of the pairs with exponents close to each other.
    b = draw.integers(0, 1 << 16, 20000).astype(np.uint16)
    b[::2] = (a[::2] + draw.integers(-3000, 3000, 10000)).astype(np.uint16) ^ 0x8000
    smallest = 2.0 ** (2 - 2 ** (widths[0] - 1))
    assert (fp_add(a, b, *widths) == sums(a, b, dtype, np.uint16, smallest, nan)).all()


def values(codes):
    return np.asarray(codes, np.uint32).view(np.float32)


def test_binary32_is_the_nearest_number():
    """No other float32 is closer to the exact sum; of two equally close ones it is the even one."""
    draw = np.random.default_rng(2)
    a = draw.integers(0x30000000, 0x50000000, 3000)
    b = np.clip(a + draw.integers(-12 << 23, 12 << 23, 3000), 0x00800000, 0x7F000000)
    b ^= draw.integers(0, 2, 3000) << 31
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
    draw = np.random.default_rng(3)
    a = draw.integers(0, 1 << 9 + a_mantissa, 4000)
    w = draw.integers(0, 1 << 9 + w_mantissa, 4000)
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


FORMATS = {
    "fp32": (np.float32, np.uint32, 0x7F800000),
    "bf16": (ml_dtypes.bfloat16, np.uint16, 0x7F80),
    "fp16": (np.float16, np.uint16, 0x7C00),
}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("unit", [-30, -24, -14, 0, 3, 90])
def test_integers_that_float64_holds(format, unit):
    """numpy rounds float64 once to float16 and float32; bfloat16 from a float32 that is exact."""
    dtype, unsigned, _ = FORMATS[format]
    draw = np.random.default_rng(4)
    bits = 24 if format == "bf16" else 53
    integers = draw.integers(-(1 << bits), 1 << bits, 5000) >> draw.integers(0, bits, 5000)
    with np.errstate(all="ignore"):
        expected = np.ldexp(integers.astype(np.float64), unit).astype(dtype).view(unsigned)
    assert (to_float(integers, unit, format) == expected).all()


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("unit", [-200, -150, -48, -20, 0, 60])
def test_wide_integers_become_the_nearest_number(format, unit):
    """No other code of the format is closer; of two equally close ones it is the even one."""
    dtype, unsigned, infinity = FORMATS[format]
    draw = random.Random(5)
    integers = [draw.getrandbits(draw.randint(1, 128)) for _ in range(500)]
    # Ties, and integers next to ties.
    tops = [draw.getrandbits(draw.randint(1, 24)) << 1 | 1 for _ in range(300)]
    integers += [(top << draw.randint(1, 90)) + draw.choice((-1, 0, 1)) for top in tops]
    smallest = Fraction(2) ** (-14 if format == "fp16" else -126)
    # Beyond the greatest finite number another step, as if exponents went on.
    step = Fraction(float(np.array(infinity - 1, unsigned).view(dtype))) - Fraction(
        float(np.array(infinity - 2, unsigned).view(dtype))
    )

    def value(code):
        if code == infinity:
            return value(code - 1) + step
        return Fraction(float(np.array(code, unsigned).view(dtype)))

    codes = to_float(np.array(integers, object), unit, format)
    negative = to_float(-np.array(integers, object), unit, format)
    signs = np.array([integer > 0 for integer in integers]) * (1 << 8 * unsigned().nbytes - 1)
    assert (negative == codes + signs).all()
    for integer, code in zip(integers, codes.tolist(), strict=True):
        exact = Fraction(integer) * Fraction(2) ** unit
        if code == infinity:
            assert exact >= value(infinity) - step / 2
        elif exact < smallest and format != "fp16":
            # Half of a last bit below the smallest normal number the rounding reaches it.
            limit = smallest * (1 - Fraction(1, 1 << (25 if format == "fp32" else 9)))
            assert value(code) == (smallest if exact >= limit else 0)
        else:
            error = abs(value(code) - exact)
            neighbours = [each for each in (code - 1, code + 1) if 0 <= each <= infinity]
            for other in (abs(value(each) - exact) for each in neighbours):
                assert error < other or (error == other and code % 2 == 0)


@pytest.mark.parametrize(
    ("integer", "unit", "format", "code"),
    [
        (0, 5, "fp32", 0),
        (-1, 0, "fp16", 0xBC00),
        ((1 << 24) + 1, 0, "fp32", 0x4B800000),  # ties
        ((1 << 24) + 3, 0, "fp32", 0x4B800002),
        ((1 << 25) - 1, 0, "fp32", 0x4C000000),  # a carry into the exponent
        (65519, 0, "fp16", 0x7BFF),
        (65520, 0, "fp16", 0x7C00),
        (-65520, 0, "fp16", 0xFC00),
        (1, -24, "fp16", 1),
        (1, -25, "fp16", 0),  # a tie, to even
        (-1, -25, "fp16", 0x8000),
        (3, -25, "fp16", 2),
        ((1 << 11) - 1, -25, "fp16", 0x0400),  # to the smallest normal number
        (1, -126, "fp32", 0x00800000),
        (1, -127, "fp32", 0),
        (-1, -127, "bf16", 0x8000),
        ((1 << 9) - 1, -135, "bf16", 0x0080),  # rounded up to the smallest normal number
        ((1 << 8) - 1, -134, "bf16", 0),
        (1, 128, "fp32", 0x7F800000),
        ((1 << 24) - 1, 104, "fp32", 0x7F7FFFFF),
        ((1 << 25) - 1, 103, "fp32", 0x7F800000),
    ],
)
def test_integers_of_corners(integer, unit, format, code):
    assert to_float(integer, unit, format) == code


@pytest.mark.parametrize(("format", "nan"), [("bf16", 0x7FC0), ("fp16", 0x7E00)])
def test_narrowed_codes(format, nan):
    """Every upper half with lower halves next to ties, and random codes."""
    dtype, unsigned, _ = FORMATS[format]
    draw = np.random.default_rng(6)
    upper = np.arange(1 << 16)[:, None] << 16
    lower = np.array([0, 0x7FFF, 0x8000, 0x8001])
    codes = np.concatenate(
        [
            (upper | lower)[:: 1 if format == "bf16" else 3].ravel(),
            draw.integers(0, 1 << 32, 20000),
            # Around the limits of fp16, with ties of its normal and subnormal numbers.
            draw.integers(0x33000000 >> 12, 0x47900000 >> 12, 20000) << 12,
        ]
    )
    single = codes.astype(np.uint32).view(np.float32)
    single = np.where(np.abs(single) < 2.0**-126, np.copysign(np.float32(0), single), single)
    with np.errstate(all="ignore"):
        expected = single.astype(dtype)
    expected = np.where(np.isnan(single), nan, expected.view(unsigned).astype(np.int64))
    assert (narrow(codes, format) == expected).all()


def bfloat16_operands(shape, rng, exponents):
    """Codes of bfloat16, some of them zeros, and the numbers."""
    codes = rng.integers(*exponents, shape) << 7 | rng.integers(0, 128, shape)
    codes = np.where(rng.random(shape) < 0.2, 0, codes) | rng.integers(0, 2, shape) << 15
    return codes, (codes << 16).astype(np.uint32).view(np.float32)


# Sums near 1; products and sums next to the smallest normal number; and overflow to NaN.
@pytest.mark.parametrize("exponents", [(120, 130), (63, 66), (186, 192)])
@pytest.mark.parametrize("step", [1, 4, None])
def test_products_of_matrices_are_sums_in_order(step, exponents):
    rng = np.random.default_rng(5)
    (a_codes, a), (w_codes, w) = (
        bfloat16_operands(shape, rng, exponents) for shape in ((7, 11), (11, 9))
    )
    total = tile = np.zeros((7, 9), np.int64)
    for k in range(11):
        product = fp_multiply(a_codes[:, k : k + 1], w_codes[k : k + 1], 7, 7)
        tile = fp_add(tile, product, 8, 23)
        if step and (k + 1) % step == 0:
            total, tile = fp_add(total, tile, 8, 23), np.zeros_like(tile)
    if step is None:
        total = tile
    elif 11 % step:  # the short tile is filled up with products of zeros
        total = fp_add(total, fp_add(tile, np.zeros_like(tile), 8, 23), 8, 23)
    actual = single_codes(gemm_float(a, w, terms_per_step=step))
    np.testing.assert_array_equal(actual, total)


def test_signs_of_zeros_in_products_of_matrices():
    tiny = np.float32(2.0**-63)
    a = np.array([[-1.5 * tiny, tiny], [-0.0, 0.0], [0.0, 0.0]], np.float32)
    w = np.array([[tiny], [tiny]], np.float32)
    # -1.5 · 2^-126 + 2^-126 is below the normal numbers; +0 + -0 is +0.
    assert np.signbit(gemm_float(a, w, terms_per_step=None)[:, 0]).tolist() == [True, False, False]
    assert np.signbit(gemm_float(a, w, terms_per_step=2)).any() == np.False_


@pytest.mark.parametrize(
    ("format", "dtype", "unsigned", "mantissa"),
    [
        ("e4m3", ml_dtypes.float8_e4m3fn, np.uint8, 3),
        ("e5m2", ml_dtypes.float8_e5m2, np.uint8, 2),
        ("fp16", np.float16, np.uint16, 10),
    ],
)
def test_decoded_codes(format, dtype, unsigned, mantissa):
    codes = np.arange(1 << 8 * unsigned().nbytes)
    expected = codes.astype(unsigned).view(dtype).astype(np.float32)
    actual = values(float_decoder(codes, format) << 23 - mantissa)
    assert np.array_equal(actual, expected, equal_nan=True)
    assert (np.signbit(actual) == np.signbit(expected)).all()


@pytest.mark.parametrize("mantissa", [0, 3, 7, 10, 14])
def test_scaled_codes_are_the_nearest_numbers(mantissa):
    """numpy rounds float64 once to float32, where its product of the two is exact."""
    draw = np.random.default_rng(7)
    a = draw.integers(0, 1 << 32, 20000)
    scale = draw.integers(0, 1 << 9 + mantissa, 20000) << (mantissa == 0)
    x, s = values(a), values(scale << 23 - max(1, mantissa))
    usual = ~(np.isnan(x) | np.isnan(s)) & (np.abs(x) >= 2.0**-126) & (np.abs(s) >= 2.0**-126)
    with np.errstate(all="ignore"):
        expected = (x.astype(np.float64) * s.astype(np.float64)).astype(np.float32)
        usual &= ~((np.abs(expected) > 0) & (np.abs(expected) <= 2.0**-126))
    assert usual.sum() > 10000
    codes = fp_scale(a, scale, mantissa)
    assert (codes[usual] == expected.view(np.uint32)[usual]).all()


@pytest.mark.parametrize(
    ("a", "scale", "product"),
    [
        (0x7F800000, 0, 0x7FC00000),  # infinity times zero
        (0xFF800001, 0x1FC0, 0x7FC00000),
        (0x80000000, 0x1FC0, 0x80000000),
        (0x807FFFFF, 0x1FC0, 0x80000000),  # a subnormal number
        (0x00FFFFFF, 0x1F80, 0),  # half of it: exact in 24 bits, and below the normal numbers
        (0x00FFFFFF, 0x1F81, 0x0081FFFF),  # 0xFFFFFF · 65 / 128
        (0x7F7FFFFF, 0x2000, 0x7F800000),
        (0x3F800001, 0x1FE0, 0x3FC00002),  # 1.5 (1 + 2^-23): a tie, to even
    ],
)
def test_scaled_codes_of_corners(a, scale, product):
    assert fp_scale(a, scale, 6) == product


@pytest.mark.parametrize(
    ("width", "unit", "mantissa"), [(25, -20, 7), (23, -126, 14), (53, -30, 0)]
)
def test_scaled_integers(width, unit, mantissa):
    """In one rounding of numpy's float64, and in two where the first one changes nothing."""
    draw = np.random.default_rng(8)
    i = draw.integers(-1 << width - 1, 1 << width - 1, 5000) >> draw.integers(0, width, 5000)
    scale = draw.integers(0, 1 << 9 + mantissa, 5000) << (mantissa == 0)
    codes = int_scale(i, scale, unit, mantissa)
    assert (codes == fp_scale(to_float(i, unit, "fp32"), scale, mantissa)).all()
    with np.errstate(all="ignore"):
        s = values(scale << 23 - max(1, mantissa)).astype(np.float64)
        expected = (np.ldexp(i.astype(np.float64), unit) * s).astype(np.float32)
        usual = ~np.isnan(expected) & (np.abs(s) >= 2.0**-126) & (np.abs(expected) > 2.0**-126)
    assert usual.sum() > 1000
    assert (codes[usual] == expected.view(np.uint32)[usual]).all()


def test_products_of_scales():
    """All pairs of the formats of 8 bits, in ml_dtypes' numbers."""
    types = {"e4m3": ml_dtypes.float8_e4m3fn, "e8m0": ml_dtypes.float8_e8m0fnu}
    w, a = (grid.ravel() for grid in np.meshgrid(*[np.arange(256)] * 2))
    for w_scale, w_type in types.items():
        for a_scale, a_type in types.items():
            exact = w.astype(np.uint8).view(w_type).astype(np.float64)
            exact = exact * a.astype(np.uint8).view(a_type).astype(np.float64)
            mantissa = {0: 1, 3: 3, 6: 7}[3 * (w_scale == "e4m3") + 3 * (a_scale == "e4m3")]
            actual = values(scale_product(w, w_scale, a, a_scale) << 23 - mantissa)
            normal = (np.abs(exact) >= 2.0**-126) & (np.abs(exact) < 2.0**128)
            assert (actual[normal] == exact[normal]).all()
            assert (actual[np.abs(exact) < 2.0**-126] == 0).all()
            assert (np.abs(actual[np.abs(exact) >= 2.0**128]) == np.inf).all()
            assert (np.isnan(actual) == np.isnan(exact)).all()


def test_a_sum_of_scaled_groups():
    """Two groups of a row, by hand: (5 + 7) · 0.25 · 1.5 / 4 = 1.125, less 3 · 0.25 · 2 · 1."""

    def visit(opens, closes, begins, psum, w_scale, a_scale):
        return ScaledVisit(0, opens, closes, begins, np.array([psum]), np.array([w_scale]), a_scale)

    visits = [
        visit(True, False, True, 5, 0, 0),
        visit(False, True, True, 7, 0x3C, 125),
        visit(True, True, False, -3, 0x40, 127),
    ]
    none, *sums = scaled_accumulator(visits, unit=-2, w_scale="e4m3", a_scale="e8m0")
    assert none is None
    assert values(np.array(sums)).ravel().tolist() == [1.125, -0.375]


@pytest.mark.parametrize(
    ("total", "unit", "scale", "expected"),
    [
        ((1 << 24) - 1, -30, 7, 0.0),  # exact in 24 bits, and below the smallest normal number
        ((1 << 25) - 1, -31, 7, 2.0**-126),  # rounded up to it
        (1 << 24, -30, 7, 2.0**-126),
        ((1 << 60) + (1 << 36) + 1, -60, 127, 1 + 2.0**-23),  # beyond a tie by a bit
        ((1 << 60) + (1 << 36), -60, 127, 1.0),
        ((1 << 90) + (1 << 66) + 1, -90, 127, 1 + 2.0**-23),
    ],
)
def test_scaled_sums_of_corners(total, unit, scale, expected):
    a, w = np.array([[total]], object), np.array([[1]], object)
    sums = scaled_sums(
        a if total >> 62 else a.astype(np.int64),
        w if total >> 62 else w.astype(np.int64),
        groups=[slice(0, 1)],
        unit=2.0**unit,
        w_scales=(np.array([[scale]]), "e8m0"),
    )
    assert sums.tolist() == [[expected]]
