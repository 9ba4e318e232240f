"""Products whose weights have outliers: bit for bit, in exactly the cycles of the formula."""

import numpy as np
import pytest
from brickwork import GemmOutlier, GemmWs
from brickwork.gen.emission.emit import emit
from brickwork.sim.designs._outlier_tiles import OutlierTiles
from brickwork.sim.manifest import Manifest
from brickwork.sim.verilator.jobs import run_job
from products import job as job_of
from products import multiply
from products import plan as job_plan


def weights(random, k, n, share):
    """int8, with that share of weights outside int4."""
    w = random.integers(-8, 8, (k, n))
    outliers = np.where(random.random((k, n)) < 0.5, -1, 1) * random.integers(9, 129, (k, n))
    return np.where(random.random((k, n)) < share, np.clip(outliers, -128, 127), w)


ENGINES = [
    pytest.param(dict(rows=12, cols=5, group_lanes=4), 6, id="4-lanes"),
    pytest.param(
        dict(rows=44, cols=3, group_lanes=16, outlier_rows=2), 60, marks=pytest.mark.slow, id="2"
    ),
    pytest.param(dict(rows=12, cols=5, group_lanes=4), 100, marks=pytest.mark.slow, id="many"),
]


@pytest.mark.parametrize(("settings", "count"), ENGINES)
def test_random_shapes(tmp_path, settings, count):
    """No outliers, some, and nothing else; every other product is stalled."""
    path = emit(GemmOutlier(**settings, acc_depth=9, max_k=4096), tmp_path).manifest
    manifest, random = Manifest.read(path), np.random.default_rng(count)
    for index in range(count):
        for share in (0, 0.02, 0.2, 1):
            m, k, n = random.integers(1, (20, 60, 12))
            a, w = random.integers(-128, 128, (m, k)), weights(random, k, n, share)
            job = job_of(manifest, a, w)
            stalls = {"stall_in": 30, "stall_out": 40, "seed": index} if index % 2 else {}
            result = run_job(path, job, **stalls)
            assert result.matches_golden
            assert (result.y == a @ w).all()
            assert stalls or result.cycles == job.cycles


@pytest.mark.parametrize("value", [-128, -9, 8, 119, 120, 127])
def test_all_outliers(tmp_path, value):
    """Weights that are all outliers, at the limits of both digits: 120 is 16 · 8 - 8."""
    path = emit(GemmOutlier(rows=12, cols=3, group_lanes=4, acc_depth=4), tmp_path).manifest
    a = np.random.default_rng(1).integers(-128, 128, (3, 9))
    product = multiply(path, a, np.full((9, 4), value), workdir=tmp_path)
    assert (product.y == a.sum(axis=1)[:, None] * value).all()


@pytest.mark.parametrize("count", [0, 1, 2, 16])
@pytest.mark.parametrize("rows", [1, 2])
def test_outliers_of_a_group(count, rows):
    """Outliers at both ends of a group's terms; those without a row take groups of their own."""
    w = np.ones((16, 1), np.int64)
    w[[0, 15, *range(1, 15)][:count]] = 100
    tiles = OutlierTiles.arrange(w, np.arange(16), bits=4, groups=1, lanes=16, rows=rows)
    assert tiles.count == max(1, -(-count // rows))
    assert sorted(tiles.terms[0, 0]) == list(range(16))
    total = np.zeros_like(w)
    for tile in range(tiles.count):
        terms = tiles.terms[tile, 0]
        np.add.at(total, terms[terms >= 0], tiles.dense[tile, 0][terms >= 0])
        for row in range(rows):
            digit, lane = tiles.outliers[tile, 0, row], tiles.lanes[tile, 0, row]
            total[terms[lane]] += 16 * digit
    assert (total == w).all()


@pytest.mark.parametrize(("share", "most"), [(0.01, 1), (0.03, 1), (0.05, 1.02)])
def test_cycles(tmp_path, share, most):
    """With terms in any order few outliers lack a row."""
    manifest = Manifest.read(emit(GemmOutlier(cols=16), tmp_path).manifest)
    w = weights(np.random.default_rng(5), 1024, 64, share)
    a = np.ones((64, 1024), np.int64)
    cycles = job_of(manifest, a, w).cycles
    assert cycles <= most * job_plan(manifest, 64, 1024, 64, outliers="0%").cycles


def test_as_many_cycles_as_dense_weights(tmp_path):
    """A tile of as many rows of A; the sums pass one register in place of 16."""
    manifest = Manifest.read(emit(GemmOutlier(cols=16), tmp_path).manifest)
    dense = Manifest.read(emit(GemmWs(rows=16, cols=16), tmp_path).manifest)
    shape = 64, 1024, 64
    cycles = job_plan(manifest, *shape, outliers="1%").cycles
    assert abs(cycles - job_plan(dense, *shape).cycles) < 32


def test_wrong_share(tmp_path):
    manifest = Manifest.read(emit(GemmOutlier(), tmp_path).manifest)
    message = r"^Mode outliers must be a share from 0% to 100%, such as 1%, not 'few'$"
    with pytest.raises(ValueError, match=message):
        job_plan(manifest, 1, 1, 1, outliers="few")
    with pytest.raises(ValueError, match=message):
        job_of(manifest, np.ones((1, 1), int), np.ones((1, 1), int), outliers="few")
