"""The hold: its testbench, and parameters that it refuses."""

from brickwork.hdl.stream.register_slice import RegisterSlice
from refusals import integers

CASES = {
    "9": (RegisterSlice, dict(width=9)),
    "1": (RegisterSlice, dict(width=1)),
    "100": (RegisterSlice, dict(width=100)),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "width", "Word width", 1),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
