"""Accumulators and banks of them: testbench, and wrong parameters."""

from brickwork.hdl.systolic.accumulator import Accumulator, AccumulatorBank

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

GOOD = next(iter(CASES.values()))
ONE = CASES["revisit-1"]
WRONG = [
    (GOOD, {"lanes": 0}, ValueError, "Lane count must be a positive integer, not 0"),
    (GOOD, {"lanes": "4"}, TypeError, "Lane count must be a positive integer, not '4'"),
    (GOOD, {"lanes": True}, TypeError, "Lane count must be a positive integer, not True"),
    (GOOD, {"depth": "4"}, TypeError, "Accumulator depth must be a positive integer, not '4'"),
    (
        ONE,
        {"psum_width": 1},
        ValueError,
        "Partial sum width must be an integer of at least 2, not 1",
    ),
    (
        ONE,
        {"psum_width": "4"},
        TypeError,
        "Partial sum width must be an integer of at least 2, not '4'",
    ),
    (
        ONE,
        {"psum_width": True},
        TypeError,
        "Partial sum width must be an integer of at least 2, not True",
    ),
    (ONE, {"acc_width": 1}, ValueError, "Accumulator width must be an integer from 2 to 64, not 1"),
    (
        ONE,
        {"acc_width": "4"},
        TypeError,
        "Accumulator width must be an integer from 2 to 64, not '4'",
    ),
    (
        ONE,
        {"acc_width": True},
        TypeError,
        "Accumulator width must be an integer from 2 to 64, not True",
    ),
    (
        ONE,
        {"acc_width": 65},
        ValueError,
        "Accumulator width must be an integer from 2 to 64, not 65",
    ),
    (ONE, {"overflow": "other"}, ValueError, "Overflow must be 'wrap' or 'saturate', not 'other'"),
    (ONE, {"overflow": 1}, TypeError, "Overflow must be 'wrap' or 'saturate', not 1"),
    (ONE, {"depth": 0}, ValueError, "Accumulator depth must be a positive integer, not 0"),
    (ONE, {"depth": "4"}, TypeError, "Accumulator depth must be a positive integer, not '4'"),
    (ONE, {"depth": True}, TypeError, "Accumulator depth must be a positive integer, not True"),
    (ONE, {"revisit": 0}, ValueError, "Revisit distance must be a positive integer, not 0"),
    (ONE, {"revisit": "4"}, TypeError, "Revisit distance must be a positive integer, not '4'"),
    (ONE, {"revisit": True}, TypeError, "Revisit distance must be a positive integer, not True"),
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
