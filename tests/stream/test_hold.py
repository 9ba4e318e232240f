"""The hold: its testbench, and parameters that it refuses."""

from brickwork.hdl.stream.hold import Hold
from refusals import integers

CASES = {
    "9": (Hold, dict(width=9)),
    "1": (Hold, dict(width=1)),
    "100": (Hold, dict(width=100)),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "width", "Word width", 1),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
