"""Quantization to number formats, against brute force, casts of ml_dtypes and an analytic error."""

import itertools
import math
import random
import re
import warnings

import ml_dtypes
import numpy as np
import pytest
from brickwork.sim.golden import formats

CASTS = {
    "e2m1": ml_dtypes.float4_e2m1fn,
    "e2m3": ml_dtypes.float6_e2m3fn,
    "e3m2": ml_dtypes.float6_e3m2fn,
    "e4m3": ml_dtypes.float8_e4m3fn,
    "e5m2": ml_dtypes.float8_e5m2,
}
SCALAR = [name for name in formats.names() if not formats.get(name).pair]
PAIRS = [name for name in formats.names() if formats.get(name).pair]
#: Formats that hold numbers as they are.
UNSCALED = ("fp16", "bf16", "tf32")
#: One of each family and kind.
SOME = ["int4", "uint5", "pot4", "flint4", "uflint4", "apot5", "e2m1", "e4m3"]
TYPES = {"int8": np.int8, "int9": np.int16, "uint8": np.uint8, "uint9": np.uint16, "e4m3": np.uint8}


def numbers(name, shape, seed=0):
    """Normal numbers, without sign for formats without one."""
    x = np.random.default_rng(seed).standard_normal(shape)
    return x if formats.get(name).signed else np.abs(x)


def decoded(codes, scale, name):
    return formats.decode(codes, name) * scale


