"""The golden requantizer against fractions, float32 arithmetic and ONNX Runtime."""

import random
import re
import runpy
from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np
import pytest
from brickwork.hdl.arith.requantize import shift_width
from brickwork.sim.golden.arith.requantize import requantize, scale_to_multiplier, scale_to_shift

# Not an import: pytest's importlib mode leaves the folder of the tests off the module path.
onnx_reference = runpy.run_path(str(Path(__file__).parents[1] / "lib" / "onnx_reference.py"))


def exact(acc, bias, multiplier, shift, zero_point, low, high):
    rounded = round(Fraction((acc + bias) * multiplier, 1 << shift))  # halves to even
    return min(max(rounded + zero_point, low), high)


def float32(acc, bias, multiplier, shift, zero_point, low, high):
    """A value within half a spacing of float32 from a half-integer counts as the half-integer."""
    value = Fraction((acc + bias) * multiplier, 1 << shift)
    half = Fraction(2 * floor(value) + 1, 2)
    exponent = abs(value.numerator).bit_length() - value.denominator.bit_length()
    exponent -= abs(value) < Fraction(2) ** exponent
    near = value != 0 and abs(value - half) <= Fraction(2) ** (exponent - 24)
    rounded = round(half if near else value)
    return min(max(rounded + zero_point, low), high)


def check(rows, definition=exact, rounding="exact"):
    """One call per row and one for all rows as channels: the same, and equal to fractions."""
    for row in rows:
        assert int(requantize(*row, rounding)) == definition(*row), row
    grouped = {}
    for row in rows:
        grouped.setdefault(row[4:], []).append(row)
    for clamp, group in grouped.items():
        acc, bias, multiplier, shift = (
            list(column) for column in list(zip(*group, strict=True))[:4]
        )
        acc, bias = np.array(acc, object), np.array(bias, object)
        result = requantize(acc, bias, multiplier, shift, *clamp, rounding)
        assert result.dtype == np.int64
        assert result.tolist() == [definition(*row) for row in group]


@pytest.mark.parametrize("acc_width", [8, 20, 32, 48, 64, 100])
def test_random(acc_width):
    draw = random.Random(acc_width)
    highest = (1 << (acc_width - 1)) - 1
    clamps = [(0, -128, 127), (-3, -128, 127), (128, 0, 255), (7, -(1 << 63), (1 << 63) - 1)]
    rows = []
    for _ in range(1500):
        acc = draw.randint(-highest - 1, highest) >> draw.randrange(acc_width)
        bias = draw.choice([0, draw.randint(-(1 << 31), (1 << 31) - 1)])
        multiplier = draw.choice([draw.getrandbits(24), 1 << draw.randrange(24)])
        # Shifts that leave something between the clamps, and any others.
        fitting = (abs(acc + bias) * multiplier).bit_length() - draw.randint(0, 10)
        shift = draw.choice([min(max(fitting, 0), 127), draw.randint(0, 127)])
        rows.append((acc, bias, multiplier, shift, *draw.choice(clamps)))
    check(rows)


def test_ties():
    rows = [
        (acc, 0, 1 << (shift - 1), shift, 0, -128, 127)
        for acc in range(-9, 10)
        for shift in range(1, 25)
    ]
    check(rows)
    assert requantize([-5, -3, -1, 1, 3, 5], 0, 1, 1, 0, -128, 127).tolist() == [-2, -2, 0, 0, 2, 2]


@pytest.mark.parametrize("shift", [1, 2, 31, 32, 62, 63, 64, 65, 127])
def test_next_to_a_tie(shift):
    half = 1 << (shift - 1)
    accs = [k * half + d for k in range(-5, 6) for d in (-1, 0, 1)]
    check([(acc, 0, 1, shift, 0, -128, 127) for acc in accs])


