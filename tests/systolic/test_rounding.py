"""Results of engines whose products with a scale are rounded to float32, next to ties."""

import runpy
from fractions import Fraction
from pathlib import Path

import brickwork as bw
import numpy as np
import pytest
from brickwork.gen.emission.emit import emit
from brickwork.sim.designs._gemm import QuantParams
from brickwork.sim.designs.registry import model as model_of
from brickwork.sim.manifest import Manifest
from products import multiply

# Not an import: pytest's importlib mode leaves the folder of the tests off the module path.
onnx_reference = runpy.run_path(str(Path(__file__).parents[1] / "lib" / "onnx_reference.py"))

SHAPE = dict(rows=4, cols=3, output="scale", rounding="float32")
ENGINES = [
    bw.GemmWs(**SHAPE, acc_depth=8),
    bw.GemmOs(**SHAPE),
    bw.GemmFusion(**SHAPE, acc_depth=8),
    bw.GemmNm(**SHAPE, acc_depth=8),
    bw.GemmOutlier(**SHAPE, group_lanes=2, acc_depth=8),
    bw.GemmBinary(**SHAPE, pack=4, acc_depth=8),
]


def scale_with_tie(random, total):
    """A float32 scale with which float32 takes the product with ``total`` for a tie that it is
    not, and which for that reason is rounded another way."""
    while True:
        half = np.float64(random.integers(0, 100)) + 0.5
        scale = np.float32(half / abs(total))
        exact = round(int(total) * Fraction(float(scale)))
        if exact != np.rint(np.float32(total) * scale):
            return scale


@pytest.mark.parametrize("design", ENGINES, ids=lambda design: design.design())
def test_beside_ties(tmp_path, design):
    """The first result of each column is next to a tie, by its bias and scale."""
    path = emit(design, tmp_path).manifest
    model, random = model_of(Manifest.read(path)), np.random.default_rng(1)
    some = model.random_job(random)
    sums = model.with_raw_sums().job(some.a, some.w, **some.modes).expected
    n = sums.shape[1]
    totals = random.integers(1 << 18, 1 << 20, n) * random.choice([-1, 1], n)
    scales = np.array([scale_with_tie(random, total) for total in totals])
    fraction, exponent = np.frexp(scales.astype(float))
    bias, ones = totals - sums[0], np.ones(n, np.int64)
    qparams = QuantParams(
        bias=bias,
        multiplier=(fraction * (1 << 24)).astype(np.int64),
        shift=24 - exponent,
        zero_point=ones,
        low=ones * -128,
        high=ones * 127,
    )
    product = multiply(path, some.a, some.w, qparams, **some.modes)
    expected = np.clip(np.rint((sums + bias).astype(np.float32) * scales) + 1, -128, 127)
    assert product.matches_golden
    assert (product.y == expected).all()
    exact = [
        round(int(total) * Fraction(float(scale)))
        for total, scale in zip(totals, scales, strict=True)
    ]
    assert (product.y[0] != np.clip(np.array(exact) + 1, -128, 127)).all()


@pytest.mark.parametrize("rounding", ["float32", "exact"])
def test_onnx_runtime(rounding):
    """A product with scales whose products lie next to ties, on RTL."""
    random = np.random.default_rng(4)
    a = random.integers(0, 256, (600, 24), "uint8")
    w = random.integers(-128, 128, (24, 12), "int8")
    w_scales = (random.integers(1, 50, 12) / 100).astype(np.float32)
    a_scale, y_scale = np.float32(0.1), np.float32(2)
    theirs = onnx_reference["qlinear_matmul"](a, a_scale, 117, w, w_scales, 0, y_scale, 130)
    sizes = dict(rows=8, cols=8, max_k=24, acc_depth=64)
    design = bw.GemmWs(
        **sizes, a_format="uint8", out_format="uint8", output="scale", rounding=rounding
    )
    scale = a_scale * w_scales / y_scale
    product = design.run(a, w, scale=scale, zero_point=130, a_zero_point=117)
    assert product.matches_golden
    differing = int((product.y != theirs).sum())
    assert differing == 0 if rounding == "float32" else differing > 0
