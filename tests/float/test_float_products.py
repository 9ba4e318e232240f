"""Products of floats and of operands with scales on the RTL, against numpy, gfloat and fractions.

The references are written down term by term, and share nothing with the golden models.
"""

import re
from fractions import Fraction

import brickwork as bw
import gfloat
import llm_files
import ml_dtypes
import numpy as np
import pytest
from gfloat.formats import format_info_mxfp4_e2m1, format_info_mxfp8_e4m3

SMALL = {"rows": 3, "cols": 4, "acc_depth": 16}
TINY = np.float32(2.0**-126)
#: Zeros, ones and neighbours, ties, subnormal numbers, limits, infinities and NaN, as bf16 codes.
SPECIAL = np.array(
    [
        *(0x0000, 0x8000, 0x3F80, 0xBF80, 0x3F81, 0xBF81, 0x3F7F, 0x4000, 0x3380, 0xB380, 0x3400),
        *(0x0001, 0x8001, 0x007F, 0x0080, 0x8080, 0x1F80, 0x2000, 0x7F7F, 0xFF7F, 0x7F80, 0xFF80),
        *(0x7FC0, 0x5F80, 0xDF80),
    ],
    np.uint16,
)


def flushed(x):
    return np.where(np.abs(x) < TINY, np.copysign(np.float32(0), x), x).astype(np.float32)


def in_order(a, w, rows):
    """Sums in float32, one product after the other, tile by tile."""
    result = np.zeros((len(a), w.shape[1]), np.float32)
    with np.errstate(all="ignore"):
        for m in range(len(a)):
            for n in range(w.shape[1]):
                total = np.float32(0)
                for first in range(0, a.shape[1], rows):
                    tile = np.float32(0)
                    for k in range(first, first + rows):
                        pair = (a[m, k], w[k, n]) if k < a.shape[1] else (0.0, 0.0)
                        left, right = (flushed(np.float32(value)) for value in pair)
                        tile = flushed(tile + flushed(left * right))
                    total = flushed(total + tile)
                result[m, n] = total
    return result


def same_bits(x, y):
    x, y = (np.where(np.isnan(each), np.float32(np.nan), each) for each in (x, y))
    return np.array_equal(x.view(np.uint32), y.view(np.uint32))


class TestBf16:
    CORE = bw.GemmWs(**SMALL, arith="fp32", a_format="bf16", w_format="bf16")

    def run(self, a, w, tmp_path):
        product = self.CORE.run(a, w, workdir=tmp_path)
        assert product.matches_golden
        assert product.y.dtype == np.float32
        return product

    def test_all_pairs_of_special_values(self, tmp_path):
        """Each by itself, and each with a sum of 1 before it."""
        values = SPECIAL.view(ml_dtypes.bfloat16).astype(np.float32)
        for first in (0.0, 1.0):
            a = np.stack([np.full(len(values), first, np.float32), values], axis=1)
            w = np.stack([np.ones(len(values), np.float32), values])
            product = self.run(a, w, tmp_path)
            assert same_bits(product.y, in_order(a, w, 3))

    def test_cancellation_ties_and_order(self, tmp_path):
        random = np.random.default_rng(1)
        a = random.normal(size=(6, 41)) * 2.0 ** random.integers(-12, 12, (6, 41))
        a = a.astype(ml_dtypes.bfloat16).astype(np.float32)
        w = random.normal(size=(41, 7)).astype(ml_dtypes.bfloat16).astype(np.float32)
        # The second half takes most of the first away.
        a[:, 20:40] = (-a[:, :20] * np.float32(1 + 2.0**-7)).astype(ml_dtypes.bfloat16)
        w[20:40] = w[:20]
        product = self.run(a, w, tmp_path)
        assert same_bits(product.y, in_order(a, w, 3))
        assert not same_bits(product.y, (a @ w).astype(np.float32))  # another order

    def test_floats_are_rounded_to_nearest_even(self, tmp_path):
        x = np.array([[1 + 2.0**-8, 1 + 3 * 2.0**-8, -(1 + 2.0**-8), 3.4e38, 1e-40]])
        product = self.run(x, np.eye(5), tmp_path)
        wanted = x.astype(ml_dtypes.bfloat16).astype(np.float32)
        wanted[0, 3] = np.inf
        # Infinity times the zeros beside the diagonal is NaN.
        assert np.isnan(np.delete(product.y[0], 3)).all()
        assert product.y[0, 3] == wanted[0, 3]
        assert same_bits(
            self.run(x[:, :3], np.eye(3), tmp_path).y, wanted[:, :3].astype(np.float32)
        )

    def test_settings_that_formats_call_for(self):
        from brickwork.gen.designs._operands import Operands, Source

        operands = Operands(a=Source.of(np.eye(2)), w=Source.of(np.eye(2)))
        core = bw.GemmWs.fit({"a_format": "bf16", "w_format": "bf16"}, operands)
        assert (core.arith, core.output) == ("fp32", "raw")
        core = bw.GemmWs.fit({"a_format": "fp16"}, operands)
        assert (core.arith, core.output) == ("exact", "fp32")


