"""Products of operands of one bit and of more: against numpy, and of a whole binary layer."""

import itertools
import re

import brickwork as bw
import numpy as np
import pytest
from brickwork.sim.golden.arith.threshold import batch_norm_thresholds
from brickwork.sim.golden.binary.planes import planes

RANDOM = np.random.default_rng(7)


def values(bits, signed, shape):
    """Operands of a mode, with those at its limits."""
    if bits == 1:
        return RANDOM.choice([-1, 1] if signed else [0, 1], shape)
    low = -(1 << (bits - 1)) if signed else 0
    array = RANDOM.integers(low, low + (1 << bits), shape)
    array.flat[:2] = low, low + (1 << bits) - 1
    return array


@pytest.mark.parametrize("code", ["bin", "bit"])
def test_planes_are_the_operands(code):
    """Each code of each width."""
    for bits, signed in itertools.product(range(1, 9), (0, 1)):
        low = -(1 << (bits - 1)) if signed and bits > 1 else 0
        codes = np.arange(low, low + (1 << bits))
        operands = 2 * codes - 1 if bits == 1 and signed else codes
        total = 0
        for bit, shift, negative in planes(codes, bits, signed, code):
            assert set(bit.tolist()) <= {0, 1}
            total = total + (-1) ** negative * (2 * bit - 1 if code == "bin" else bit) * 2**shift
        assert np.array_equal(total, operands * (2 if code == "bin" else 1))


@pytest.mark.parametrize("code", ["bin", "bit"])
@pytest.mark.parametrize(
    ("a_mode", "w_mode"), [((1, 1), (1, 1)), ((8, 1), (1, 1)), ((1, 0), (1, 1)), ((4, 0), (3, 1))]
)
def test_modes(code, a_mode, w_mode, tmp_path):
    core = bw.GemmBinary(rows=2, cols=3, pack=8, code=code)
    modes = dict(zip(("a_bits", "a_signed", "w_bits", "w_signed"), (*a_mode, *w_mode), strict=True))
    a, w = values(*a_mode, (4, 37)), values(*w_mode, (37, 5))
    product = core.run(a, w, modes=modes, workdir=tmp_path)
    assert np.array_equal(product.y, a @ w)


def test_layer_with_batch_normalization(tmp_path):
    """Signs of normalized sums are those of float64."""
    a, w = RANDOM.choice([-1, 1], (9, 70)).astype(np.int8), RANDOM.random((70, 7)) < 0.5
    gamma, beta, mean = RANDOM.normal(size=(3, 7)) * [[1], [1], [6]]
    var = RANDOM.uniform(20, 90, 7)
    thresholds, flip = batch_norm_thresholds(gamma, beta, mean, var)
    core = bw.GemmBinary(rows=2, cols=4, pack=16, serial=0, output="threshold")
    product = core.run(a, w, threshold=thresholds, flip=flip, workdir=tmp_path)
    sums = a.astype(int) @ np.where(w, 1, -1)
    normalized = gamma * (sums - mean) / np.sqrt(var + 1e-5) + beta
    assert np.array_equal(product.y, normalized >= 0)
    assert 10 < product.y.sum() < 53


def test_numbers_become_signs(tmp_path):
    """With the scale of the least squared error, the mean magnitude."""
    a, w = RANDOM.normal(size=(6, 40)), RANDOM.normal(size=(40, 5))
    product = bw.GemmBinary(rows=2, cols=4, pack=16).run(a, w, workdir=tmp_path)
    expected = np.sign(a) @ np.sign(w) * np.abs(a).mean() * np.abs(w).mean(axis=0)
    assert np.allclose(product.real, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("a", "options", "message"),
    [
        ([[1, 0, -1]], {}, "A must be codes from 0 to 1 (bin), not -1 at index 0, 2"),
        (
            [[1, 2, 0]],
            {},
            "A must be codes from 0 to 1 (bin), not 2 at index 0, 1",
        ),
        ([[1, 2, 3]], {"modes": {"a_bits": 2}}, None),
    ],
)
def test_operands(a, options, message, tmp_path):
    core = bw.GemmBinary(rows=2, cols=4, pack=2)
    w = np.ones((3, 1), int)
    if message is None:
        options = {"modes": options["modes"] | {"a_signed": 0}}
        assert core.run(np.array(a), w, workdir=tmp_path, **options).y.tolist() == [[6]]
        return
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        core.run(np.array(a), w, workdir=tmp_path, **options)


def test_serial_modes_need_the_parameter(tmp_path):
    core = bw.GemmBinary(rows=2, cols=4, pack=2, serial=0)
    message = "^Mode a_bits must be 1, and a_signed 1, without serial=1, not 4 and 1$"
    with pytest.raises(ValueError, match=message):
        core.run(np.ones((2, 3), int), np.ones((3, 1), int), modes={"a_bits": 4}, workdir=tmp_path)
