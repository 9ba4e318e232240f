"""The PE for weights that are indices of centroids: testbench, parameters, and the centroids."""

import numpy as np
import pytest
from brickwork.hdl.sparse.pe_centroid import PeCentroid
from brickwork.sim.golden.sparse.pe_centroid import centroids_of
from refusals import integers

CASES = {
    "8 bins": (PeCentroid, dict(a_format="int8", w_format="int8", bins=8, max_k=100)),
    "3 bins": (PeCentroid, dict(a_format="uint4", w_format="int6", bins=3, max_k=5)),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "bins", "Bin count", 2, 16),
    *integers(GOOD, "max_k", "Largest K", 1, 1 << 24),
    *(
        (
            GOOD,
            {f"{side}_format": "flint4"},
            ValueError,
            f"{noun} format must be int<N> or uint<N> with N from 2 to 16, not 'flint4'",
        )
        for side, noun in (("a", "Activation"), ("w", "Weight"))
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)


def test_centroids():
    """Numbers around a few values are these, and the farthest are outliers."""
    random = np.random.default_rng(1)
    values = np.array([-3.0, -1, 0.5, 4])
    bins = random.integers(0, 4, (50, 40))
    x = values[bins] + random.normal(0, 0.01, bins.shape)
    x[3, 4], x[10, 0] = 90, -70
    centroids, nearest, outlier = centroids_of(x, 4, 2 / x.size)
    assert centroids == pytest.approx(values, abs=0.01)
    assert np.argwhere(outlier).tolist() == [[3, 4], [10, 0]]
    assert (nearest == bins)[~outlier].all()


def test_centroids_of_equal_numbers():
    centroids, nearest, outlier = centroids_of(np.full(20, 7.0), 8)
    assert (centroids[nearest] == 7).all()
    assert not outlier.any()