class TestFp16:
    def test_any_bits_are_exact(self, tmp_path):
        """Rounded once, whatever the order: sums of all magnitudes."""
        random = np.random.default_rng(2)
        codes = random.integers(0, 1 << 16, (2, 8, 40), np.uint16)
        codes[(codes >> 10 & 31) == 31] &= 0xBFFF  # neither infinity nor NaN
        a, w = codes.view(np.float16)[0], codes.view(np.float16)[1].T.copy()
        core = bw.GemmWs(**SMALL, a_format="fp16", w_format="fp16", output="fp32")
        product = core.run(a, w, workdir=tmp_path)
        assert product.matches_golden
        assert product.errors["relative"] < 1e-7  # of a reference in float64
        for m in range(len(a)):
            for n in range(w.shape[1]):
                pairs = zip(a[m].tolist(), w[:, n].tolist(), strict=True)
                exact = sum(Fraction(x) * Fraction(y) for x, y in pairs)
                nearest = np.float32(product.y[m, n])
                error = abs(Fraction(float(nearest)) - exact)
                for other in (np.inf, -np.inf):
                    neighbour = np.nextafter(nearest, np.float32(other))
                    assert error <= abs(Fraction(float(neighbour)) - exact)

    def test_results_in_fp16(self, tmp_path):
        """Beyond the largest number, and below the normal ones."""
        a = np.array([[300, 2.0**-10, 1]], np.float16)
        w = np.diag(np.array([300, 2.0**-13, 3], np.float16))
        core = bw.GemmWs(**SMALL, a_format="fp16", w_format="fp16", output="fp16")
        y = core.run(a, w, workdir=tmp_path).y
        assert y.tolist() == [[np.inf, 2.0**-23, 3.0]]


