"""Accumulators and banks of them: testbench, and wrong parameters."""

from brickwork.hdl.output.accumulator import Accumulator, AccumulatorBank
from refusals import choices, integers

CASES = {
    "bank-of-3-revisit-2": (
        AccumulatorBank,
        dict(lanes=3, psum_width=9, acc_width=12, overflow="saturate", depth=5, revisit=2),
    ),
    "revisit-1": (
        Accumulator,
        dict(psum_width=9, acc_width=11, overflow="saturate", depth=5, revisit=1),
    ),
    "revisit-3-wrap": (
        Accumulator,
        dict(psum_width=9, acc_width=11, overflow="wrap", depth=6, revisit=3),
    ),
    "revisit-4": (
        Accumulator,
        dict(psum_width=12, acc_width=12, overflow="wrap", depth=16, revisit=4),
    ),
    "one-row-narrow": (
        Accumulator,
        dict(psum_width=9, acc_width=7, overflow="saturate", depth=1, revisit=1),
    ),
    "64-bits": (
        Accumulator,
        dict(psum_width=17, acc_width=64, overflow="saturate", depth=3, revisit=2),
    ),
    "bank-of-1-revisit-5": (
        AccumulatorBank,
        dict(lanes=1, psum_width=8, acc_width=16, overflow="wrap", depth=100, revisit=5),
    ),
    "bank-of-4-revisit-1": (
        AccumulatorBank,
        dict(lanes=4, psum_width=6, acc_width=6, overflow="saturate", depth=2, revisit=1),
    ),
}
#: What these have, others have, too: each two values of parameters together.
SLOW = ("revisit-1", "revisit-4", "bank-of-1-revisit-5", "bank-of-4-revisit-1")

GOOD = next(iter(CASES.values()))
ONE = CASES["revisit-1"]
WRONG = [
    *integers(GOOD, "lanes", "Lane count", 1),
    (GOOD, {"depth": "4"}, TypeError, "Accumulator depth must be a positive integer, not '4'"),
    *integers(ONE, "psum_width", "Partial sum width", 2),
    *integers(ONE, "acc_width", "Accumulator width", 2, 128),
    *choices(ONE, "overflow", "Overflow", "'wrap' or 'saturate'"),
    *integers(ONE, "depth", "Accumulator depth", 1),
    *integers(ONE, "revisit", "Revisit distance", 1),
    (
        ONE,
        {"overflow": "wrap", "acc_width": 8},
        ValueError,
        "Partial sum width 9 is more than the accumulator width 8, which wraps",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
