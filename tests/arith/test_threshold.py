"""Thresholds in the place of batch normalization and sign."""

import re
from decimal import Decimal, localcontext

import numpy as np
import pytest
from brickwork.sim.golden.arith.threshold import batch_norm_thresholds


def sign(s, gamma, beta, mean, var, eps, unit=1.0):
    """Whether the normalized sum is at least 0, in 80 decimal digits."""
    with localcontext() as context:
        context.prec = 80
        gamma, beta, mean, var, eps, unit = map(Decimal, (gamma, beta, mean, var, eps, unit))
        return int(gamma * (unit * s - mean) / (var + eps).sqrt() + beta >= 0)


@pytest.mark.parametrize("unit", [1.0, 0.037])
def test_signs_of_batch_normalization(unit):
    """Next to the threshold, and far from it."""
    random = np.random.default_rng(1)
    gamma, beta, mean = random.normal(size=(3, 200)) * [[1], [3], [40]]
    var = random.uniform(0, 900, 200)
    thresholds, flips = batch_norm_thresholds(gamma, beta, mean, var, 1e-3, unit=unit)
    assert set(flips) == {0, 1}
    for channel, (threshold, flip) in enumerate(zip(thresholds, flips, strict=True)):
        values = [float(each[channel]) for each in (gamma, beta, mean, var)]
        for s in (-100_000, threshold - 1, threshold, threshold + 1, 100_000):
            expected = sign(int(s), *values, 1e-3, unit)
            assert int((s >= threshold) != flip) == expected


def test_exact_ties():
    """Sums whose normalized value is 0: 2 · (s - 7) / 4 + beta."""
    for gamma, beta, threshold, flip in [
        (2, 0, 7, 0),
        (2, -1, 9, 0),
        (2, -1.25, 10, 0),
        (-2, 0, 8, 1),
        (-2, 1, 10, 1),
        (-2, 1.25, 10, 1),
        (-2, -1, 6, 1),
    ]:
        found = batch_norm_thresholds([gamma], [beta], [7], [15], 1)
        assert [int(each[0]) for each in found] == [threshold, flip]


def test_gamma_of_zero():
    thresholds, flips = batch_norm_thresholds([0, 0, 0], [1, 0, -1], [5] * 3, [1] * 3)
    assert thresholds.tolist() == [-(1 << 63)] * 3
    assert flips.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (
            ([1, 2], [1], [1], [1]),
            {},
            "Gamma, beta, mean and var must have one length, not the shapes (2,), (1,), (1,), (1,)",
        ),
        (([np.nan], [1], [1], [1]), {}, "Gamma, beta, mean, var and eps must be finite"),
        (([1], [1], [1], [-1]), {"eps": 0.5}, "Var + eps must be positive, not -0.5"),
        (([1], [1], [1], [1]), {"unit": 0}, "Unit must be a positive number, not 0"),
        (([1e-30], [1], [1], [1]), {}, "Threshold must fit 63 bits"),
    ],
)
def test_refuses(arguments, options, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        batch_norm_thresholds(*arguments, **options)
