"""Products in fixed point, codebooks, and fixed point itself, against scipy and fractions."""

from fractions import Fraction

import numpy as np
import pytest
from brickwork.sim.golden.sparse import cluster, distinct, eie, to_fixed
from scipy import sparse


@pytest.mark.parametrize("seed", range(200))
def test_against_scipy_and_fractions(seed):
    rng = np.random.default_rng(seed)
    outputs, inputs, batch = (int(size) for size in rng.integers(1, 30, 3))
    kept = rng.random((outputs, inputs)) < rng.random()
    indices = np.where(kept, rng.integers(1, 16, (outputs, inputs)), 0)
    codebook = np.concatenate([[0], rng.integers(-(2**15), 2**15, 15)])
    a = np.where(rng.random((batch, inputs)) < 0.5, rng.integers(-(2**15), 2**15), 0)
    shift, relu = int(rng.integers(0, 20)), bool(seed % 2)
    width = int(rng.integers(4, 33))
    sums = (sparse.csr_array(codebook[indices]) @ a.T).T
    expected = [round(Fraction(int(s), 1 << shift)) for s in sums.flat]
    low, high = 0 if relu else -(1 << (width - 1)), (1 << (width - 1)) - 1
    expected = np.reshape([min(max(value, low), high) for value in expected], sums.shape)
    options = {"shift": shift, "relu": relu, "act_width": width}
    assert np.array_equal(eie(indices, codebook, a, **options), expected)
    assert np.array_equal(eie(indices, codebook, a[0], **options), expected[0])


def test_ties_and_saturation():
    indices = np.ones((1, 1), int)
    for total, shift, y in [(5, 1, 2), (7, 1, 4), (-5, 1, -2), (-7, 1, -4), (3, 2, 1), (-3, 2, -1)]:
        assert eie(indices, [0, 1], [total], shift=shift, act_width=8) == [y]
    for total, y in [(127, 127), (128, 127), (-128, -128), (-129, -128)]:
        assert eie(indices, [0, 1], [total], act_width=8) == [y]
        assert eie(indices, [0, 1], [total], act_width=8, relu=True) == [max(0, y)]
    # Rounding comes before saturation.
    assert eie(indices, [0, 1], [255], shift=1, act_width=8) == [127]


def test_sums_wrap():
    assert eie([[1, 1]], [0, 100], [1, 1], acc_width=8, act_width=16) == [200 - 256]


@pytest.mark.parametrize(
    ("indices", "codebook", "a", "message"),
    [
        ([[1]], [1, 2], [1], "Codebook must be a list of weights, the first of them 0"),
        ([[2]], [0, 2], [1], "Indices must be from 0 to 1"),
        (
            [[1]],
            [0, 2],
            [1, 2],
            "Activations must have the shape (inputs,) or (batch, inputs) for indices of the shape "
            "(1, 1), not (2,)",
        ),
    ],
)
def test_refused(indices, codebook, a, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        eie(indices, codebook, a)
    assert str(caught.value) == message


class TestCodebooks:
    @pytest.mark.parametrize("find", [distinct, cluster])
    @pytest.mark.parametrize("type_", [np.int64, np.int8, np.uint8, np.float32])
    def test_few_values_are_kept(self, find, type_):
        weights = np.random.default_rng(1).integers(0, 16, (20, 30)).astype(type_)
        indices, codebook = find(weights, 4)
        assert indices.dtype == np.uint8
        assert len(codebook) == 16
        assert codebook.dtype == type_
        assert np.array_equal(codebook[indices], weights)

    def test_nothing_but_zeros(self):
        for find in (distinct, cluster):
            indices, codebook = find(np.zeros((2, 3)), 4)
            assert not indices.any()
            assert codebook.tolist() == [0]

    def test_k_means(self):
        """Every centre is the mean of its weights, and every weight is with the nearest centre."""
        rng = np.random.default_rng(2)
        weights = np.where(rng.random((200, 100)) < 0.1, rng.normal(size=(200, 100)), 0)
        indices, codebook = cluster(weights, 4)
        assert np.array_equal(indices == 0, weights == 0)
        assert (np.diff(codebook[1:]) > 0).all()
        for index in range(1, 16):
            mean = weights[indices == index].mean()
            np.testing.assert_allclose(codebook[index], mean, rtol=1e-9, atol=1e-12)
        distances = np.abs(weights - codebook[indices])[weights != 0]
        nearest = np.abs(weights[weights != 0][:, None] - codebook[None, 1:]).min(axis=1)
        np.testing.assert_allclose(distances, nearest, rtol=1e-12)
        assert np.array_equal(cluster(weights, 4)[1], codebook)

    def test_clusters_that_are_far_apart(self):
        """Three groups for three centres, among which k-means must find the groups."""
        weights = np.array([1.0, 1.25, 1.5, 5.0, 5.25, 9.0, 9.5])
        indices, codebook = cluster(weights, 2)
        assert indices.tolist() == [1, 1, 1, 2, 2, 3, 3]
        assert codebook.tolist() == [0, 1.25, 5.125, 9.25]

    @pytest.mark.parametrize("find", [distinct, cluster])
    def test_refused(self, find):
        with pytest.raises(ValueError, match=r"^Weights must be finite, not inf$"):
            find([1.0, np.inf], 4)
        with pytest.raises(TypeError, match=r"^Weights must be numbers, not complex128$"):
            find([1j], 4)

    def test_too_many(self):
        message = (
            "^Weights must have at most 15 distinct values besides 0 for indices of 4 bits, not 16$"
        )
        with pytest.raises(ValueError, match=message):
            distinct(np.arange(17), 4)


class TestFixedPoint:
    @pytest.mark.parametrize(
        ("numbers", "integers", "fraction"),
        [
            ([3, -32768, 32767], [3, -32768, 32767], 0),
            ([3.0, -4.0], [3, -4], 0),
            ([0.5, -1.25], [2, -5], 2),
            ([0.0], [0], 0),
            ([65536.0], [16384], -2),
            ([1 / 3], [21845], 16),
            ([32767.5], [16384], -1),  # rounds to 2^15 with fraction 0
        ],
    )
    def test_values(self, numbers, integers, fraction):
        actual, shift = to_fixed(np.array(numbers), 16, "W")
        assert (actual.tolist(), shift) == (integers, fraction)

    @pytest.mark.parametrize("seed", range(50))
    def test_nearest(self, seed):
        rng = np.random.default_rng(seed)
        numbers = rng.normal(size=40) * 2.0 ** rng.integers(-30, 30)
        actual, fraction = to_fixed(numbers, 12, "W")
        assert np.abs(actual).max() < 2048
        assert np.abs(actual).max() >= 1023  # no bit is left unused
        expected = [round(Fraction(float(x)) * Fraction(2) ** fraction) for x in numbers]
        assert actual.tolist() == expected

    def test_refused(self):
        with pytest.raises(ValueError, match=r"^W must fit 4 bits, not be 8$"):
            to_fixed(np.array([7, 8]), 4, "W")


@pytest.mark.parametrize("power", [-900, 900])
def test_clusters_of_any_magnitude(power):
    weights = np.random.default_rng(5).normal(size=200)
    indices, codebook = cluster(weights, 3)
    with np.errstate(all="raise", under="ignore"):
        scaled, scaled_book = cluster(np.ldexp(weights, power), 3)
    assert np.array_equal(scaled, indices)
    assert np.array_equal(np.ldexp(scaled_book, -power), codebook)
