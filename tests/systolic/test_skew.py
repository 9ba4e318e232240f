"""The skew: its testbench, and parameters that it refuses."""

from brickwork.hdl.systolic.skew import Skew

CASES = {
    "3x5-forwards": (Skew, dict(lanes=3, width=5, backwards=0)),
    "5x3-backwards": (Skew, dict(lanes=5, width=3, backwards=1)),
    "1x4-forwards": (Skew, dict(lanes=1, width=4, backwards=0)),
    "16x1-backwards": (Skew, dict(lanes=16, width=1, backwards=1)),
    "17x2-forwards": (Skew, dict(lanes=17, width=2, backwards=0)),
    "35x3-backwards": (Skew, dict(lanes=35, width=3, backwards=1)),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    (GOOD, {"lanes": 0}, ValueError, "Lane count must be a positive integer, not 0"),
    (GOOD, {"lanes": "4"}, TypeError, "Lane count must be a positive integer, not '4'"),
    (GOOD, {"lanes": True}, TypeError, "Lane count must be a positive integer, not True"),
    (GOOD, {"width": 0}, ValueError, "Lane width must be a positive integer, not 0"),
    (GOOD, {"width": "4"}, TypeError, "Lane width must be a positive integer, not '4'"),
    (GOOD, {"width": True}, TypeError, "Lane width must be a positive integer, not True"),
    (GOOD, {"backwards": -1}, ValueError, "Backwards must be an integer from 0 to 1, not -1"),
    (GOOD, {"backwards": "4"}, TypeError, "Backwards must be an integer from 0 to 1, not '4'"),
    (GOOD, {"backwards": True}, TypeError, "Backwards must be an integer from 0 to 1, not True"),
    (GOOD, {"backwards": 2}, ValueError, "Backwards must be an integer from 0 to 1, not 2"),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
