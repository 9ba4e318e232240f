"""Cycles of the engines: the bounds that they promise, and a published model's."""

import numpy as np
import pytest
from brickwork import GemmOs, GemmScaled, GemmWs
from brickwork.gen.emission.emit import emit
from brickwork.gen.studies.cycles import PRODUCTS, folds
from brickwork.sim.designs import registry
from brickwork.sim.manifest import Manifest
from c_driver import random_product, random_scales
from products import multiply, plan


def scale_sim(design, rows, cols, m, k, n):
    """SCALE-Sim's "Total Cycles", by the formulas of its systolic_compute_ws.py and _os.py.

    Weight-stationary: 2R + C + T - 2 for each fold, with T = M; output-stationary: R + C + T - 2,
    with T = K; less one, because it prints the index of the last cycle.
    """
    fill, steps = {"gemm_ws": (2 * rows + cols, m), "gemm_os": (rows + cols, k)}[design]
    return folds(design, rows, cols, m, k, n) * (fill + steps - 2) - 1


def product(emission, m, k, n):
    rng = np.random.default_rng(m * k * n)
    a, w = rng.integers(-128, 128, (m, k)), rng.integers(-128, 128, (k, n))
    done = multiply(emission.manifest, a, w, workdir=emission.folder)
    assert done.matches_golden
    return done


@pytest.mark.parametrize("kind", [GemmWs, GemmOs])
@pytest.mark.parametrize(("rows", "cols"), [(4, 8), pytest.param(16, 16, marks=pytest.mark.slow)])
def test_bound_and_scale_sim(kind, rows, cols, tmp_path):
    emission = emit(kind(rows=rows, cols=cols), tmp_path)
    for m, k, n in PRODUCTS:
        done = product(emission, m, k, n)
        reference = scale_sim(kind.design(), rows, cols, m, k, n)
        case = f"{m}x{k}x{n}: {done.cycles} cycles, bound {done.formula}, SCALE-Sim {reference}"
        assert done.cycles <= done.cycle_bound, case
        assert done.cycles <= reference + 16, case
        if folds(kind.design(), rows, cols, m, k, n) >= 6:
            assert done.cycles < reference, case


def test_the_formulas_are_scale_sims():
    # Printed by SCALE-Sim 2.0.2 for these arrays and products.
    for rows, cols, ws, os in [
        (4, 4, [89, 415, 2099, 1583, 53], [59, 351, 1839, 623, 69]),
        (8, 4, [91, 271, 1249, 1519, 34], [37, 207, 999, 687, 53]),
        (16, 16, [50, 61, 467, 563, 62], [38, 45, 279, 251, 75]),
    ]:
        cases = [(5, 7, 9), (16, 16, 16), (32, 20, 40), (1, 64, 33), (17, 4, 8)]
        for design, printed in [("gemm_ws", ws), ("gemm_os", os)]:
            found = [scale_sim(design, rows, cols, m, k, n) for m, n, k in cases]
            assert found == printed


@pytest.mark.parametrize("kind", [GemmWs, pytest.param(GemmOs, marks=pytest.mark.slow)])
def test_utilization_of_a_large_product(kind, tmp_path):
    done = product(emit(kind(rows=16, cols=16), tmp_path), 512, 512, 512)
    assert done.utilization >= 0.995
    assert done.cycles <= done.cycle_bound


#: Cores with sums in binary32, of groups with scales or not.
FLOATS = {
    "fp32": GemmWs(rows=3, cols=5, acc_depth=9, arith="fp32", a_format="bf16", w_format="bf16"),
    "fp32-1x1": GemmWs(
        **{"rows": 1, "cols": 1, "acc_depth": 5, "pipeline": 0},
        **{"arith": "fp32", "a_format": "fp16", "w_format": "e4m3"},
    ),
    "os-fp32": GemmOs(rows=3, cols=4, max_k=64, arith="fp32", a_format="bf16", w_format="bf16"),
    "groups": GemmScaled(rows=4, cols=3, acc_depth=9, group=12),
    "groups-of-a-tile": GemmScaled(
        **{"rows": 9, "cols": 2, "group": 5, "acc_depth": 20, "output": "bf16"},
        **{"a_format": "e2m1", "w_format": "e2m1", "a_scale": "e4m3", "w_scale": "e4m3"},
    ),
    "groups-1x1": GemmScaled(rows=1, cols=1, acc_depth=3, group=4, a_format="int8", pipeline=0),
    "aligned": GemmScaled(rows=4, cols=5, acc_depth=9, group=8, a_format="bf16", align=12),
}


@pytest.mark.parametrize("name", FLOATS)
def test_cycles_of_float_sums(name, tmp_path):
    """As the plan says, for any shape, group and number of groups, the last of which is short."""
    emission = emit(FLOATS[name], tmp_path)
    manifest = Manifest.read(emission.manifest)
    rng = np.random.default_rng(5)
    depth = registry.model(manifest).depth
    limits = (2 * depth, 40, 2 * manifest.parameters["cols"])
    shapes = rng.integers(1, limits, (12, 3), endpoint=True).tolist()
    for m, k, n in [(1, 1, 1), *shapes]:
        a, w, _ = random_product(rng, manifest, m, k, n)
        scales = random_scales(rng, manifest, a, w)
        done = multiply(emission.manifest, a, w, scales=scales)
        assert done.matches_golden
        options = {} if scales is None else {"scales": scales}
        planned = plan(manifest, m, k, n, **options)
        assert done.cycles == planned.cycles <= planned.cycle_bound, (m, k, n, scales)


@pytest.mark.slow
def test_an_array_of_the_size_of_the_first_tpu(tmp_path):
    emission = emit(GemmWs(rows=256, cols=256), tmp_path)
    assert emission.verilog.stat().st_size < 400_000
    done = product(emission, 256, 256, 512)
    assert done.cycles <= done.cycle_bound
