"""Several products in one simulation."""

import re

import numpy as np
import pytest
from brickwork import GemmFusion, GemmOs, GemmWs
from brickwork.gen.emission.emit import emit
from brickwork.sim.designs._gemm import QuantParams
from brickwork.sim.designs.gemm_ws import WeightStationaryJob
from brickwork.sim.manifest import Manifest
from brickwork.sim.verilator.core import CycleLimitError
from brickwork.sim.verilator.jobs import run_job, run_jobs
from products import job as job_of


def alone(manifest, jobs):
    """Each job by itself."""
    return [run_job(manifest, job) for job in jobs]


def qparams(rng, n):
    ones = np.ones(n, np.int64)
    return QuantParams(
        bias=rng.integers(-5000, 5000, n),
        multiplier=rng.integers(1 << 23, 1 << 24, n),
        shift=rng.integers(30, 34, n),
        zero_point=3 * ones,
        low=-100 * ones,
        high=100 * ones,
    )


@pytest.fixture
def scaled(tmp_path):
    """An engine with values for each column, and products of different sizes."""
    emission = emit(GemmWs(rows=3, cols=5, output="scale", acc_depth=8), tmp_path)
    rng = np.random.default_rng(1)
    products = [
        job_of(
            emission.manifest,
            rng.integers(-128, 128, (m, k)),
            rng.integers(-128, 128, (k, n)),
            qparams(rng, n),
        )
        for m, k, n in [(17, 10, 11), (1, 1, 1), (4, 3, 12)]
    ]
    return emission.manifest, products


def test_each_is_what_it_is_by_itself(scaled, tmp_path):
    manifest, products = scaled
    chain = run_jobs(manifest, products)
    each = alone(manifest, products)
    assert chain.matches_golden == [True] * 3
    for y, one in zip(chain.y, each, strict=True):
        assert y.dtype == np.int64
        assert np.array_equal(y, one.y)
    assert max(one.cycles for one in each) < chain.cycles < sum(one.cycles for one in each)
    assert chain.simulation_seconds > 0


def test_one_alone(scaled, tmp_path):
    manifest, products = scaled
    (one,) = alone(manifest, products[:1])
    assert run_jobs(manifest, products[:1]).cycles == one.cycles


def test_flags_of_special_results(tmp_path):
    parameters = GemmOs(rows=2, cols=3, a_format="e4m3", w_format="e4m3", nan_inf="flag")
    manifest = emit(parameters, tmp_path).manifest
    rng = np.random.default_rng(2)
    products = [
        job_of(manifest, rng.integers(0, 127, (m, k)), rng.integers(0, 127, (k, n)))
        for m, k, n in [(5, 4, 3), (2, 3, 4), (1, 6, 2)]
    ]
    products[1].a[1, 2] = 127
    chain = run_jobs(manifest, products)
    assert chain.matches_golden == [True] * 3
    each = alone(manifest, products)
    assert [bool(one.flags.any()) for one in each] == [False, True, False]
    for y, one in zip(chain.y, each, strict=True):
        assert np.array_equal(y, one.y)


def test_modes(tmp_path):
    """One after the other; without a cycle between equal modes, and else no more than promised."""
    manifest = emit(GemmFusion(rows=4, cols=4), tmp_path).manifest
    rng = np.random.default_rng(3)

    def factors(a_bits, w_bits):
        a = rng.integers(0, 1 << a_bits, (9, 40))
        w = rng.integers(-(1 << (w_bits - 1)), 1 << (w_bits - 1), (40, 6))
        return job_of(manifest, a, w, a_bits=a_bits, a_signed=0, w_bits=w_bits)

    promised = Manifest.read(manifest).timing["mode_switch"]
    for bits in [((8, 8), (8, 8)), ((8, 8), (4, 2)), ((2, 4), (4, 2)), ((16, 8), (2, 2))]:
        products = [factors(*one) for one in bits]
        chain = run_jobs(manifest, products)
        assert chain.matches_golden == [True] * 2
        first, second = alone(manifest, products)
        # The second one's rows of activations: tiles of 4 · 64 / (bits · bits) terms, two of N.
        rows = 9 * -(-40 * bits[1][0] * bits[1][1] // (4 * 64)) * 2
        assert second.cycles > rows
        between = chain.cycles - first.cycles - rows
        assert 0 <= between <= promised * (bits[0] != bits[1])


def test_wrong_results_are_told_apart(scaled, monkeypatch):
    manifest, products = scaled
    golden = WeightStationaryJob._golden
    monkeypatch.setattr(WeightStationaryJob, "_golden", lambda job: golden(job) + (len(job.a) == 1))
    assert run_jobs(manifest, products).matches_golden == [True, False, True]


def test_limit(scaled):
    with pytest.raises(CycleLimitError, match=r"^gemm_ws: Not done after 30 cycles; words "):
        run_jobs(*scaled, limit=30)


def test_no_products(scaled):
    message = "Jobs must be at least one, not none"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        run_jobs(scaled[0], [])
