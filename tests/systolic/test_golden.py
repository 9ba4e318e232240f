"""Golden models of parts of the arrays, against numpy's own integers and worked examples."""

import numpy as np
import pytest
from brickwork.sim.golden.gemm import gemm
from brickwork.sim.golden.output.accumulator import accumulator
from brickwork.sim.golden.output.output_channel import output_channel
from brickwork.sim.golden.overflow import limit
from brickwork.sim.golden.systolic.mesh_ws import mesh_ws
from brickwork.sim.golden.systolic.pe_os import pe_os
from brickwork.sim.golden.systolic.pe_ws import held, pe_ws

VALUES = np.array([v + d for v in (-(1 << 40), -32768, -128, 0, 127, 32767) for d in (-1, 0, 1)])


@pytest.mark.parametrize("width", [8, 16, 32])
def test_limit_is_what_numpy_does(width):
    type_ = np.dtype(f"int{width}")
    limits = np.iinfo(type_)
    assert (limit(VALUES, width, "wrap") == VALUES.astype(type_)).all()
    assert (limit(VALUES, width, "saturate") == np.clip(VALUES, limits.min, limits.max)).all()
    for value in VALUES.tolist():
        assert limit(value, width, "wrap") == np.array(value).astype(type_)
        assert limit(value, width, "saturate") == min(max(value, limits.min), limits.max)


def test_limit_of_64_bits_is_exact():
    assert limit(1 << 63, 64, "wrap") == -(1 << 63)
    assert limit(1 << 63, 64, "saturate") == (1 << 63) - 1
    assert limit(-(1 << 63) - 1, 64, "wrap") == (1 << 63) - 1


def test_accumulator():
    visits = [(True, 0, 5), (True, 1, -7), (False, 0, 4), (False, 1, -7), (True, 0, 1)]
    wrapped = accumulator(visits, acc_width=4, overflow="wrap")
    assert wrapped == [5, -7, -7, 2, 1]
    assert accumulator(visits, acc_width=4, overflow="saturate") == [5, -7, 7, -8, 1]


def test_channel():
    values = {"bias": 1, "shift": 1, "zero_point": 10, "low": -100, "high": 12}
    assert output_channel([0, 1, 2, 4, 9], {"bias": -3}, "bias", "exact") == [-3, -2, -1, 1, 6]
    assert output_channel([0, 1, 2, 4, 9], values, "shift", "exact") == [10, 11, 12, 12, 12]
    assert output_channel([0, 1, 2, -9], values | {"multiplier": 3}, "scale", "exact") == [
        12,
        12,
        12,
        -2,
    ]


def test_mesh_ws_multiplies():
    random = np.random.default_rng(1)
    acts, weights = random.integers(-8, 8, (9, 3)), random.integers(-8, 8, (3, 5))
    psums = mesh_ws(acts, np.broadcast_to(weights, (9, 3, 5)), psum_width=20)
    assert (psums == acts @ weights).all()


def test_held():
    assert held(np.array([4, 5, 6, 7, 8]), np.array([0, 1, 0, 1, 0])).tolist() == [0, 0, 5, 5, 7]


@pytest.mark.parametrize("pipeline", [0, 1, 2])
def test_pe_ws(pipeline):
    """Weight 3 is moved in cycle 0, put into use in cycle 1, and replaced by 5 in cycle 3."""
    acts = np.arange(10, 22)
    shift, swap, weights = np.zeros((3, 12), int)
    shift[[0, 2]] = swap[[1, 3]] = 1
    weights[[0, 2]] = 3, 5
    psums = np.full(12, 100)
    shadow, sums = pe_ws(acts, shift, swap, weights, psums, psum_width=16, pipeline=pipeline)
    assert shadow.tolist() == [0, 3, 3] + [5] * 9
    first, second = (1, 3) if pipeline == 2 else (2, 4)
    for cycle in range(first, 12 - pipeline - 1):
        weight = 3 if cycle < second else 5
        assert sums[cycle + pipeline + 1] == 100 + acts[cycle] * weight


@pytest.mark.parametrize("pipeline", [0, 1, 2])
@pytest.mark.parametrize("overflow", ["wrap", "saturate"])
def test_pe_os_is_a_product(pipeline, overflow):
    random = np.random.default_rng(2)
    a, w = random.integers(-8, 8, (2, 40))
    first, done = np.zeros((2, 40), int)
    first[[pipeline, 7 + pipeline, 9 + pipeline]] = 1
    done[[7 + pipeline, 9 + pipeline, 33 + pipeline]] = 1
    limits = {"acc_width": 8, "overflow": overflow}
    sums = pe_os(a, w, first, done, **limits, pipeline=pipeline)
    for start, stop in ((0, 7), (7, 9), (9, 33)):
        product = gemm(a[None, start:stop], w[start:stop, None], **limits, terms_per_step=1)
        assert sums[stop + pipeline] == product[0, 0]
    assert not sums[done == 0].any()
