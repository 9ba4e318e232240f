"""Alignment of the floats of a word: testbench, parameters, and the golden integers."""

from fractions import Fraction
from math import floor

import numpy as np
from brickwork.hdl.float.align import Align
from brickwork.sim.golden.float.align import aligned
from refusals import integers

CASES = {
    "3-bf16-to-12": (Align, dict(lanes=3, format="bf16", width=12)),
    "4-tf32-to-24": (Align, dict(lanes=4, format="tf32", width=24)),
    "1-fp16-to-8": (Align, dict(lanes=1, format="fp16", width=8)),
    "7-bf16-to-16": (Align, dict(lanes=7, format="bf16", width=16)),
}
SLOW = ("4-tf32-to-24", "7-bf16-to-16")

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "lanes", "Lane count", 1),
    *integers(GOOD, "width", "Aligned width", 8, 24),
    (
        GOOD,
        {"format": "int8"},
        ValueError,
        "Format must be a small float for sums in fp32, such as bf16, not 'int8'",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)


def test_golden_integers_against_fractions():
    random = np.random.default_rng(1)
    x = (random.normal(size=(40, 6)) * 2.0 ** random.integers(-20, 20, (40, 6))).astype(np.float32)
    integers, fields, unit = aligned(x, [slice(0, 4), slice(4, 6)], 12)
    assert unit == 2.0**-10
    for row in range(40):
        for number, terms in enumerate((range(4), range(4, 6))):
            scale = Fraction(2) ** int(fields[row, number] - 127)
            largest = max(abs(Fraction(float(x[row, k]))) for k in terms)
            assert scale <= largest < 2 * scale
            for k in terms:
                value = Fraction(float(x[row, k]))
                magnitude = floor(abs(value) / scale * 2**10)
                assert integers[row, k] == (magnitude if value > 0 else -magnitude)


def test_golden_zeros_and_special_values():
    x = np.array([[0.0, -0.0], [np.inf, 1], [np.nan, 1], [1e-40, 0]])
    integers, fields, _ = aligned(x, [slice(None)], 12)
    assert fields[:, 0].tolist() == [0, 255, 255, 0]
    assert not integers.any()
