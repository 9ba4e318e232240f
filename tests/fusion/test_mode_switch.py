"""Change of modes between tiles: its testbench, and parameters that it refuses."""

from brickwork.hdl.fusion.mode_switch import ModeSwitch
from refusals import integers

CASES = {
    "8-5-3": (ModeSwitch, dict(depth=8, drain=5, settle=3)),
    "1-1-1": (ModeSwitch, dict(depth=1, drain=1, settle=1)),
    "30-2-9": (ModeSwitch, dict(depth=30, drain=2, settle=9)),
    "4-40-4": (ModeSwitch, dict(depth=4, drain=40, settle=4)),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "depth", "Accumulator depth", 1),
    *integers(GOOD, "drain", "Drain time", 1),
    *integers(GOOD, "settle", "Settling time", 1),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
