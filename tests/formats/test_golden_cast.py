"""Casts to small floats, against numpy, ml_dtypes, gfloat and float32's bits."""

import math
import re

import gfloat
import gfloat.formats
import ml_dtypes
import numpy as np
import pytest
from brickwork.sim.golden import formats

#: Types that numpy casts to, and their quiet NaN.
NUMPY = {"fp16": (np.float16, 0x7E00), "bf16": (ml_dtypes.bfloat16, 0x7FC0)}
GFLOAT = {
    "e2m1": gfloat.formats.format_info_ocp_e2m1,
    "e2m3": gfloat.formats.format_info_ocp_e2m3,
    "e3m2": gfloat.formats.format_info_ocp_e3m2,
    "e4m3": gfloat.formats.format_info_ocp_e4m3,
    "e5m2": gfloat.formats.format_info_ocp_e5m2,
    "fp16": gfloat.formats.format_info_binary16,
    "bf16": gfloat.formats.format_info_bfloat16,
}
#: The others saturate.
WITH_INFINITY = ("e5m2", "fp16", "bf16", "tf32")
FLOATS = [*GFLOAT, "tf32", "e3m0", "e2m0", "e3m4", "e5m10"]


def of_bits():
    """Numbers of all magnitudes, special ones among them; float32."""
    bits = np.random.default_rng(0).integers(0, 1 << 32, 200_000, dtype=np.uint32)
    edges = [0, 1 << 31, 1, 0x7F7FFFFF, 0x7F800000, 0xFF800000, 0x7F800001, 0xFFC00000]
    return np.concatenate([np.uint32(edges), bits]).view(np.float32)


