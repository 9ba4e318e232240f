"""Matrices with scales for blocks, against gfloat's blocks, casts of ml_dtypes and brute force."""

import dataclasses
import itertools
import re

import gfloat
import ml_dtypes
import numpy as np
import pytest
from brickwork.sim.golden import formats
from brickwork.sim.golden.formats import BlockScaled, quantize_blocks
from gfloat.block import compute_scale_amax, decode_block, encode_block
from gfloat.formats import (
    format_info_mxfp4_e2m1,
    format_info_mxfp6_e2m3,
    format_info_mxfp6_e3m2,
    format_info_mxfp8_e4m3,
    format_info_mxfp8_e5m2,
    format_info_mxint8,
)

MX = {
    "mxfp8": format_info_mxfp8_e4m3,
    "mxfp8_e5m2": format_info_mxfp8_e5m2,
    "mxfp6_e2m3": format_info_mxfp6_e2m3,
    "mxfp6_e3m2": format_info_mxfp6_e3m2,
    "mxfp4": format_info_mxfp4_e2m1,
    "mxint8": format_info_mxint8,
}
SCALES = {
    "fp32": np.float32,
    "fp16": np.float16,
    "bf16": ml_dtypes.bfloat16,
    "e4m3": ml_dtypes.float8_e4m3fn,
    "e8m0": ml_dtypes.float8_e8m0fnu,
}