class TestFloatsToIntegers:
    """Scale, bias and threshold beside floats are those of the numbers themselves."""

    A = np.random.default_rng(6).normal(size=(9, 10)).astype(np.float16)
    W = np.random.default_rng(7).normal(size=(10, 7)).astype(np.float16)

    def test_requantized(self, tmp_path):
        scale, bias = np.linspace(1, 20, 7, dtype=np.float32), np.linspace(-3, 3, 7)
        core = bw.GemmWs(**SMALL, a_format="fp16", w_format="fp16", output="scale")
        product = core.run(self.A, self.W, scale=scale, bias=bias, zero_point=-5, workdir=tmp_path)
        assert product.matches_golden
        for (m, n), y in np.ndenumerate(product.y):
            pairs = zip(self.A[m].tolist(), self.W[:, n].tolist(), strict=True)
            exact = sum(Fraction(x) * Fraction(y) for x, y in pairs)
            exact += Fraction(round(Fraction(bias[n]) * 2**48), 2**48)
            assert y == min(max(round(exact * Fraction(float(scale[n]))) - 5, -128), 127)

    def test_thresholds(self, tmp_path):
        """Of weights with a scale for each column; some numbers are at the threshold."""
        w = bw.quantize(self.W, "int4", axis=1)
        y = self.A.astype(np.float64) @ w.values
        thresholds = y[np.arange(7), np.arange(7)]
        core = bw.GemmWs(**SMALL, a_format="fp16", w_format="int4", output="threshold")
        product = core.run(self.A, w, threshold=thresholds, workdir=tmp_path)
        assert product.matches_golden
        clear = np.abs(y - thresholds) > 1e-9
        assert np.array_equal(product.y[clear], (y >= thresholds)[clear])
        signs = (self.W > 0).astype(np.int64)
        at = core.run(np.eye(10), signs, threshold=np.array(1.0), workdir=tmp_path)
        assert np.array_equal(at.y, signs)

    def test_refused(self, tmp_path):
        core = bw.GemmWs(**SMALL, a_format="fp16", w_format="fp16", output="scale")
        for bias, message in (
            (
                np.full(7, np.inf),
                "Bias must be finite numbers, not [inf, inf, inf, inf, inf, inf, inf]",
            ),
            (np.full(7, "x"), "Bias must be numbers, not <U1"),
            (np.full(7, 2.0**15), f"Bias must fit 64 bits, not be {2**63} at index 0"),
        ):
            with pytest.raises((TypeError, ValueError), match=f"^{re.escape(message)}$"):
                core.run(self.A, self.W, scale=np.array(1.0), bias=bias, workdir=tmp_path)


def scaled(element_a, element_w, scale_a, scale_w, group):
    """Sums in float32 of groups whose sums are exact, in the order of K."""
    m, n = len(element_a), element_w.shape[1]
    result = np.zeros((m, n), np.float32)
    for i in range(m):
        for j in range(n):
            total = np.float32(0)
            for number, first in enumerate(range(0, element_a.shape[1], group)):
                terms = range(first, first + group)
                pairs = ((element_a[i, k], element_w[k, j]) for k in terms)
                exact = sum(Fraction(float(x)) * Fraction(float(y)) for x, y in pairs)
                rounded = np.float32(float(exact))  # float64 holds the sums of these elements
                assert Fraction(float(exact)) == exact
                scale = np.float32(scale_a[i, number] * scale_w[number, j])
                total = np.float32(total + np.float32(rounded * scale))
            result[i, j] = total
    return result


