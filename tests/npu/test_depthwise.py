"""Depthwise windows: their testbench, and parameters that are refused."""

from brickwork.hdl.npu.depthwise import Depthwise
from refusals import integers

CASES = {
    "2-lanes-3x2": (Depthwise, dict(lanes=2, dw_x=3, dw_y=2, depth=24, address_width=10)),
    "3-lanes-3x3": (Depthwise, dict(lanes=3, dw_x=3, dw_y=3, depth=32, address_width=16)),
    "1-lane-1x1": (Depthwise, dict(lanes=1, dw_x=1, dw_y=1, depth=20, address_width=9)),
    "4-lanes-3x1": (Depthwise, dict(lanes=4, dw_x=3, dw_y=1, depth=256, address_width=12)),
    "2-lanes-1x3": (Depthwise, dict(lanes=2, dw_x=1, dw_y=3, depth=33, address_width=11)),
}
#: Further sizes, for the long regression.
SLOW = (
    "1-lane-1x1",
    "4-lanes-3x1",
    "2-lanes-1x3",
)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "lanes", "Lane count", 1, 64),
    *integers(GOOD, "dw_x", "Tap columns", 1, 3),
    *integers(GOOD, "dw_y", "Tap rows", 1, 3),
    *integers(GOOD, "depth", "Partial sum depth", 1, 2048),
    *integers(GOOD, "address_width", "Address width", 1, 16),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
