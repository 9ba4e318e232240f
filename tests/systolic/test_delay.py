"""The delay: its testbench, and parameters that it refuses."""

from brickwork.hdl.systolic.delay import Delay

CASES = {
    "3x4-flags": (Delay, dict(width=3, cycles=4, kind="flags")),
    "1x0": (Delay, dict(width=1, cycles=0)),
    "70x5-data": (Delay, dict(width=70, cycles=5, kind="data")),
    "1x1": (Delay, dict(width=1, cycles=1)),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    (GOOD, {"width": 0}, ValueError, "Word width must be a positive integer, not 0"),
    (GOOD, {"width": "4"}, TypeError, "Word width must be a positive integer, not '4'"),
    (GOOD, {"width": True}, TypeError, "Word width must be a positive integer, not True"),
    (GOOD, {"cycles": -1}, ValueError, "Delay must be a non-negative integer, not -1"),
    (GOOD, {"cycles": "4"}, TypeError, "Delay must be a non-negative integer, not '4'"),
    (GOOD, {"cycles": True}, TypeError, "Delay must be a non-negative integer, not True"),
    (GOOD, {"kind": "other"}, ValueError, "Kind must be 'flags' or 'data', not 'other'"),
    (GOOD, {"kind": 1}, TypeError, "Kind must be 'flags' or 'data', not 1"),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