class TestMx:
    @pytest.mark.parametrize(
        ("name", "info", "element"),
        [
            ("mxfp4", format_info_mxfp4_e2m1, "e2m1"),
            ("mxfp8", format_info_mxfp8_e4m3, "e4m3"),
        ],
    )
    def test_blocks_of_gfloat(self, name, info, element, tmp_path):
        """Elements and scales that gfloat decodes, and float32 between the blocks."""
        random = np.random.default_rng(3)
        a = random.normal(size=(4, 64)) * 2.0 ** random.integers(-8, 8, (4, 64))
        w = random.laplace(size=(64, 5))
        blocks = bw.quantize(a, name, axis=1).blocks, bw.quantize(w, name, axis=0).blocks
        core = bw.GemmScaled(
            rows=8,
            cols=4,
            acc_depth=16,
            group=32,
            **{f"{side}_format": element for side in "aw"},
            **{f"{side}_scale": "e8m0" for side in "aw"},
        )
        product = core.run(*blocks, workdir=tmp_path)
        assert product.matches_golden
        elements = [
            np.vectorize(lambda code: gfloat.decode_float(info.etype, int(code)).fval)(each.codes)
            for each in blocks
        ]
        scales = [
            np.vectorize(lambda code: gfloat.decode_float(info.stype, int(code)).fval)(each.scales)
            for each in blocks
        ]
        assert same_bits(product.y, scaled(*elements, *scales, 32))

    def test_nvfp4(self, tmp_path):
        """The scales of the tensors are in the real results alone."""
        random = np.random.default_rng(4)
        a, w = random.normal(size=(3, 48)), random.normal(size=(48, 6))
        blocks = bw.quantize(a, "nvfp4", axis=1).blocks, bw.quantize(w, "nvfp4", axis=0).blocks
        formats = {f"{side}_format": "e2m1" for side in "aw"}
        core = bw.GemmScaled(
            rows=16, cols=4, acc_depth=8, group=16, **formats, a_scale="e4m3", w_scale="e4m3"
        )
        product = core.run(*blocks, workdir=tmp_path)
        assert product.matches_golden
        fp4 = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
        values = np.array([*fp4, *(-value for value in fp4)])
        scales = [each.scales.view(ml_dtypes.float8_e4m3fn).astype(np.float64) for each in blocks]
        assert same_bits(product.y, scaled(*(values[each.codes] for each in blocks), *scales, 16))
        factor = blocks[0].tensor_scale * blocks[1].tensor_scale
        assert np.array_equal(product.real, product.y * np.float64(factor))
        assert product.errors["relative"] < 0.2