@pytest.mark.parametrize("width", [8, 16, 31, 32, 33, 40, 41, 63, 64, 65])
def test_extremes(width):
    highest = (1 << (width - 1)) - 1
    accs = (-highest - 1, -highest, -1, 0, 1, highest)
    rows = [
        (acc, bias, multiplier, shift, 0, low, high)
        for acc in accs
        for bias in (-(1 << 31), 0, (1 << 31) - 1)
        for multiplier in (0, 1, (1 << 23) - 1, 1 << 23, (1 << 24) - 1)
        for shift in (0, 1, 24, 62, 63, 64, 88, 89, 127)
        for low, high in ((-128, 127), (-(1 << 63), (1 << 63) - 1))
    ]
    check(rows)


@pytest.mark.parametrize("acc_width", [8, 20, 24, 32, 48, 64, 100])
def test_float32_is_as_defined(acc_width):
    """Also beyond 2^24, of sums that are no float32."""
    draw = random.Random(acc_width)
    highest = (1 << (acc_width - 1)) - 1
    clamps = [(0, -128, 127), (-3, -128, 127), (128, 0, 255), (-9, -(1 << 15), (1 << 15) - 1)]
    rows = []
    for _ in range(1500):
        acc = draw.randint(-highest - 1, highest) >> draw.randrange(acc_width)
        bias = draw.choice([0, draw.randint(-(1 << 31), (1 << 31) - 1)])
        odd = 2 * draw.randint(0, 1 << draw.randrange(17)) + 1
        clamp = draw.choice(clamps)
        rows.append((acc, bias, draw.getrandbits(24), draw.randint(0, 127), *clamp))
        # The scale that is next to one with a tie.
        shift = 24 + abs(acc + bias).bit_length() - odd.bit_length()
        if acc + bias and 0 < shift < 128:
            multiplier = (odd << shift - 1) // abs(acc + bias) + draw.randint(-1, 2)
            rows.append((acc, bias, min(max(multiplier, 0), (1 << 24) - 1), shift, *clamp))
    check(rows, float32, "float32")
    differing = sum(float32(*row) != exact(*row) for row in rows)
    assert differing > 50 or acc_width < 24


