"""Products with N:M-sparse weights: bit for bit, in exactly the cycles of the formula."""

import re

import numpy as np
import pytest
from brickwork import GemmNm, GemmWs
from brickwork.gen.emission.emit import emit
from brickwork.gen.lib.pruning import prune_pattern
from brickwork.sim.golden.sparse.nm import Pattern
from brickwork.sim.manifest import Manifest
from brickwork.sim.verilator.jobs import run_job, run_jobs
from products import job as job_of
from products import multiply
from products import plan as job_plan

# Netlists, each with the patterns that it runs.
NETLISTS = {
    "2-of-4": (dict(rows=6, cols=5), ["1:1", "2:4", "1:2", "1:4"]),
    "2-of-4-skew": (dict(rows=6, cols=5, group_sum="skew"), ["1:1", "2:4", "1:2", "1:4"]),
    "1-of-4": (dict(rows=3, cols=4, group_rows=1), ["1:1", "1:4", "1:3"]),
    "2-of-8": (dict(rows=4, cols=3, group_lanes=8), ["1:1", "2:4", "1:4", "2:8", "2:7"]),
    "4-of-8-skew": (
        dict(rows=8, cols=2, group_rows=4, group_lanes=8, group_sum="skew"),
        ["1:1", "2:4", "4:8", "1:2", "3:5"],
    ),
}
ENGINES = [
    *(pytest.param(*NETLISTS[name], 5, id=name) for name in ("2-of-4-skew", "2-of-8")),
    *(
        pytest.param(*netlist, 100, id=f"{name}-many", marks=pytest.mark.slow)
        for name, netlist in NETLISTS.items()
    ),
]


def operands(random, shape, pattern):
    m, k, n = shape
    a = random.integers(-128, 128, (m, k))
    return a, prune_pattern(random.integers(-128, 128, (k, n)), Pattern.parse(pattern))


@pytest.mark.parametrize(("settings", "patterns", "count"), ENGINES)
def test_random_shapes(tmp_path, settings, patterns, count):
    """Each pattern by its name, and as the weights show it; every other product is stalled."""
    path = emit(GemmNm(**settings, acc_depth=9, max_k=4096), tmp_path).manifest
    manifest, random = Manifest.read(path), np.random.default_rng(count)
    for index in range(count):
        for pattern in patterns:
            a, w = operands(random, random.integers(1, (20, 60, 12)), pattern)
            modes = {"pattern": pattern} if random.random() < 0.5 else {}
            job = job_of(manifest, a, w, **modes)
            stalls = {"stall_in": 30, "stall_out": 40, "seed": index} if index % 2 else {}
            result = run_job(path, job, **stalls)
            assert result.matches_golden
            assert (result.y == a @ w).all()
            assert stalls or result.cycles == job.cycles


def test_patterns_change_between_products(tmp_path):
    """Products of all patterns behind each other, in one simulation."""
    path = emit(GemmNm(rows=4, cols=3, acc_depth=8), tmp_path).manifest
    random, manifest = np.random.default_rng(3), Manifest.read(path)
    jobs = []
    for pattern in random.permutation(["1:1", "2:4", "1:4"] * 4):
        jobs.append(job_of(manifest, *operands(random, (8, 22, 7), pattern), pattern=pattern))
    chain = run_jobs(path, jobs)
    assert all(chain.matches_golden)


@pytest.mark.parametrize("group_sum", ["skew", "tree"])
def test_dense_weights_as_on_the_dense_engine(tmp_path, group_sum):
    """The same words of results in the same cycles; the tree saves a cycle for each row less."""
    shape = dict(rows=6, cols=4, acc_depth=10)
    dense = emit(GemmWs(**shape), tmp_path).manifest
    sparse = emit(GemmNm(**shape, group_sum=group_sum), tmp_path).manifest
    random = np.random.default_rng(4)
    for m, k, n in ((1, 1, 1), (9, 40, 9), (25, 13, 4)):
        a, w = random.integers(-128, 128, (m, k)), random.integers(1, 128, (k, n))
        expected = multiply(dense, a, w, workdir=tmp_path)
        product = multiply(sparse, a, w, workdir=tmp_path)
        assert (product.y == expected.y).all()
        assert product.cycles == expected.cycles - (3 if group_sum == "tree" else 0)


@pytest.mark.parametrize(
    ("settings", "pattern", "speedup"),
    [({}, "2:4", 2.0), ({"group_rows": 1}, "1:4", 4.0), ({"group_lanes": 8}, "2:8", 4.0)],
)
def test_speedup_over_dense_weights(tmp_path, settings, pattern, speedup):
    """By the formula, which the products above confirm: as many tiles fewer as zeros."""
    core = GemmNm(rows=16, cols=16, **settings)
    manifest = Manifest.read(emit(core, tmp_path).manifest)
    cycles = [job_plan(manifest, 49, 4608, 512, pattern=each).cycles for each in ("1:1", pattern)]
    assert cycles[0] / cycles[1] == pytest.approx(speedup, rel=0.002)


def test_block_with_too_many_weights(tmp_path):
    manifest = Manifest.read(emit(GemmNm(rows=4, cols=3), tmp_path).manifest)
    w = prune_pattern(np.arange(1, 31).reshape(10, 3), Pattern(2, 4))
    w[5, 1] = 1
    message = (
        "W must have at most 2 non-zeros in 4 terms of K (2:4), not 3 in rows 4 to 7 of column 1"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        job_of(manifest, np.ones((1, 10), int), w, pattern="2:4")


@pytest.mark.parametrize("pattern", ["4:8", "3:4", "1:8"])
def test_pattern_that_does_not_fit_the_groups(tmp_path, pattern):
    manifest = Manifest.read(emit(GemmNm(rows=4, cols=3), tmp_path).manifest)
    message = f"Mode pattern must fit 2 rows and 4 lanes of a group, not be {pattern}"
    with pytest.raises(ValueError, match=f"^{message}$"):
        job_plan(manifest, 1, 1, 1, pattern=pattern)
