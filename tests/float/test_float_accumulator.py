"""Accumulators in binary32 and banks of them: testbench, and parameters that they refuse."""

from brickwork.hdl.float.float_accumulator import FloatAccumulator, FloatAccumulatorBank
from refusals import integers

CASES = {
    "bank-of-3": (FloatAccumulatorBank, dict(lanes=3, depth=7)),
    "one-row": (FloatAccumulator, dict(depth=1)),
    "6-rows": (FloatAccumulator, dict(depth=6)),
    "64-rows": (FloatAccumulator, dict(depth=64)),
    "bank-of-2-one-row": (FloatAccumulatorBank, dict(lanes=2, depth=1)),
}
SLOW = ("6-rows",)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "lanes", "Lane count", 1),
    *integers(GOOD, "depth", "Accumulator depth", 1),
    *integers(CASES["one-row"], "depth", "Accumulator depth", 1),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
