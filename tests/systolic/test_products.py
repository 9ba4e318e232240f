"""Products on the engines, bit for bit, over shapes, formats, outputs, operands and stalls."""

import itertools

import numpy as np
import pytest
from brickwork.gen.emit import emit
from brickwork.gen.parameters import GemmOs, GemmWs
from brickwork.sim.golden import formats
from brickwork.sim.product import multiply
from brickwork.sim.tiling import Channels

# rows, cols, and the rest of an engine; each is built for both dataflows.
ENGINES = {
    "1x1-int8": (1, 1, {}),
    "1x1-uint2-scale": (1, 1, dict(a_format="uint2", output="scale", out_format="uint2")),
    "1x7-int4-uint3-bias": (1, 7, dict(a_format="int4", w_format="uint3", output="bias")),
    "1x7-int16-shift": (1, 7, dict(a_format="int16", output="shift", out_format="int16")),
    "3x5-uint8-int8-scale": (3, 5, dict(a_format="uint8", output="scale", out_format="uint8")),
    "3x5-saturate": (3, 5, dict(acc_width=17, overflow="saturate", pipeline=0, tile_rows=2)),
    "3x5-int2-int2-wrap": (3, 5, dict(a_format="int2", w_format="int2", acc_width=6, pipeline=2)),
    "8x8-int8-scale": (8, 8, dict(output="scale", pipeline=2, tile_rows=3, tile_cols=3)),
    "8x8-uint16-uint16": (8, 8, dict(a_format="uint16", w_format="uint16", pipeline=0)),
    "16x16-int4-int4-bias": (16, 16, dict(a_format="int4", w_format="int4", output="bias")),
    "33x17-int8-saturate-shift": (
        *(33, 17),
        dict(acc_width=18, overflow="saturate", output="shift", out_format="int4"),
    ),
}
# Stalls of operands and of results in percent, and the kind of operands.
TREATMENTS = {
    "random": (0, 0, "random"),
    "extremes-stalled": (35, 25, "extremes"),
    "random-blocked": (0, 70, "random"),
}
CASES = [
    pytest.param(design, *engine, *treatment, id=f"{design.design()}-{name}-{how}")
    for design, (name, engine), (how, treatment) in itertools.product(
        (GemmWs, GemmOs), ENGINES.items(), TREATMENTS.items()
    )
]


def operands(random, fmt, shape, kind):
    if kind == "random":
        return random.integers(fmt.lowest, fmt.highest + 1, shape)
    # Of one sign for a stretch, so that narrow accumulators reach their limits.
    turn = random.random(shape) < 0.1
    return np.array([fmt.lowest, fmt.highest])[np.cumsum(turn, axis=int(shape[0] < shape[1])) % 2]


def channels(random, parameters, k, n):
    """Bias and scales with which results are spread over the output format."""
    if parameters.output == "raw":
        return None
    acc = 2 ** (parameters.unit().acc_width - 1)
    out = formats.get(parameters.out_format)
    a, w = formats.get(parameters.a_format), formats.get(parameters.w_format)
    size = min(acc, 2 ** (a.bits + w.bits - 2) * k)
    multiplier = random.integers(1 << 23, 1 << 24, n)
    bits = np.log2(size) + (np.log2(multiplier) if parameters.output == "scale" else 0)
    shift = np.ceil(bits).astype(int) - out.bits + random.integers(0, 3, n)
    return Channels(
        bias=random.integers(-size, size, n),
        multiplier=multiplier,
        shift=np.clip(shift, 0, 63),
        zero_point=random.integers(out.lowest, out.highest + 1, n),
        low=np.full(n, out.lowest),
        high=np.full(n, out.highest),
    )


@pytest.mark.parametrize(
    ("design", "rows", "cols", "settings", "stall_in", "stall_out", "kind"), CASES
)
def test_product(tmp_path, design, rows, cols, settings, stall_in, stall_out, kind):
    """M, K and N leave something over in every direction, and K takes more than one tile."""
    depth = {"acc_depth": 12} if design is GemmWs else {}
    parameters = design(rows=rows, cols=cols, max_k=4096, **depth, **settings)
    random = np.random.default_rng([rows, cols, stall_in, stall_out])
    m, k, n = rows + 2, 2 * rows + 5, 2 * cols + 1
    a = operands(random, formats.get(parameters.a_format), (m, k), kind)
    w = operands(random, formats.get(parameters.w_format), (k, n), kind)
    product = multiply(
        emit(parameters, tmp_path).manifest,
        a,
        w,
        channels(random, parameters, k, n),
        workdir=tmp_path,
        stall_in=stall_in,
        stall_out=stall_out,
    )
    assert product.matches_golden
    assert len(np.unique(product.y)) > 1
    if not stall_in and not stall_out:
        assert product.ideal_cycles <= product.cycles <= product.cycle_bound