class TestEncode:
    @pytest.mark.parametrize("name", [name for name in SCALAR if formats.get(name).bits <= 8])
    def test_brute_force(self, name):
        """In Python integers, at all values, halfway between them, and anywhere."""
        fmt = formats.get(name)
        # Four times the unit's count, so that what lies halfway is whole.
        values = [4 * int(value) for value in fmt.integers]
        usual = np.flatnonzero(~fmt.special).tolist()
        levels = sorted({values[code] for code in usual})
        halves = [(low + high) // 2 for low, high in itertools.pairwise(levels)]
        draw = random.Random(1)
        targets = levels + halves
        targets += [draw.randint(-40 * fmt.signed, 40) for _ in range(50)]
        # Of 50 bits, so that floats hold them.
        shift = max(0, (4 * fmt.highest).bit_length() - 50)
        targets += [draw.randint(levels[0] >> shift, levels[-1] >> shift) << shift for _ in targets]
        codes = formats.encode(np.array([float(t) for t in targets]) * (fmt.unit / 4), 1, name)
        assert codes.shape == (len(targets),)
        for target, code in zip(targets, codes.tolist(), strict=True):
            best = min(
                usual,
                key=lambda code: (abs(values[code] - target), code % 2, abs(values[code]), code),
            )
            assert code % (1 << fmt.bits) == best

    @pytest.mark.parametrize("name", [name for name in SCALAR if "int" in name[:4]])
    def test_integers(self, name):
        fmt = formats.get(name)
        random = np.random.default_rng(0)
        x = random.uniform(1.2 * fmt.lowest, 1.2 * fmt.highest, 1000)
        x = np.concatenate([x, random.integers(fmt.lowest, fmt.highest, 1000) + 0.5])
        codes = formats.encode(x, 1, name)
        assert np.array_equal(codes, np.clip(np.rint(x), fmt.lowest, fmt.highest))

    @pytest.mark.parametrize("name", CASTS)
    def test_casts(self, name):
        fmt = formats.get(name)
        finite = np.unique(fmt.values[~fmt.special])
        middle = (finite[1:] + finite[:-1]) / 2
        random = np.random.default_rng(0)
        x = np.concatenate(
            [finite, middle, np.nextafter(middle, 9e9), np.nextafter(middle, -9e9)]
            + [random.normal(0, scale, 1000) for scale in (fmt.unit, 0.1, 1, 10)]
        )
        # Casts of float64 go through float32; no second rounding here.
        x = x.astype(np.float32).clip(finite[0], finite[-1])
        codes = formats.encode(x, 1, name)
        cast = x.astype(CASTS[name]).view(np.uint8)
        zero = cast == 1 << (fmt.bits - 1)  # we have no -0
        assert np.array_equal(codes, np.where(zero, 0, cast))

    @pytest.mark.parametrize("name", SCALAR)
    def test_saturates(self, name):
        fmt = formats.get(name)
        low = [-1e300] if fmt.signed else []
        codes = formats.encode([1e300, 1.01 * fmt.highest * fmt.unit, *low], 1e-9, name)
        assert set(formats.decode(codes[:2], name)) == {fmt.highest * fmt.unit}
        assert set(formats.decode(codes[2:], name)) <= {fmt.lowest * fmt.unit}

    @pytest.mark.parametrize("name", SCALAR)
    def test_values_stay(self, name):
        fmt = formats.get(name)
        codes = np.arange(fmt.lowest_code, fmt.highest_code + 1)
        codes = codes[~fmt.special[codes % (1 << fmt.bits)]]
        found = formats.encode(formats.decode(codes, name) * 0.25, 0.25, name)
        assert np.array_equal(formats.decode(found, name), formats.decode(codes, name))
        assert (found <= codes).all()

    def test_lowest_code(self):
        assert formats.encode([-0.0, 0.0, -0.01, 0.01], 1, "flint4").tolist() == [0, 0, 0, 0]
        assert formats.encode([-0.0, -1e-9], 1, "e4m3").tolist() == [0, 0]

    def test_ties(self):
        assert formats.encode([0.5, 1.5, -2.5, 127.5], 1, "int8").tolist() == [0, 2, -2, 127]
        # 3 | 4 has codes 011 | 110, 6 | 8 has 111 | 101: neither is even.
        values = formats.decode(formats.encode([3.5, 7, -7, 12, 0.5], 1, "flint4"), "flint4")
        assert values.tolist() == [4, 6, -6, 16, 0]
        # 0 | 1 has codes 000 | 010, both even.
        assert formats.encode([0.5, -0.5], 1, "apot4").tolist() == [0, 0]
        assert formats.encode([2**-25, 2**-24], 1, "posit8_2").tolist() == [0, 1]

    @pytest.mark.parametrize(("name", "dtype"), TYPES.items())
    def test_types(self, name, dtype):
        assert formats.encode([0], 1, name).dtype == dtype
        assert formats.quantize([1.0], name)[0].dtype == dtype

    def test_scales_broadcast(self):
        x = np.array([[1.0, 2.0], [3.0, 4.0]])
        assert formats.encode(x, [[1], [2]], "int8").tolist() == [[1, 2], [2, 2]]
        assert formats.encode(4, 2, "int8").tolist() == 2

    @pytest.mark.parametrize(
        ("x", "scale", "name", "error", "message"),
        [
            ([0], 0, "int8", ValueError, "Scale must be positive and finite, not 0.0"),
            (
                [0],
                [-2],
                "int8",
                ValueError,
                "Scale must be positive and finite, not -2.0 at index 0",
            ),
            ([0], math.inf, "int8", ValueError, "Scale must be positive and finite, not inf"),
            ([0], math.nan, "int8", ValueError, "Scale must be positive and finite, not nan"),
            ([0], "1", "int8", TypeError, "Scale must be real numbers, not <U1"),
            (
                [0],
                1,
                "flimt4",
                ValueError,
                "Format must be a number format, not 'flimt4'; did you mean 'flint4'?",
            ),
        ],
    )
    def test_refused(self, x, scale, name, error, message):
        with pytest.raises(error, match=f"^{re.escape(message)}$"):
            formats.encode(x, scale, name)


def ant(x, name):
    """The search of ANT's authors, word for word, over the format's values."""
    fmt = formats.get(name)
    usual = np.unique(fmt.values[~fmt.special])
    largest = np.abs(usual).max()
    best = None
    for percent in range(75, 150):
        scale = np.abs(x).max() / largest * percent / 100
        nearest = usual[np.abs(x[..., None] / scale - usual).argmin(-1)]
        error = np.mean((nearest * scale - x) ** 2)
        if best is None or error < best[0]:
            best = error, scale
    return best


class TestScale:
    @pytest.mark.parametrize("seed", range(5))
    @pytest.mark.parametrize("name", SOME)
    def test_search(self, name, seed):
        x = numbers(name, (17, 13), seed) * 10.0 ** (seed - 2)
        codes, scale = formats.quantize(x, name)
        error, expected = ant(x, name)
        assert scale.shape == ()
        assert float(scale) == pytest.approx(expected, rel=1e-12)
        assert formats.mse(x, codes, scale, name) == pytest.approx(error, rel=1e-9)
        assert np.array_equal(codes, formats.encode(x, scale, name))

    @pytest.mark.parametrize("name", ["int12", "posit8_2", "e5m2", "uint16"])
    def test_few_numbers(self, name):
        """Fewer than values of the format."""
        x = numbers(name, 20)
        codes, scale = formats.quantize(x, name)
        largest = formats.quantize(x, name, method="max")
        assert formats.mse(x, codes, scale, name) <= formats.mse(x, *largest, name)
        if name != "posit8_2":
            assert float(scale) == pytest.approx(ant(x, name)[1], rel=1e-12)

    def test_first_of_equal_ones(self):
        """Every scale up to 133 % takes ±1 and 0 to themselves' sign: only 100 % is exact."""
        assert formats.quantize([1.0, -1.0, 0.0], "pot2")[1] == 1.0
        # All are exact that have a quarter of a whole number of steps: 75 % is the first.
        assert formats.quantize([12.0], "uint2")[1] == 4.0
        assert formats.quantize([12.0, 0.0], "pot2")[1] == 12.0

    @pytest.mark.parametrize("count", range(16, 60, 7))
    @pytest.mark.parametrize("value", [0.1, 1 / 3])
    def test_first_of_exact_ones(self, value, count):
        """15 steps with 100 %, 12 with 125 %; running sums alone don't tell which is exact."""
        codes, scale = formats.quantize(np.full(count, value), "uint4")
        assert set(codes) == {15}
        assert float(scale) == pytest.approx(value / 15, rel=1e-12)

    @pytest.mark.parametrize("name", SCALAR)
    def test_max(self, name):
        fmt = formats.get(name)
        x = numbers(name, 50) * 3
        largest = np.abs(x).max()
        codes, scale = formats.quantize(x, name, method="max")
        if fmt.family == "adaptivfloat":
            # The authors' bias: the top exponent is the one of the largest magnitude.
            bits, exponent = map(int, name.removeprefix("adaptivfloat").split("_"))
            bias = 2 ** (exponent - 1) - 1 - math.floor(math.log2(largest))
            top = 2.0 ** (2 ** (exponent - 1) - 1 - bias)
            assert scale * 2 ** (bits - 1 - exponent) * 2.0 ** (2**exponent - 1) == top
        elif fmt.family == "cfloat":
            power = math.floor(math.log2(largest)) - math.floor(math.log2(fmt.highest))
            assert scale == 2.0**power
        elif name in UNSCALED:
            assert scale == 1
        else:
            assert scale == largest / (max(fmt.highest, -fmt.lowest) * fmt.unit)
        if fmt.family == "int" and fmt.signed:
            assert scale == largest / 2 ** (fmt.bits - 1)
        assert np.array_equal(codes, formats.encode(x, scale, name))

    @pytest.mark.parametrize("method", ["max", "mse"])
    @pytest.mark.parametrize("name", UNSCALED)
    def test_unscaled(self, name, method):
        """Codes are those of a cast; the scale is a power of two where numbers are too large."""
        largest = formats.get(name).highest * formats.get(name).unit
        x = np.array([1.0, -0.1, 1e-7, largest])
        codes, scale = formats.quantize(x, name, method=method)
        assert scale == 1
        assert np.array_equal(codes, formats.cast(x, name))
        for factor, expected in [(1.001, 2), (2, 2), (2.001, 4), (1024, 1024), (1e100, 2.0**333)]:
            codes, scale = formats.quantize(x * -factor, name, method=method)
            assert scale == expected
            assert np.array_equal(codes, formats.encode(x * -factor, scale, name))
            assert abs(formats.decode(codes, name)).max() >= largest / 2

    @pytest.mark.parametrize(
        "name", ["adaptivfloat4_2", "adaptivfloat6_3", "adaptivfloat8_1", "cfloat8_e4m3"]
    )
    def test_adaptivfloat_search(self, name):
        x = numbers(name, 300)
        start = formats.quantize(x, name, method="max")[1]
        errors = [
            formats.mse(x, formats.encode(x, start * factor, name), start * factor, name)
            for factor in (0.5, 1, 2)
        ]
        assert formats.quantize(x, name)[1] == start * [0.5, 1, 2][int(np.argmin(errors))]

    def test_generalized_posit_search(self):
        """The largest magnitude at the largest number, at half of it, … and at most at 1."""
        x, name = numbers("gposit8_1_3", 300), "gposit8_1_3"
        highest = formats.get(name).highest * formats.get(name).unit
        assert highest == 60
        scales = [np.abs(x).max() / highest * 2**k for k in range(6)]
        errors = [formats.mse(x, formats.encode(x, s, name), s, name) for s in scales]
        assert formats.quantize(x, name)[1] == scales[int(np.argmin(errors))]

    def test_posit_search(self):
        x = numbers("posit8_1", 300)
        largest = np.abs(x).max()
        scales = [largest / 2**k for k in range(13)]
        errors = [formats.mse(x, formats.encode(x, s, "posit8_1"), s, "posit8_1") for s in scales]
        scale = formats.quantize(x, "posit8_1")[1]
        assert scale == scales[int(np.argmin(errors))]
        assert min(errors) < errors[-1] / 10

    @pytest.mark.parametrize("method", ["max", "mse"])
    @pytest.mark.parametrize("name", [*SOME, "posit6_1", "adaptivfloat5_2", *PAIRS])
    def test_slices(self, name, method):
        x = numbers(name, (3, 4, 6)) * np.array([1, 30, 0.01])[:, None, None]
        for axis in (0, 1, -2, 2):
            pair_axis = 1 if axis == 2 else -1
            codes, scale = formats.quantize(x, name, axis, method, pair_axis=pair_axis)
            shape = [1, 1, 1]
            shape[axis] = x.shape[axis]
            assert scale.shape == tuple(shape)
            for i in range(x.shape[axis]):
                one = np.take(x, [i], axis)
                alone, its_scale = formats.quantize(one, name, method=method, pair_axis=pair_axis)
                assert np.array_equal(np.take(codes, [i], axis), alone)
                assert np.take(scale, i, axis).item() == its_scale

    @pytest.mark.parametrize("method", ["max", "mse"])
    @pytest.mark.parametrize("name", SCALAR)
    def test_idempotent(self, name, method):
        """What came out of a format goes into it unchanged, when the largest is among it."""
        fmt = formats.get(name)
        # These scales are powers of two.
        binary = fmt.family in ("adaptivfloat", "cfloat")
        factor = 0.25 if binary else 1 if name in UNSCALED else 0.37
        values = fmt.values[~fmt.special] * factor
        if fmt.bits > 8:
            values = values[np.r_[0:50, len(values) // 2 - 9 : len(values) // 2 + 9, -50:0]]
        codes, scale = formats.quantize(values, name, method=method)
        np.testing.assert_allclose(decoded(codes, scale, name), values, rtol=1e-12)

    @pytest.mark.parametrize("method", ["max", "mse"])
    @pytest.mark.parametrize("name", [*SOME, "posit8_2", "adaptivfloat8_3", *PAIRS])
    def test_extremes(self, name, method):
        for x in (
            [0.0, -0.0],
            [5e-324, 0],
            [1e-310, 3e-311],
            [1.7e308, 1e308],
            [1e300, 1e-300],
            [7.0, 7.0],
            np.float16([1, 2]),
            np.int64([3, 1 << 62]),
            np.zeros((0, 2)),
        ):
            codes, scale = formats.quantize(x, name, method=method)
            assert np.isfinite(scale)
            assert scale > 0
            assert codes.shape == np.shape(x)
            if not np.any(x):
                assert scale == 1
                assert not codes.any()
            values = decoded(codes, scale, name)
            assert np.isfinite(values).all()
        per_axis = formats.quantize([[0.0, 0.0], [4.0, 2.0]], name, axis=0, method=method)[1]
        assert per_axis[0, 0] == 1
        assert formats.quantize(np.zeros((0, 4)), name, axis=0, method=method)[1].shape == (0, 1)

    def test_single_number(self):
        codes, scale = formats.quantize(3.0, "int8", method="max")
        assert (codes.shape, scale.shape, float(codes * scale)) == ((), (), 127 * 3 / 128)

    def test_large_and_quick(self):
        x = numbers("int8", 1_000_000)
        codes, scale = formats.quantize(x, "flint4")
        assert 0.25 < float(scale) < 0.5
        assert formats.mse(x, codes, scale, "flint4") < 0.025

    @pytest.mark.parametrize(
        ("x", "name", "options", "error", "message"),
        [
            (
                [[0, 1], [2, math.nan]],
                "int8",
                {},
                ValueError,
                "X must be finite, not nan at index 1, 1",
            ),
            ([0, -math.inf], "ovp_int4", {}, ValueError, "X must be finite, not -inf at index 1"),
            (math.inf, "int8", {}, ValueError, "X must be finite, not inf"),
            (
                [0, -1.5],
                "uint4",
                {},
                ValueError,
                "X must be zero or positive for uint4, not -1.5 at index 1",
            ),
            (["1"], "int8", {}, TypeError, "X must be real numbers, not <U1"),
            ([True], "int8", {}, TypeError, "X must be real numbers, not bool"),
            ([1j], "int8", {}, TypeError, "X must be real numbers, not complex128"),
            ([1 << 70], "int8", {}, TypeError, "X must be real numbers, not object"),
            (
                [1.0],
                "int8",
                {"method": "best"},
                ValueError,
                'Method must be "mse" or "max", not \'best\'',
            ),
            (
                [1.0],
                "int8",
                {"axis": 1},
                ValueError,
                "Axis must be from -1 to 0 for an array of 1 dimension, not 1",
            ),
            (
                1.0,
                "int8",
                {"axis": 0},
                ValueError,
                "Axis must be one of an array, not of a single value",
            ),
            ([1.0], "int8", {"axis": "0"}, TypeError, "Axis must be an integer, not '0'"),
            ([1.0], "int1", {}, ValueError, "Format int<N> takes N from 2 to 16, not 1"),
            (
                [1.0, 2],
                "ovp_int4",
                {"both": "odd"},
                ValueError,
                'Both must be "larger" or "even", not \'odd\'',
            ),
            (
                [1.0, 2, 3],
                "ovp_int4",
                {},
                ValueError,
                "X must have an even length along axis -1 for pairs (ovp_int4), not 3: "
                "pad it with a zero",
            ),
            (
                [[1.0, 2]],
                "ovp_int4",
                {"axis": 1},
                ValueError,
                "Pair axis must not be the axis with its own scales, -1",
            ),
        ],
    )
    def test_refused(self, x, name, options, error, message):
        with pytest.raises(error, match=f"^{re.escape(message)}$"):
            formats.quantize(x, name, **options)


class TestAnalyticError:
    """Rounding to steps of s adds s²/12 to the mean square. With s = max / 128 the noise of n × n
    numbers of the standard normal distribution is max² / (12 · 128²) of their energy, 1."""

    N = 512

    def ratio(self, x, name):
        codes, scale = formats.quantize(x, name, method="max")
        return formats.mse(x, codes, scale, name) / np.square(x).mean()

    @pytest.mark.parametrize("seed", range(3))
    def test_int8(self, seed):
        x = np.random.default_rng(seed).standard_normal((self.N, self.N))
        expected = np.abs(x).max() ** 2 / (12 * 128**2)
        assert self.ratio(x, "int8") == pytest.approx(expected, rel=0.02)

    @pytest.mark.parametrize("seed", range(3))
    def test_rectified(self, seed):
        """Zeros are exact: the other half has all the noise and all the energy, 1/2, so the ratio
        is the same with int8; without sign there are 255 steps to the maximum."""
        x = np.random.default_rng(seed).standard_normal((self.N, self.N)).clip(0)
        expected = x.max() ** 2 / (12 * 128**2)
        assert self.ratio(x, "int8") == pytest.approx(expected, rel=0.02)
        codes, scale = formats.quantize(x, "int8", method="max")
        assert formats.mse(x, codes, scale, "int8") == pytest.approx(expected / 2, rel=0.02)
        expected = x.max() ** 2 / (12 * 255**2)
        assert self.ratio(x, "uint8") == pytest.approx(expected, rel=0.02)


LAYOUTS = {
    "ovp_int4": (7, 8, range(1, 8)),
    "ovp_flint4": (16, 8, range(1, 8)),
    "ovp_int8": (127, 128, range(1, 128)),
    "ovp_int8_e2m5": (127, 128, range(1, 128)),
}


def olive(x, name, both, scale):
    """OliVe's encoding of a flat array, pair by pair: codes and values."""
    fmt = formats.get(name)
    largest, identifier, used = LAYOUTS[name]
    normals = {int(fmt.integers[c]): c for c in range(2 * identifier)[::-1] if c != identifier}
    assert max(normals) == largest
    outliers = {}
    for code in used:
        outliers[int(fmt.outliers[code])] = code
        outliers[-int(fmt.outliers[code])] = code + identifier
    levels = normals | outliers
    codes, values = [], []
    for even, odd in x.reshape(-1, 2) / scale:
        nearest = [
            min(levels, key=lambda v: (abs(v - t), levels[v] % 2, abs(v))) for t in (even, odd)
        ]
        out = [value in outliers for value in nearest]
        if all(out):
            out[0 if both == "larger" and abs(odd) > abs(even) else 1] = False
        pair = [levels[value] for value in nearest]
        if any(out):
            pair[out.index(False)], nearest[out.index(False)] = identifier, 0
        codes += pair
        values += nearest
    return codes, np.array(values) * scale


def heavy(count, seed):
    """Numbers with outliers, some of them in pairs."""
    random = np.random.default_rng(seed)
    x = random.standard_normal(count)
    x[random.integers(0, count, count // 200)] *= 15
    x[:8] = [30, -20, 20, 30, -15, 0.1, 0.2, 40]
    return x


class TestPairs:
    @pytest.mark.parametrize("both", ["larger", "even"])
    @pytest.mark.parametrize("name", PAIRS)
    def test_encode(self, name, both):
        x = np.random.default_rng(0).uniform(-1, 1, 400) ** 5 * 2000
        if "4" in name:
            x /= 10
        codes, values = olive(x, name, both, 1)
        assert formats.encode(x, 1, name, both=both).tolist() == codes
        assert formats.decode(codes, name).tolist() == values.tolist()
        assert codes.count(formats.get(name).identifier) > 30

    @pytest.mark.parametrize("both", ["larger", "even"])
    @pytest.mark.parametrize("name", ["ovp_int4", "ovp_flint4"])
    @pytest.mark.parametrize("seed", range(2))
    def test_search(self, name, both, seed):
        """The authors' search, with their start: 3 standard deviations."""
        x = heavy(60, seed)
        limit = max(abs(x.mean() + 3 * x.std()), abs(x.mean() - 3 * x.std()))
        scales = [limit / LAYOUTS[name][0] * percent / 100 for percent in range(75, 250, 2)]
        errors = [np.square(olive(x, name, both, s)[1] - x).mean() for s in scales]
        codes, scale = formats.quantize_pairs(x, name, both=both)
        assert float(scale) == pytest.approx(scales[int(np.argmin(errors))], rel=1e-12)
        assert formats.mse(x, codes, scale, name) == pytest.approx(min(errors), rel=1e-9)
        start = formats.quantize_pairs(x, name, method="max", both=both)[1]
        assert float(start) == pytest.approx(limit / LAYOUTS[name][0], rel=1e-12)

    def test_ends_of_the_search(self):
        """Two large ones in a pair want to be normal values. Of a uniform distribution none is
        beyond two standard deviations."""
        x = np.r_[10, -10, np.zeros(200)]
        start = formats.quantize_pairs(x, "ovp_int4", method="max")[1]
        assert formats.quantize_pairs(x, "ovp_int4")[1] == pytest.approx(start * 2.49, rel=1e-12)
        x = np.random.default_rng(0).uniform(-1, 1, 2000)
        start = formats.quantize_pairs(x, "ovp_int4", method="max")[1]
        assert formats.quantize_pairs(x, "ovp_int4")[1] == pytest.approx(start * 0.75, rel=1e-12)

    @pytest.mark.parametrize("both", ["larger", "even"])
    @pytest.mark.parametrize("name", PAIRS)
    def test_invariants(self, name, both):
        fmt = formats.get(name)
        x = heavy(4000, 3).reshape(50, 80)
        # With 8 bits a search widens the normal range until there are hardly any outliers.
        method = "mse" if fmt.bits == 4 else "max"
        codes, scale = formats.quantize(x, name, 0, method, both=both)
        pairs = codes.reshape(-1, 2)
        victim = pairs == fmt.identifier
        assert not victim.all(axis=1).any()
        assert victim.any(axis=1).sum() >= 3
        values = formats.operands(codes, name).reshape(-1, 2)
        assert (values[victim] == 0).all()
        outlier = victim[:, ::-1]
        assert (np.abs(values[outlier]) > LAYOUTS[name][0]).all()
        assert (np.abs(values[~outlier]) <= LAYOUTS[name][0]).all()
        # The code of an outlier is never one that would be an identifier without its sign.
        assert (pairs[outlier] % fmt.identifier != 0).all()
        # Without an outlier in the pair, all is as in the normal format.
        normal = ~victim.any(axis=1)
        targets = (x / scale).reshape(-1, 2)[normal]
        if "flint" in name:
            expected = formats.decode(formats.encode(targets, 1, "flint4"), "flint4")
        else:
            expected = np.rint(targets).clip(-LAYOUTS[name][0], LAYOUTS[name][0])
        assert np.array_equal(values[normal], expected)

    def test_both(self):
        x = [20, 30, 30, -20, -20, 20, 1, 30, 30, 1]
        larger = formats.encode(x, 1, "ovp_int4")
        even = formats.encode(x, 1, "ovp_int4", both="even")
        assert formats.decode(larger, "ovp_int4").tolist() == [0, 32, 32, 0, -16, 0, 0, 32, 32, 0]
        assert formats.decode(even, "ovp_int4").tolist() == [16, 0, 32, 0, -16, 0, 0, 32, 32, 0]

    def test_boundaries(self):
        """int4: 9.5 is still 7, and -8 is no value; flint4: 20 is still 16."""
        x = [9.5, 0, 9.51, 0, -9.5, 0, -8, 7.4, 500, -500]
        values = formats.decode(formats.encode(x, 1, "ovp_int4"), "ovp_int4").tolist()
        assert values == [7, 0, 12, 0, -7, 0, -7, 7, 96, 0]
        x = [20, 1, 20.1, 1, -16, 3.5]
        values = formats.decode(formats.encode(x, 1, "ovp_flint4"), "ovp_flint4").tolist()
        assert values == [16, 1, 24, 0, -16, 4]

    @pytest.mark.parametrize("pair_axis", [0, 1, -1, -3])
    def test_pair_axis(self, pair_axis):
        x = heavy(4 * 6 * 2, 5).reshape(4, 6, 2)
        codes, scale = formats.quantize_pairs(x, "ovp_int4", pair_axis=pair_axis)
        moved = np.moveaxis(x, pair_axis, -1)
        expected, its_scale = formats.quantize_pairs(moved, "ovp_int4")
        assert scale == its_scale
        assert np.array_equal(np.moveaxis(codes, pair_axis, -1), expected)
        error = np.square(formats.decode(codes, "ovp_int4", axis=pair_axis) * scale - x).mean()
        assert formats.mse(x, codes, scale, "ovp_int4", pair_axis=pair_axis) == error

    @pytest.mark.parametrize("name", PAIRS)
    def test_values_stay(self, name):
        x = heavy(400, 7)
        codes, scale = formats.quantize(x, name)
        values = decoded(codes, scale, name)
        assert np.array_equal(formats.encode(values, scale, name), codes)

    def test_better_than_clipping(self):
        x = heavy(4000, 3)
        errors = {one.name: one.mse for one in formats.each(x, ["int4", "ovp_int4"])}
        assert errors["ovp_int4"] < errors["int4"] / 3

    def test_refused(self):
        message = (
            "Format must be one of pairs (ovp_int4, ovp_flint4, ovp_int8, ovp_int8_e2m5), "
            "not 'int4'"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            formats.quantize_pairs([1, 2], "int4")


#: One in a row, of ten standard deviations.
OUTLIERS = np.where(np.arange(1600).reshape(8, 200) % 201 == 0, 10, 0)


class TestSelect:
    NAMES = ("int4", "flint4", "pot4", "ovp_int4")

    @pytest.mark.parametrize("axis", [None, 0])
    @pytest.mark.parametrize(
        ("expected", "x"),
        [
            ("int4", np.random.default_rng(0).uniform(-1, 1, (8, 200))),
            ("flint4", np.random.default_rng(0).choice([-16, -6, -2, 0, 1, 3, 4, 8], (8, 200))),
            ("pot4", np.exp2(np.random.default_rng(0).uniform(-6, 0, (8, 200)).round())),
            ("ovp_int4", np.random.default_rng(0).standard_normal((8, 200)) + OUTLIERS),
        ],
    )
    def test_distributions(self, expected, x, axis):
        name, codes, scale = formats.select(x, self.NAMES, axis)
        errors = {}
        for candidate in self.NAMES:
            its_codes, its_scale = formats.quantize(x, candidate, axis)
            errors[candidate] = formats.mse(x, its_codes, its_scale, candidate)
            if candidate == name:
                assert np.array_equal(codes, its_codes)
                assert np.array_equal(scale, its_scale)
        assert name == min(errors, key=errors.get) == expected

    def test_first_of_equal_ones(self):
        x = np.random.default_rng(0).standard_normal(100)
        assert formats.select(x, ["pot4", "int2", "e3m0"])[0] == "pot4"
        assert formats.select(x, ["e3m0", "pot4"])[0] == "e3m0"

    def test_options(self):
        x = heavy(64, 0).reshape(2, 32)
        for one in formats.each(x, PAIRS, method="max", pair_axis=0, both="even"):
            codes, scale = formats.quantize_pairs(x, one.name, None, 0, "max", "even")
            assert np.array_equal(one.codes, codes)
            assert one.scale == scale

    def test_refused(self):
        with pytest.raises(ValueError, match=r"^Formats must be at least one, not none$"):
            formats.select([1.0], [])
        message = "X must be zero or positive for uint4, not -1.0 at index 0"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            formats.select([-1.0], ["int4", "uint4"])

    def test_mse(self):
        assert formats.mse([1.0, 2.0], [1, 1], 1.5, "int4") == 0.25
        assert formats.mse(np.zeros(0), np.zeros(0, int), 1, "int4") == 0


class TestMagnitudes:
    """The choice of a format does not depend on the unit of the numbers."""

    NAMES = ("int4", "flint4", "pot4", "e2m1", "posit4_0", "adaptivfloat4_2")

    @pytest.mark.parametrize("power", [-1000, -900, -600, -500, 500, 600, 900, 1000])
    def test_powers_of_two(self, power):
        x = np.random.default_rng(3).laplace(size=(20, 8))
        for axis in (None, 1):
            expected = formats.each(x, self.NAMES, axis)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                results = formats.each(np.ldexp(x, power), self.NAMES, axis)
            for result, reference in zip(results, expected, strict=True):
                assert np.array_equal(result.codes, reference.codes), result.name
                assert np.array_equal(np.ldexp(result.scale, -power), reference.scale)
                assert result.relative == reference.relative
            assert formats.best(results).name == formats.best(expected).name

    def test_errors_beyond_float64(self):
        x = np.random.default_rng(3).laplace(size=50)
        for power, mse in ((700, np.inf), (-700, 0.0)):
            result = formats.each(np.ldexp(x, power), ["int4"])[0]
            assert result.mse == mse
            assert 0 < result.relative < 0.1

    @pytest.mark.parametrize("value", [5e-324, 1e-310, 1e-300, 1e300, np.finfo(float).max])
    @pytest.mark.parametrize("name", ["int4", "flint4", "e4m3", "posit8_1", "ovp_int4"])
    def test_constants(self, value, name):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            (result,) = formats.each(np.full((2, 4), value), [name])
        assert np.isfinite(result.scale).all()
        assert (result.scale > 0).all()
        assert result.relative < 0.01

    def test_zeros_beside_tiny_numbers(self):
        """A column of zeros has the scale 1."""
        x = np.array([[0.0, 1e-300], [0.0, -3e-300]])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for name in self.NAMES:
                (result,) = formats.each(x, [name], 1)
                assert result.scale[0, 0] == 1
                assert result.relative < 0.1
            assert formats.best(formats.each(np.zeros((2, 2)), self.NAMES)).name == "int4"

    def test_wider_types(self):
        x = np.array([1, 2, 4], np.longdouble) * np.longdouble("1e4000")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(ValueError, match=r"^X must be finite, not inf at index 0$"):
                formats.quantize(x, "int4")