def test_float32_at_half_a_spacing():
    """Half a spacing above and below ties in each range of exponents, and one more bit."""
    rows = []
    for exponent in range(-1, 17):
        for odd in {(2 << exponent + 1) + d for d in (-1, 1, 3)} if exponent >= 0 else {1}:
            for side in (-1, 1):
                product = (odd << 23 - exponent) + side
                for bits, rest in ((0, 0), (1, -1), (1, 1), (4, -1), (4, 1)):
                    value = (product << bits) + rest
                    factor = next((f for f in range(2, 5000) if not value % f), None)
                    if factor and value // factor < 1 << 24:
                        row = (factor, 0, value // factor, 24 - exponent + bits)
                        rows += [(sign * row[0], *row[1:], 0, -60000, 60000) for sign in (-1, 1)]
    assert len(rows) > 150
    check(rows, float32, "float32")


def test_float32_equals_numpy():
    """A million accumulators beside thresholds: the exact product differs in some."""
    random = np.random.default_rng(0)
    compared, differing = 0, {"exact": 0, "float32": 0}
    for _ in range(600):
        scale = np.float32(10 ** random.uniform(-5, np.log10(0.5)))
        low, high = ((-128, 127), (0, 255))[random.integers(2)]
        zero_point = int(random.integers(low, high, endpoint=True))
        thresholds = (np.arange(low - high - 3, high - low + 4) + 0.5) / np.float64(scale)
        acc = np.unique(np.rint(thresholds).astype(np.int64)[:, None] + np.arange(-2, 3))
        acc = acc[abs(acc) <= 1 << 24]
        bias = int(random.integers(-(1 << 20), 1 << 20))
        single = np.rint(acc.astype(np.float32) * scale) + np.float32(zero_point)
        expected = np.clip(single, low, high).astype(np.int64)
        compared += acc.size
        for rounding in differing:
            params = (bias, *scale_to_multiplier(scale), zero_point, low, high)
            actual = requantize(acc - bias, *params, rounding)
            differing[rounding] += np.count_nonzero(actual != expected)
    assert compared >= 1_000_000
    assert differing["float32"] == 0
    assert differing["exact"] > 1000


def test_saturation_edges():
    accs = list(range(-260, 261))
    for zero_point, low, high in ((0, -128, 127), (-128, -128, 127), (128, 0, 255), (5, 5, 127)):
        check([(acc, 0, 3, 2, zero_point, low, high) for acc in accs])
    result = requantize([-129, -128, 127, 128], 0, 1, 0, 0, -128, 127)
    assert result.tolist() == [-128, -128, 127, 127]


def test_shift_zero_is_exact():
    check([(acc, 1, 3, 0, 2, -(1 << 40), 1 << 40) for acc in (-(1 << 31), -1, 0, 1, (1 << 31) - 1)])


def test_channels_are_the_last_axis():
    acc = np.arange(24).reshape(2, 3, 4)
    bias, multiplier, shift = [0, 1, -2, 3], [1, 3, 5, 7], [0, 1, 2, 3]
    result = requantize(acc, bias, multiplier, shift, 1, -128, 127)
    for index in np.ndindex(acc.shape):
        n = index[-1]
        args = (int(acc[index]), bias[n], multiplier[n], shift[n], 1, -128, 127)
        assert result[index] == exact(*args)
    per_tensor = requantize(acc, 3, 5, 2, 1, -128, 127)
    assert per_tensor.tolist() == requantize(acc, [3] * 4, [5] * 4, [2] * 4, 1, -128, 127).tolist()


@pytest.mark.parametrize("shape", [(0,), (0, 4), (4, 0)])
def test_nothing(shape):
    result = requantize(np.zeros(shape, np.int32), 0, 1, 0, 0, -128, 127)
    assert result.shape == shape
    assert result.dtype == np.int64


GOOD = {
    "acc": [[1, 2]],
    "bias": 0,
    "multiplier": 1,
    "shift": 0,
    "zero_point": 0,
    "low": -128,
    "high": 127,
}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"acc": [1.0]},
            TypeError,
            "Accumulators must be integers, not float64; quantize them first",
        ),
        ({"acc": [True]}, TypeError, "Accumulators must be integers, not bool"),
        ({"bias": 0.5}, TypeError, "Bias must be integers, not float64; quantize them first"),
        (
            {"multiplier": 1 << 24},
            ValueError,
            "Multiplier must be from 0 to 16777215, not 16777216",
        ),
        ({"multiplier": -1}, ValueError, "Multiplier must be from 0 to 16777215, not -1"),
        ({"shift": [0, 128]}, ValueError, "Shift must be from 0 to 127, not 128"),
        ({"shift": -1}, ValueError, "Shift must be from 0 to 127, not -1"),
        (
            {"bias": [1, 2, 3]},
            ValueError,
            "Bias must be one value or one per channel (2), not shape (3,)",
        ),
        (
            {"zero_point": 1.0},
            TypeError,
            "Zero point must be integers, not float64; quantize them first",
        ),
        (
            {"rounding": "double"},
            ValueError,
            "Rounding must be 'exact' or 'float32', not 'double'",
        ),
        (
            {"rounding": "float32", "high": (1 << 20) + 1},
            ValueError,
            "High must be from -2^20 to 2^20 with rounding to float32, not 1048577",
        ),
        (
            {"rounding": "float32", "zero_point": [0, -(1 << 21)]},
            ValueError,
            "Zero point must be from -2^20 to 2^20 with rounding to float32, not -2097152",
        ),
        ({"low": True}, TypeError, "Low must be integers, not bool"),
        ({"low": 128}, ValueError, "Low must be at most high (127), not 128"),
        ({"low": -(1 << 63) - 1}, ValueError, "Low must fit int64, not -9223372036854775809"),
        ({"high": 1 << 63}, ValueError, "High must fit int64, not 9223372036854775808"),
    ],
)
def test_wrong_parameters(change, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        requantize(**(GOOD | change))


def test_scale_is_exact():
    bits = np.random.default_rng(0).integers(1, 0x7F800000, 20000, np.uint32)
    scales = bits.view(np.float32)
    scales = scales[scales < 2**24]
    multipliers, shifts = scale_to_multiplier(scales)
    assert multipliers.dtype == shifts.dtype == np.int64
    for scale, m, s in zip(scales, multipliers, shifts, strict=True):
        true = Fraction(float(scale))
        if true >= Fraction(1, 1 << 40):
            assert Fraction(int(m), 1 << int(s)) == true
            assert 1 << 23 <= m < 1 << 24
            assert 0 <= s <= 63
        else:
            assert (m, s) == (round(true * (1 << 63)), 63)


@pytest.mark.parametrize(
    ("scale", "multiplier", "shift"),
    [
        (1, 1 << 23, 23),
        (0.5, 1 << 23, 24),
        (2.0**24 - 1, (1 << 24) - 1, 0),
        (2.0**-40, 1 << 23, 63),
        (2.0**-41 * 1.5, 3 << 21, 63),  # exact: the significand has zeros to give
        (2.0**-41 * (1 + 2.0**-23), 1 << 22, 63),  # a tie, to even
        (2.0**-41 * (1 + 3 * 2.0**-23), (1 << 22) + 2, 63),  # a tie, to even
        (2.0**-40 * (1 - 2.0**-24), 1 << 23, 63),  # rounds up to 2^-40
        (2.0**-63, 1, 63),
        (2.0**-64, 0, 63),
        (2.0**-149, 0, 63),
        (0.1, 13421773, 27),  # the float32 nearest to 0.1
    ],
)
def test_scale_corners(scale, multiplier, shift):
    assert scale_to_multiplier(scale) == (multiplier, shift)


def scales_next_to_ties(acc_width):
    """Scales of every magnitude that takes a sum of this width to an output, and a bit more or
    less: float32 with all bits of the significand."""
    significands = [1 << 23, (1 << 23) + 1, (1 << 24) - 1, 3 << 22, (3 << 22) - 1]
    for exponent in (*range(-acc_width - 12, -acc_width + 9), -149, -126, -105, -104, -64, -41, 0):
        for significand in significands:
            scale = np.float32(np.ldexp(float(significand), exponent - 23))
            if 0 < scale < 2**24:
                yield scale


@pytest.mark.parametrize("acc_width", [2, 8, 20, 32, 38, 39, 40, 41, 42, 48, 63, 64])
def test_every_scale_is_exact_for_the_sums_of_its_core(acc_width):
    """From a scale in float32 to the output: against its definition in fractions.

    The shift has as many bits as in the hardware.
    """
    bits = shift_width(acc_width=acc_width, output="scale")
    highest, lowest = (1 << (acc_width - 1)) - 1, -(1 << (acc_width - 1))
    sums = {
        sign * (1 << bit) + offset
        for bit in range(acc_width)
        for sign in (-1, 1)
        for offset in (-1, 0, 1)
    }
    sums = np.array([value for value in sums if lowest <= value <= highest], object)
    scales = list(scales_next_to_ties(acc_width))
    multipliers, shifts = scale_to_multiplier(np.array(scales), (1 << bits) - 1)
    assert shifts.max() < 1 << bits
    for bias in (0, lowest, highest):
        for scale, multiplier, shift in zip(scales, multipliers, shifts, strict=True):
            y = requantize(sums, bias, multiplier, shift, 3, -(1 << 62), 1 << 62)
            fraction = Fraction(float(scale))
            limit = 1 << 62
            assert y.tolist() == [
                min(max(round((int(acc) + bias) * fraction) + 3, -limit), limit) for acc in sums
            ], (scale, bias)


def test_inexact_scale_changes_no_result():
    scales = np.float32(2.0**-41) * (1 + np.arange(1, 2000, 2, dtype=np.float32) * 2.0**-23)
    scales = np.append(scales.astype(np.float32), np.float32(2.0**-40 * (1 - 2.0**-24)))
    multiplier, shift = scale_to_multiplier(scales)
    for acc in (1 << 39, -(1 << 39)):
        assert all(round(acc * Fraction(float(scale))) == 0 for scale in scales)
        assert not requantize(np.full(len(scales), acc), 0, multiplier, shift, 0, -1, 1).any()


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        (0.0, "Scale must be positive and finite, not 0.0"),
        (-0.5, "Scale must be positive and finite, not -0.5"),
        (float("inf"), "Scale must be positive and finite, not inf"),
        (np.float32("nan"), "Scale must be positive and finite, not nan"),
        ([0.5, 0.0], "Scale must be positive and finite, not 0.0"),
        (2.0**24, "Scale must be below 2^24, not 16777216.0"),
        (2.0**24 - 0.25, "Scale must be below 2^24, not 16777215.75"),
        (1e300, "Scale must be below 2^24, not 1e+300"),
        (1e-60, "Scale must be at least 2^-149, the smallest float32, not 1e-60"),
    ],
)
def test_wrong_scales(scale, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        scale_to_multiplier(scale)


@pytest.mark.parametrize("convert", [scale_to_multiplier, scale_to_shift])
def test_scale_that_is_no_number(convert):
    with pytest.raises(TypeError, match=r"^Scale must be a number, not '0\.5'$"):
        convert("0.5")


def test_shift_mode():
    assert [int(scale_to_shift(2.0**-s)) for s in range(64)] == list(range(64))
    assert scale_to_shift(np.array([1, 0.25], np.float32)).tolist() == [0, 2]


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        (0.3, 'Scale must be a power of two in the "shift" output mode, not 0.3'),
        (np.float32(0.3), 'Scale must be a power of two in the "shift" output mode, not 0.3'),
        (0.0, 'Scale must be a power of two in the "shift" output mode, not 0.0'),
        (-0.5, 'Scale must be a power of two in the "shift" output mode, not -0.5'),
        (float("inf"), 'Scale must be a power of two in the "shift" output mode, not inf'),
        (float("nan"), 'Scale must be a power of two in the "shift" output mode, not nan'),
        ([0.5, 2.0], 'Scale must be from 2^-63 to 1 in the "shift" output mode, not 2.0'),
        (
            2.0**-64,
            'Scale must be from 2^-63 to 1 in the "shift" output mode, not 5.421010862427522e-20',
        ),
    ],
)
def test_wrong_shift_scales(scale, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        scale_to_shift(scale)


def test_onnx_runtime():
    cases = onnx_reference["cases"]()
    counts = [onnx_reference["compare"](case) for case in cases]
    assert sum(count.compared for count in counts) >= 1_000_000
    assert not any(count.float32 for count in counts)
    # Random scales hardly ever meet a tie; round ones do, or the proof would have had no case.
    for case, count in zip(cases, counts, strict=True):
        if not case.decimal:
            assert count.exact <= 10, case
    assert sum(count.exact for count in counts) > 0


@pytest.mark.parametrize("per_column", [False, True])
@pytest.mark.parametrize(
    ("a_type", "w_type"), [("int8", "int8"), ("uint8", "int8"), ("uint8", "uint8")]
)
def test_onnx_runtime_beside_thresholds(a_type, w_type, per_column):
    """A million accumulators in all: those of ONNX Runtime, as float32 rounds them."""
    products = 20 if per_column else 80
    count = onnx_reference["compare_thresholds"](a_type, w_type, per_column, products)
    assert count.compared >= 1_000_000 // 6
    assert count.float32 == 0
    assert count.exact > 0
