"""Unpacking: its testbench, and parameters that it refuses."""

from brickwork.hdl.fusion.unpack import Unpack
from refusals import integers

CASES = {
    "2-3": (Unpack, dict(lanes=2, count=3)),
    "1-1": (Unpack, dict(lanes=1, count=1)),
    "1-4": (Unpack, dict(lanes=1, count=4)),
    "3-6": (Unpack, dict(lanes=3, count=6)),
    "1-17": (Unpack, dict(lanes=1, count=17)),
}
SLOW = ("1-4", "1-17")

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "lanes", "Lane count", 1),
    *integers(GOOD, "count", "Step count", 1),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
