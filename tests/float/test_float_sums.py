"""Products with sums in binary32: against float32 of numpy, and the promised cycles."""

import itertools

import numpy as np
import pytest
from brickwork import GemmOs, GemmWs
from brickwork.gen.emission.emit import emit
from brickwork.sim.manifest import Manifest
from products import multiply
from products import plan as plan_of

BF16 = dict(arith="fp32", a_format="bf16", w_format="bf16")
#: Rows and columns of the arrays; tiles that are short, and more tiles than one.
ARRAYS = [(3, 5), (1, 4)]
SHAPES = [(1, 1, 1), (2, 7, 3), (9, 3, 10), (13, 20, 11), (19, 2, 6)]


def bf16_codes(random, shape):
    """Numbers near 1 whose sums cancel."""
    numbers = random.normal(size=shape) * 2.0 ** random.integers(-4, 5, shape)
    return (numbers.astype(np.float32).view(np.uint32) >> 16).astype(np.int64)


def floats(codes):
    return (codes << 16).astype(np.uint32).view(np.float32)


def in_order(a, w, terms):
    """Sums of ``terms`` products from +0 on, and their sum; without subnormal numbers."""
    total = np.zeros((len(a), w.shape[1]), np.float32)
    for first in range(0, len(w), terms):
        tile = np.zeros_like(total)
        for k in range(first, min(first + terms, len(w))):
            tile = tile + np.multiply.outer(a[:, k], w[k])
        total = total + tile
    return total


def product(emission, folder, shape, **stalls):
    m, k, n = shape
    random = np.random.default_rng(shape)
    a, w = bf16_codes(random, (m, k)), bf16_codes(random, (k, n))
    done = multiply(emission.manifest, a, w, workdir=folder, **stalls)
    assert done.matches_golden
    return floats(a), floats(w), done


@pytest.mark.parametrize(
    ("design", "rows", "cols"),
    [
        pytest.param(
            design,
            *array,
            id=f"{design.design()}-{array[0]}x{array[1]}",
            marks=pytest.mark.slow if array == (1, 4) else (),
        )
        for design, array in itertools.product((GemmWs, GemmOs), ARRAYS)
    ],
)
def test_sums_and_cycles(design, rows, cols, tmp_path):
    depth = {"acc_depth": 12} if design is GemmWs else {}
    emission = emit(design(rows=rows, cols=cols, **depth, **BF16), tmp_path)
    for shape in SHAPES:
        a, w, done = product(emission, tmp_path, shape)
        plan = plan_of(Manifest.read(emission.manifest), *shape)
        assert done.cycles == plan.cycles <= plan.cycle_bound
        expected = in_order(a, w, rows if design is GemmWs else shape[1])
        np.testing.assert_array_equal(
            done.y.astype(np.uint32).view(np.float32), expected, strict=True
        )
        stalled = product(emission, tmp_path, shape, stall_in=40, stall_out=30)[2]
        np.testing.assert_array_equal(stalled.y, done.y)


def test_output_stationary_sums_do_not_depend_on_the_array(tmp_path):
    results = []
    for rows, cols in ((1, 2), (2, 3)):
        folder = tmp_path / f"{rows}x{cols}"
        emission = emit(GemmOs(rows=rows, cols=cols, **BF16), folder)
        results.append(product(emission, folder, (8, 30, 7))[2].y)
    np.testing.assert_array_equal(*results)


def test_a_term_takes_a_cycle_for_each_of_three_rows(tmp_path):
    """An output tile of three times as many rows as the array fills it."""
    emission = emit(GemmOs(rows=4, cols=4, **BF16), tmp_path)
    full = product(emission, tmp_path, (36, 300, 12))[2]
    assert full.utilization > 0.97
    few = product(emission, tmp_path, (4, 300, 4))[2]
    assert 3 * 300 < few.cycles < 3 * 300 + 60
