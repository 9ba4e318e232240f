"""The delay: its testbench, and parameters that it refuses."""

from brickwork.hdl.array.delay import Delay
from refusals import choices, integers

CASES = {
    "3x4-flags": (Delay, dict(width=3, cycles=4, content="flags")),
    "1x0": (Delay, dict(width=1, cycles=0)),
    "70x5-data": (Delay, dict(width=70, cycles=5, content="data")),
    "1x1": (Delay, dict(width=1, cycles=1)),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "width", "Word width", 1),
    *integers(GOOD, "cycles", "Delay", 0),
    *choices(GOOD, "content", "Content", "'flags' or 'data'"),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
