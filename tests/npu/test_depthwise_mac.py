"""The datapath of depthwise windows: its testbench, and parameters that it refuses."""

from brickwork.hdl.npu.depthwise_mac import DepthwiseMac
from refusals import integers

CASES = {
    "2-lanes-3x2": (DepthwiseMac, dict(lanes=2, dw_x=3, dw_y=2, depth=6)),
    "3-lanes-3x3": (DepthwiseMac, dict(lanes=3, dw_x=3, dw_y=3, depth=256)),
    "1-lane-1x1": (DepthwiseMac, dict(lanes=1, dw_x=1, dw_y=1, depth=1)),
    "5-lanes-3x1": (DepthwiseMac, dict(lanes=5, dw_x=3, dw_y=1, depth=3)),
    "2-lanes-2x2": (DepthwiseMac, dict(lanes=2, dw_x=2, dw_y=2, depth=33)),
    "2-lanes-1x2": (DepthwiseMac, dict(lanes=2, dw_x=1, dw_y=2, depth=4)),
}
#: Further sizes, for the long regression.
SLOW = (
    "1-lane-1x1",
    "5-lanes-3x1",
    "2-lanes-2x2",
    "2-lanes-1x2",
)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "lanes", "Lane count", 1, 64),
    *integers(GOOD, "dw_x", "Tap columns", 1, 3),
    *integers(GOOD, "dw_y", "Tap rows", 1, 3),
    *integers(GOOD, "depth", "Partial sum depth", 1, 2048),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