class TestLanguageModels:
    """4-bit weights of files, and activations in fp16 and bf16."""

    def layer(self):
        random = np.random.default_rng(5)
        codes, zeros = random.integers(0, 16, (64, 8)), random.integers(0, 16, (4, 8))
        scales = (2.0 ** random.uniform(-9, -5, zeros.shape)).astype(np.float16)
        return codes, zeros, scales, random.normal(size=(5, 64)).astype(np.float16)

    def expected(self, a, codes, zeros, scales, groups):
        """Group after group in the order of their first rows in the file."""
        result = np.zeros((len(a), codes.shape[1]), np.float32)
        for group in range(len(zeros)):
            rows = np.flatnonzero(groups == group)
            exact = a[:, rows].astype(np.float64) @ (codes[rows] - zeros[group]).astype(np.float64)
            scale = scales[group].astype(np.float32)
            result = (result + (exact.astype(np.float32) * scale)).astype(np.float32)
        return result

    @pytest.mark.parametrize("order", [False, True])
    def test_gptq(self, order, tmp_path):
        codes, zeros, scales, a = self.layer()
        groups = np.arange(64) // 16
        if order:
            groups = np.random.default_rng(6).permutation(groups)
        path = tmp_path / "model.safetensors"
        llm_files.save(path, llm_files.gptq("up", codes, zeros, scales, 4, groups))
        core = bw.GemmScaled(rows=8, cols=4, acc_depth=8, group=16, w_format="int5")
        product = core.run(a, bw.read_weights(f"{path}:up"), workdir=tmp_path)
        assert product.matches_golden
        assert same_bits(product.y, self.expected(a, codes, zeros, scales, groups))

    def test_awq_as_typed(self, tmp_path, monkeypatch, capsys):
        from brickwork.gen.cli import main

        codes, zeros, scales, a = self.layer()
        monkeypatch.chdir(tmp_path)
        llm_files.save(tmp_path / "m.safetensors", llm_files.awq("up", codes, zeros, scales))
        np.save("A.npy", a)
        command = "run gemm_scaled --a A.npy --w m.safetensors:up --set rows=8 --set cols=4"
        assert main([*command.split(), "--out", "Y.npy", "--real-out", "R.npy"]) == 0
        printed = capsys.readouterr().out
        assert "matches golden yes" in printed
        y = np.load("Y.npy")
        assert y.dtype == np.float32
        assert same_bits(y, self.expected(a, codes, zeros, scales, np.arange(64) // 16))
        assert np.array_equal(np.load("R.npy"), y.astype(np.float64))

    def test_aligned_activations(self, tmp_path):
        """More bits come closer to the product; the errors are those of cut-off bits."""
        codes, *_, a = self.layer()
        w = bw.quantize((codes - 7.5) / 8, "w4a16:g32", axis=0)
        errors = []
        for align in (8, 16):
            core = bw.GemmScaled(
                rows=8, cols=4, acc_depth=8, group=32, a_format="bf16", align=align
            )
            product = core.run(a.astype(ml_dtypes.bfloat16), w, workdir=tmp_path)
            assert product.matches_golden
            errors.append(product.errors["relative"])
        assert errors[0] > 64 * errors[1]
        assert errors[1] < 1e-6


def test_groups_that_fit_k():
    """Those of floats, unless they are set; others are those of the operand."""
    from brickwork.gen.designs._operands import Operands, Source

    def group(w, **settings):
        operands = Operands(a=Source.of(np.ones((1, 1))), w=Source.of(w))
        return bw.GemmScaled.fit(settings, operands).group

    assert group(np.ones((256, 2))) == 128
    assert group(np.ones((96, 2))) == 32
    assert group(np.ones((50, 2))) == 50
    assert group(np.ones((256, 2)), group=16) == 16
    assert group(bw.quantize(np.ones((64, 2)), "nvfp4", axis=0)) == 16


A, W = np.ones((2, 64)), np.ones((64, 2))
REFUSED = {
    "K is no multiple": (
        (A[:, :50], W[:50]),
        {},
        "K must be a multiple of the group of 32, not 50; pad A and W with zeros",
    ),
    "codes without scales": (
        (A, W.astype(np.int64)),
        {},
        "W must be floats, or a matrix with scales for blocks; see brickwork quantize --help",
    ),
    "another format": (
        (A, bw.quantize(W, "mxfp4", axis=0)),
        {"w_scale": "e8m0"},
        "W is in the format e2m1, not in int4; use --set w_format=e2m1",
    ),
    "another format of scales": (
        (A, bw.quantize(W, "mxfp4", axis=0)),
        {"w_format": "e2m1"},
        "W has scales in e8m0, not in fp16; use --set w_scale=e8m0",
    ),
    "larger groups": (
        (A, bw.quantize(W, "w4a16:g64", axis=0)),
        {},
        "Groups of W must have at most 32 terms (group), not 64; use --set group=64",
    ),
    "larger groups, though of a tile": (
        (A, bw.quantize(W, "w4a16:g64", axis=0)),
        {"rows": 64},
        "Groups of W must have at most 32 terms (group), not 64; use --set group=64",
    ),
    "blocks along N": (
        (A, bw.quantize(np.ones((64, 32)), "mxfp4", axis=1)),
        {},
        "Blocks of W must lie along K, its axis 0, not along axis 1",
    ),
    "blocks of A": (
        (bw.quantize(A, "mxfp4", axis=1), bw.quantize(W, "w4a16:g32", axis=0)),
        {},
        "A must have no scales for blocks with a_scale=none; use --set a_scale=e8m0",
    ),
    "other groups of A": (
        (bw.quantize(A, "nvfp4", axis=1), bw.quantize(W, "mxfp4", axis=0)),
        {"a_format": "e2m1", "w_format": "e2m1", "a_scale": "e4m3", "w_scale": "e8m0"},
        "Groups of A must have 32 terms, as those of W, not 16",
    ),
    "another K": (
        (A[:, :32], bw.quantize(W, "w4a16:g32", axis=0)),
        {},
        r"A must be M × 64, as W has 64 rows, not (2, 32)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name, tmp_path):
    operands, settings, message = REFUSED[name]
    core = bw.GemmScaled(**{"rows": 4, "cols": 2, "group": 32} | settings)
    with pytest.raises((bw.UsageError, ValueError)) as caught:
        core.run(*operands, workdir=tmp_path)
    assert str(caught.value) == message
