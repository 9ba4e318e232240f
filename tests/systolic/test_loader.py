"""The loader: its testbench, and parameters that it refuses."""

from brickwork.hdl.systolic.loader import Loader

CASES = {
    "5x3": (Loader, dict(width=5, steps=3)),
    "1x1": (Loader, dict(width=1, steps=1)),
    "9x2": (Loader, dict(width=9, steps=2)),
    "70x4": (Loader, dict(width=70, steps=4)),
    "8x17": (Loader, dict(width=8, steps=17)),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    (GOOD, {"width": 0}, ValueError, "Word width must be a positive integer, not 0"),
    (GOOD, {"width": "4"}, TypeError, "Word width must be a positive integer, not '4'"),
    (GOOD, {"width": True}, TypeError, "Word width must be a positive integer, not True"),
    (GOOD, {"steps": 0}, ValueError, "Chain length must be a positive integer, not 0"),
    (GOOD, {"steps": "4"}, TypeError, "Chain length must be a positive integer, not '4'"),
    (GOOD, {"steps": True}, TypeError, "Chain length must be a positive integer, not True"),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