def numbers(shape, seed=1):
    """Normal numbers with blocks of very different sizes."""
    random = np.random.default_rng(seed)
    sizes = 2.0 ** random.integers(-20, 20, (-(-shape[0] // 16), shape[1]))
    return random.standard_normal(shape) * np.repeat(sizes, 16, axis=0)[: shape[0]]


def some(**changes):
    """A matrix of 8 × 2 with groups of 4, int4 and fp16."""
    attributes = {
        "codes": np.arange(-8, 8).reshape(8, 2),
        "format": "int4",
        "group": 4,
        "scales": np.array([[0x3C00, 0x4000], [0x3800, 0xBC00]]),  # 1, 2; 0.5, -1
        "scale_format": "fp16",
    }
    return BlockScaled(**attributes | changes)


class TestScales:
    @pytest.mark.parametrize("name", SCALES)
    def test_every_code(self, name):
        type_ = formats.SCALE_FORMATS[name].type
        if name == "fp32":
            codes = np.random.default_rng(1).integers(0, 1 << 32, 100_000).astype(type_)
        else:
            codes = np.arange(1 << formats.SCALE_FORMATS[name].bits).astype(type_)
        expected = codes.view(SCALES[name]).astype(np.float32)
        values = formats.decode_scales(codes, name)
        assert values.dtype == np.float32
        assert np.array_equal(values, expected, equal_nan=True)

    @pytest.mark.parametrize("name", ["fp16", "bf16", "e4m3"])
    def test_nearest(self, name):
        """All values, halfway between them, and next to that."""
        layout = formats.SCALE_FORMATS[name]
        values = formats.decode_scales(np.arange(layout.highest + 1), name)
        middle = ((values[1:].astype(np.float64) + values[:-1]) / 2).astype(np.float32)
        beside = [np.nextafter(middle, np.float32(0)), np.nextafter(middle, np.float32(1e38))]
        x = np.concatenate([values, middle, *beside])
        expected = x.astype(SCALES[name]).view(layout.type)
        assert np.array_equal(formats.encode_scales(x, name), expected)

    @pytest.mark.parametrize("name", ["fp32", "fp16", "bf16", "e4m3"])
    def test_beyond_the_largest(self, name):
        highest = formats.SCALE_FORMATS[name].highest
        assert formats.encode_scales([1e300, 0, 1e-300], name).tolist() == [highest, 0, 0]

    def test_unknown(self):
        message = re.escape("Scale format must be one of fp32, fp16, bf16, e4m3, e8m0, not 'e5m3'")
        with pytest.raises(ValueError, match=message):
            formats.decode_scales([1], "e5m3")


class TestBlockScaled:
    def test_values(self):
        blocks = some()
        expected = [[-8, -14], [-6, -10], [-4, -6], [-2, -2], [0, -1], [1, -3], [2, -5], [3, -7]]
        assert blocks.values.tolist() == expected
        assert blocks.shape == (8, 2)
        assert blocks.bits_per_weight == 8
        assert np.array_equal(blocks.elements, blocks.codes)
        assert blocks.element_format == "int4"

    def test_zero_points(self):
        zeros = np.array([[0, 15], [8, 1]])
        blocks = some(codes=np.full((8, 2), 15), format="uint4", zeros=zeros, group=4)
        assert blocks.elements[[0, 4]].tolist() == [[15, 0], [7, 14]]
        assert blocks.values[[0, 4]].tolist() == [[15, 0], [3.5, -14]]
        assert blocks.bits_per_weight == 4 + 20 / 4
        assert blocks.element_format == "int5"
        assert blocks.centred() is blocks

    def test_centred(self):
        codes = np.arange(16).reshape(8, 2)
        blocks = some(codes=codes, format="uint4", zeros=np.full((2, 2), 8))
        centred = blocks.centred()
        assert (centred.format, centred.zeros) == ("int4", None)
        assert np.array_equal(centred.codes, codes - 8)
        assert np.array_equal(centred.values, blocks.values)

    def test_order(self):
        """Rows of codes go back to their places in the matrix."""
        order = np.array([3, 0, 7, 1, 6, 2, 5, 4])
        blocks = some(order=order)
        for row, place in enumerate(order):
            assert np.array_equal(blocks.values[place], some().values[row])
        a = np.random.default_rng(1).integers(-9, 9, (3, 8))
        assert np.array_equal(a @ blocks.values, a[:, order] @ some().values)

    @pytest.mark.parametrize("spec", ["nvfp4", "mxint8", "w4a16z:g16"])
    def test_transposed(self, spec):
        x = numbers((64, 5))
        blocks, turned = quantize_blocks(x, spec), quantize_blocks(x.T, spec, axis=1)
        assert np.array_equal(turned.values, blocks.values.T)
        assert np.array_equal(turned.scales, blocks.scales.T)
        assert turned.terms == blocks.terms == 64
        again = turned.transposed()
        assert again.axis == 0
        assert np.array_equal(again.values, blocks.values)

    def test_nan_scale(self):
        """Of MX a NaN scale makes the whole block NaN."""
        blocks = quantize_blocks(numbers((64, 1)), "mxfp4")
        scales = np.array([[0xFF], [0]])
        values = dataclasses.replace(blocks, scales=scales).values
        assert np.isnan(values[:32]).all()
        assert np.isfinite(values[32:]).all()

    def test_arrays_are_fixed(self):
        with pytest.raises(ValueError, match="read-only"):
            some().codes[0, 0] = 1

    @pytest.mark.parametrize(
        ("message", "changes"),
        [
            (
                "Codes must be from -8 to 7 (int4), not 8 at index 0, 1",
                {"codes": np.array([[0, 8], *[[0, 0]] * 7])},
            ),
            ("Codes must be a matrix, not of the shape (8,)", {"codes": np.arange(-4, 4)}),
            ("K must be a multiple of the group of 3, not 8", {"group": 3}),
            (
                "Scales must be of the shape (4, 2), one for each block of 2, not (2, 2)",
                {"group": 2},
            ),
            (
                "Scales must be codes from 0 to 255 (e4m3), not 15360 at index 0, 0",
                {"scale_format": "e4m3"},
            ),
            ("Axis must be 0 or 1, not 2", {"axis": 2}),
            (
                "Zero points must be from -8 to 7 (int4), not 15 at index 0, 0",
                {"zeros": np.full((2, 2), 15)},
            ),
            (
                "Zero points must be of the shape (2, 2), one for each block of 4, not (1, 2)",
                {"zeros": np.zeros((1, 2), int)},
            ),
            (
                "Zero points must go with integers, not with e2m1",
                {"codes": np.zeros((8, 2), int), "format": "e2m1", "zeros": np.zeros((2, 2), int)},
            ),
            ("Tensor scale must be a positive float32 number, not -1.0", {"tensor_scale": -1.0}),
            ("Tensor scale must be a positive float32 number, not 1e+40", {"tensor_scale": 1e40}),
            ("Order must be a permutation of 0 to 7", {"order": np.arange(1, 9)}),
            ("Fraction bits must be from 0 to 4, not 5", {"fraction_bits": 5}),
            (
                "Format must be int<N>, uint<N> or a small float for blocks, not 'pot4'",
                {"format": "pot4"},
            ),
        ],
    )
    def test_wrong_values(self, message, changes):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            some(**changes)

    @pytest.mark.parametrize("name", ["codes", "scales"])
    def test_wrong_types(self, name):
        message = f"^{name.capitalize()} must be integers, not float64; quantize them first$"
        with pytest.raises(TypeError, match=message):
            some(**{name: np.ones((8, 2))})


class TestMx:
    @pytest.mark.parametrize("spec", MX)
    def test_gfloat(self, spec):
        """Codes of scales and elements, and values, block by block."""
        info, x = MX[spec], numbers((128, 6))
        blocks = quantize_blocks(x, spec)
        assert blocks.group == info.k
        assert blocks.scale_values.dtype == np.float32
        bits = info.etype.k
        for block, column in itertools.product(range(4), range(6)):
            rows = slice(32 * block, 32 * block + 32)
            scale = compute_scale_amax(info.etype.emax, x[rows, column])
            scale_code, *_ = encode_block(info, scale, x[rows, column] / scale)
            assert blocks.scales[block, column] == scale_code
            expected = gfloat.quantize_block(info, x[rows, column], compute_scale_amax)
            assert np.array_equal(blocks.values[rows, column], expected)
            codes = blocks.codes[rows, column] & ((1 << bits) - 1)
            assert list(decode_block(info, [scale_code, *codes.tolist()])) == expected.tolist()

    def test_floor_of_the_logarithm(self):
        """Just below 2^k, where a float's logarithm is k, the scale is that of 2^(k-1)."""
        for k in (-100, -3, 0, 1, 7, 100):
            for largest, power in ((2.0**k, k), (np.nextafter(2.0**k, 0), k - 1)):
                blocks = quantize_blocks(np.full((32, 1), largest), "mxfp4")
                assert blocks.scale_values[0, 0] == 2.0 ** (power - 2)

    @pytest.mark.parametrize("spec", MX)
    def test_limits_of_the_exponent(self, spec):
        zeros = quantize_blocks(np.zeros((32, 1)), spec)
        assert (zeros.scales.tolist(), zeros.codes.any()) == ([[0]], False)
        small = quantize_blocks(np.full((32, 1), 2.0**-160), spec)
        assert (small.scales.tolist(), small.codes.any()) == ([[0]], False)
        fmt = formats.get(zeros.format)
        large = quantize_blocks(np.full((32, 1), -1e300), spec)
        assert large.scales.tolist() == [[254]]
        lowest = fmt.lowest * fmt.unit / (64 if spec == "mxint8" else 1)
        assert large.values[0, 0] == lowest * 2.0**127

    def test_unit_of_integers(self):
        """1.0 is code 64, and the range is -2 .. 127/64."""
        x = np.zeros((32, 1))
        x[:4, 0] = [1, 127 / 64, -1.999, 1 / 128]
        blocks = quantize_blocks(x, "mxint8")
        assert blocks.codes[:4, 0].tolist() == [64, 127, -128, 0]
        assert blocks.values[:4, 0].tolist() == [1, 127 / 64, -2, 0]


class TestNvfp4:
    @pytest.mark.parametrize("seed", range(5))
    def test_casts(self, seed):
        """The same by the casts of ml_dtypes, in the steps of the format's description."""
        random = np.random.default_rng(seed)
        x = (random.standard_normal((64, 8)) * 2.0 ** random.integers(-12, 2, (64, 1))).astype("f")
        blocks = quantize_blocks(x, "nvfp4")
        x = x.astype(np.float64)
        tensor = np.float32(np.abs(x).max() / 2688)
        assert np.float32(blocks.tensor_scale) == tensor
        for block, column in itertools.product(range(4), range(8)):
            part = x[16 * block : 16 * block + 16, column]
            scale = np.abs(part).max() / 6 / np.float64(tensor)
            code = np.clip(scale, 2**-6, 448).astype(np.float32).astype(ml_dtypes.float8_e4m3fn)
            assert blocks.scales[block, column] == code.view(np.uint8)
            scaled = (part / (np.float64(tensor) * np.float64(code))).astype(np.float32)
            elements = scaled.astype(ml_dtypes.float4_e2m1fn).astype(np.float64)
            expected = elements * np.float64(code) * np.float64(tensor)
            assert np.array_equal(blocks.values[16 * block : 16 * block + 16, column], expected)

    def test_largest(self):
        """The tensor's largest magnitude has the largest scale and code."""
        x = numbers((32, 2))
        blocks = quantize_blocks(x, "nvfp4")
        place = np.unravel_index(np.abs(x).argmax(), x.shape)
        assert blocks.scale_values.max() == 448
        assert blocks.codes[place] & 7 == 7

    def test_zeros(self):
        blocks = quantize_blocks(np.zeros((16, 1)), "nvfp4")
        assert (blocks.tensor_scale, blocks.scales.tolist()) == (1.0, [[0x08]])
        assert not blocks.values.any()


class TestIntegers:
    @pytest.mark.parametrize("spec", ["w4a16:g16", "w8a16:g32", "w4a16:gk", "w4a16:k:bf16"])
    @pytest.mark.parametrize("zero", ["", "z"])
    def test_maximum(self, spec, zero):
        """Round to nearest with the rounded scale, in the steps of the description."""
        spec = spec.replace("a16", f"a16{zero}")
        x = np.random.default_rng(2).normal(0.3, 1, (64, 3))
        blocks = quantize_blocks(x, spec, method="max")
        steps = 15 if spec.startswith("w4") else 255
        low, high = (0, steps) if zero else (-(steps + 1) // 2, steps // 2)
        type_ = ml_dtypes.bfloat16 if spec.endswith("bf16") else np.float16
        for block, column in itertools.product(range(64 // blocks.group), range(3)):
            rows = slice(blocks.group * block, blocks.group * (block + 1))
            part = x[rows, column]
            least, most = (min(part.min(), 0), max(part.max(), 0)) if zero else (None, None)
            width = most - least if zero else 2 * np.abs(part).max()
            scale = np.float32(width / steps).astype(type_).astype(np.float64)
            point = np.clip(np.rint(-least / scale), 0, steps) if zero else 0
            codes = np.clip(np.rint(part / scale) + point, low, high)
            assert np.array_equal(blocks.codes[rows, column], codes)
            assert np.array_equal(blocks.values[rows, column], (codes - point) * scale)

    @pytest.mark.parametrize("spec", ["w4a16:g16", "w4a16z:g16"])
    def test_least_squares(self, spec):
        """No scale of the search, with which all codes are nearest, has a smaller error."""
        x = np.random.default_rng(3).laplace(size=(32, 4))
        blocks = quantize_blocks(x, spec)
        usual = quantize_blocks(x, spec, method="max")
        errors = np.square(blocks.values - x).reshape(2, 16, 4).sum(axis=1)
        assert (errors <= np.square(usual.values - x).reshape(2, 16, 4).sum(axis=1)).all()
        for percent in range(75, 150):
            scale = np.float16(usual.scale_values * percent / 100).astype(np.float64)
            scale = np.repeat(scale, 16, axis=0)
            zeros = np.zeros(x.shape)
            if "z" in spec:
                lowest = np.minimum(x.reshape(2, 16, 4).min(axis=1), 0)
                zeros = np.clip(np.rint(-np.repeat(lowest, 16, axis=0) / scale), 0, 15)
            low, high = (0, 15) if "z" in spec else (-8, 7)
            values = (np.clip(np.rint(x / scale) + zeros, low, high) - zeros) * scale
            # The scale here is a percentage of a rounded scale: a bound, not the same numbers.
            some = np.square(values - x).reshape(2, 16, 4).sum(axis=1)
            assert (errors <= some * 1.01).all()

    def test_zero_points_stay_in_range(self):
        """Where a smaller scale saturates the lowest number, so does the zero point."""
        x = -np.linspace(0, 7.5, 256)[:, None]
        x[128] = -10
        blocks = quantize_blocks(x, "w4a16z:g256")
        assert blocks.scale_values[0, 0] < 10 / 15 * 0.95
        assert blocks.zeros.tolist() == [[15]]
        assert blocks.values.min() == -15 * blocks.scale_values[0, 0]

    def test_limits(self):
        zeros = quantize_blocks(np.zeros((16, 2)), "w4a16z:g16")
        assert zeros.scale_values.tolist() == [[1, 1]]
        assert not zeros.codes.any()
        assert quantize_blocks(np.full((16, 1), 1e300), "w4a16:g16").scale_values[0, 0] == 65504
        small = quantize_blocks(np.full((16, 1), 1e-30), "w4a16:g16")
        assert (small.scale_values[0, 0], small.codes.any()) == (2**-24, False)

    @pytest.mark.parametrize(
        ("name", "full"),
        [
            ("w4a16:gk", "w4a16:k"),
            ("w8a16z:32", "w8a16z:g32"),
            ("w4a16:g16:bf16", "w4a16:g16:bf16"),
            ("w4a16:g16:fp16", "w4a16:g16"),
            ("mxfp8", "mxfp8_e4m3"),
        ],
    )
    def test_names(self, name, full):
        assert quantize_blocks(np.ones((32, 1)), name).name == full

    def test_bits(self):
        x = np.ones((128, 1))
        expected = {"w4a16:g128": 4.125, "w4a16z:g32": 4.625, "mxfp4": 4.25, "nvfp4": 4.5}
        for spec, bits in expected.items():
            assert quantize_blocks(x, spec).bits_per_weight == bits


class TestErrors:
    @pytest.mark.parametrize("spec", ["mxfp8", "nvfp4", "w4a16:g16"])
    def test_mean_square(self, spec):
        x = numbers((64, 3))
        blocks = quantize_blocks(x, spec)
        mse, relative = formats.block_errors(x, blocks)
        expected = np.square(blocks.values - x).mean()
        assert mse == pytest.approx(expected, rel=1e-12)
        assert relative == pytest.approx(expected / np.square(x).mean(), rel=1e-12)

    def test_zeros(self):
        x = np.zeros((32, 1))
        assert formats.block_errors(x, quantize_blocks(x, "mxfp4")) == (0, 0)


def test_no_format_of_single_numbers():
    message = (
        "^Format must be a format of single numbers, not 'mxfp4', which has scales for blocks$"
    )
    with pytest.raises(ValueError, match=message):
        formats.get("mxfp4")


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        (
            "X must have a multiple of 32 numbers along axis 0 for mxfp4, not 48: pad it with "
            "zeros",
            (np.ones((48, 2)), "mxfp4"),
        ),
        (
            "X must have a multiple of 16 numbers along axis 1 for nvfp4, not 2: pad it with zeros",
            (np.ones((48, 2)), "nvfp4", 1),
        ),
        ("X must be a matrix for blocks, not of the shape (32,)", (np.ones(32), "mxfp4")),
        ("X must be finite, not nan at index 0, 0", (np.full((32, 1), np.nan), "mxfp4")),
        ("Axis must be 0 or 1 for blocks, not 2", (np.ones((32, 1)), "mxfp4", 2)),
        (
            "Format must be a format of blocks, not 'mxfp5'; did you mean 'mxfp4'?",
            (np.ones((32, 1)), "mxfp5"),
        ),
        (
            "Group must be one of 16, 32, 64, 128, 256 or k, not 48 (w4a16:g48)",
            (np.ones((48, 1)), "w4a16:g48"),
        ),
        (
            'Method must be "mse" or "max", not \'min\'',
            (np.ones((32, 1)), "mxfp4", 0, "min"),
        ),
    ],
)
def test_refused(message, arguments):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        quantize_blocks(*arguments)
