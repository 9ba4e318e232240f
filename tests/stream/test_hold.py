"""The hold: its testbench, and parameters that it refuses."""

from brickwork.hdl.stream.hold import Hold

CASES = {
    "9": (Hold, dict(width=9)),
    "1": (Hold, dict(width=1)),
    "100": (Hold, dict(width=100)),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    (GOOD, {"width": 0}, ValueError, "Word width must be a positive integer, not 0"),
    (GOOD, {"width": "4"}, TypeError, "Word width must be a positive integer, not '4'"),
    (GOOD, {"width": True}, TypeError, "Word width must be a positive integer, not True"),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