def numbers(name):
    """All numbers of a format, those halfway between them, and others beside these; float64."""
    fmt = formats.get(name)
    finite = np.unique(fmt.values[~fmt.special])
    if fmt.bits > 8:
        finite = np.concatenate([finite[:20], finite[-20:], finite[:: len(finite) // 300]])
        finite = np.unique(finite)
    middle = (finite[1:] + finite[:-1]) / 2
    # Where the next number would be, if there was one.
    beyond = finite[-1] + (finite[-1] - finite[-2]) * np.array([0.25, 0.5, 0.75, 1, 4])
    near = [np.nextafter(middle, math.inf), np.nextafter(middle, -math.inf)]
    return np.concatenate([finite, middle, *near, beyond, -beyond, [0.0, -0.0]])


@pytest.mark.parametrize("name", NUMPY)
def test_numpy(name):
    """Of all magnitudes; NaNs lose sign and payload."""
    type_, nan = NUMPY[name]
    x = of_bits()
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        theirs = x.astype(type_).view(np.uint16)
        codes = formats.cast(x, name)
    assert codes.dtype == np.uint16
    np.testing.assert_array_equal(codes, np.where(np.isnan(x), nan, theirs))


def test_tf32():
    """The 13 low bits of a float32 are rounded off; the carry may reach infinity."""
    x = of_bits()
    bits = x.view(np.uint32).astype(np.int64)
    rounded = (bits + 0xFFF + (bits >> 13 & 1)) >> 13
    codes = formats.cast(x, "tf32")
    assert codes.dtype == np.uint32
    np.testing.assert_array_equal(codes, np.where(np.isnan(x), 0x3FE00, rounded))
    assert formats.cast(np.float32([1, -2]), "tf32").tolist() == [0x1FC00, 0x60000]


@pytest.mark.parametrize("name", GFLOAT)
def test_gfloat(name):
    """Round to nearest even, without a detour through float32."""
    x = numbers(name)
    info, saturate = GFLOAT[name], name not in WITH_INFINITY
    theirs = [
        gfloat.round_float(info, float(value), gfloat.RoundMode.TiesToEven, saturate) for value in x
    ]
    codes = [gfloat.encode_float(info, value) for value in theirs]
    np.testing.assert_array_equal(formats.cast(x, name), codes)


@pytest.mark.parametrize("name", FLOATS)
def test_nearest(name):
    """None of the codes is nearer; halfway the even one; and codes of numbers stay.

    Significands of one digit are all odd: halfway between them the larger is nearest.
    """
    fmt = formats.get(name)
    x = numbers(name)
    codes = formats.cast(x, name).astype(np.int64)
    inside = np.abs(x) <= fmt.highest * fmt.unit
    numbers_only = np.flatnonzero(~fmt.special)
    values, order = np.unique(fmt.values[numbers_only], return_index=True)
    for value, code in zip(x[inside], codes[inside], strict=True):
        at = np.searchsorted(values, value)
        near = range(max(0, at - 1), min(len(values), at + 2))
        error = abs(fmt.values[code] - value)
        errors = {int(numbers_only[order[i]]): abs(values[i] - value) for i in near}
        assert error == min(errors.values())
        tied = [other for other, distance in errors.items() if distance == error]
        if name.endswith("m0") and 0 not in tied:
            assert abs(fmt.values[code]) == abs(fmt.values[tied]).max()
        else:
            assert len(tied) == 1 or code % 2 == 0
    every = np.arange(1 << fmt.bits)[~fmt.special]
    sign = every >> (fmt.bits - 1)
    values = np.copysign(fmt.values[every], 0.5 - sign)
    np.testing.assert_array_equal(formats.cast(values, name), every)


@pytest.mark.parametrize("name", [name for name in FLOATS if not name.endswith("m0")])
def test_encode(name):
    """The quantizer's codes with the scale 1, which has neither infinities nor -0."""
    fmt = formats.get(name)
    x = numbers(name).clip(fmt.lowest * fmt.unit, fmt.highest * fmt.unit)
    codes = formats.cast(x, name)
    codes = np.where(codes == 1 << (fmt.bits - 1), 0, codes)
    np.testing.assert_array_equal(formats.encode(x, 1, name), codes)


@pytest.mark.parametrize("name", FLOATS)
def test_overflow(name):
    """Half a unit in the last place above the largest number, whose code is odd or has none."""
    fmt = formats.get(name)
    largest = fmt.highest * fmt.unit
    sign = 1 << (fmt.bits - 1)
    high = int(np.flatnonzero(fmt.values == largest)[0])
    over = high + 1 if name in WITH_INFINITY else high
    codes = formats.cast([math.inf, -math.inf, 1e300, -1e300, largest, -largest], name)
    assert codes.tolist() == [over, over + sign, over, over + sign, high, high + sign]
    assert math.isinf(formats.decode(over, name)) == (name in WITH_INFINITY)


@pytest.mark.parametrize(
    ("name", "nan"),
    [("fp16", 0x7E00), ("bf16", 0x7FC0), ("tf32", 0x3FE00), ("e5m2", 0x7E), ("e4m3", 0x7F)],
)
def test_nan(name, nan):
    assert formats.cast([math.nan, -math.nan, 0], name).tolist() == [nan, nan, 0]
    assert math.isnan(formats.decode(nan, name))


def test_types():
    assert formats.cast(1, "fp16").tolist() == 0x3C00
    assert formats.cast(np.int8([[1], [-2]]), "bf16").tolist() == [[0x3F80], [0xC000]]
    assert formats.cast(np.zeros((0, 3)), "e4m3").shape == (0, 3)
    assert formats.cast([1.0], "e4m3").dtype == np.uint8
    halves = np.array([1, -0.0, 3e38], ml_dtypes.bfloat16)
    np.testing.assert_array_equal(formats.cast(halves, "bf16"), halves.view(np.uint16))


@pytest.mark.parametrize(
    ("x", "name", "error", "message"),
    [
        (
            [[1.0, 2.0], [math.nan, math.nan]],
            "e2m1",
            ValueError,
            "X must be numbers for e2m1, which has no NaN, not nan at index 1, 0",
        ),
        (
            math.nan,
            "e3m4",
            ValueError,
            "X must be numbers for e3m4, which has no NaN, not nan",
        ),
        (
            [1.0],
            "int8",
            ValueError,
            "Format must be a small float, such as fp16 or e4m3, not 'int8'",
        ),
        (
            [1.0],
            "fp17",
            ValueError,
            "Format must be a number format, not 'fp17'; did you mean 'fp16'?",
        ),
        ([1j], "fp16", TypeError, "X must be real numbers, not complex128"),
        ([True], "fp16", TypeError, "X must be real numbers, not bool"),
    ],
)
def test_refused(x, name, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        formats.cast(x, name)
