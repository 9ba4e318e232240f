"""The walk of depthwise windows: its testbench, and parameters that it refuses."""

from brickwork.hdl.npu.depthwise_walk import DepthwiseWalk
from refusals import integers

CASES = {
    "3x2": (DepthwiseWalk, dict(dw_x=3, dw_y=2, depth=24, address_width=10)),
    "3x3": (DepthwiseWalk, dict(dw_x=3, dw_y=3, depth=32, address_width=16)),
    "1x1": (DepthwiseWalk, dict(dw_x=1, dw_y=1, depth=20, address_width=9)),
    "3x1": (DepthwiseWalk, dict(dw_x=3, dw_y=1, depth=256, address_width=12)),
    "2x3": (DepthwiseWalk, dict(dw_x=2, dw_y=3, depth=33, address_width=11)),
}
#: Further sizes, for the long regression.
SLOW = (
    "1x1",
    "3x1",
    "2x3",
)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "dw_x", "Tap columns", 1, 3),
    *integers(GOOD, "dw_y", "Tap rows", 1, 3),
    *integers(GOOD, "depth", "Partial sum depth", 1, 2048),
    *integers(GOOD, "address_width", "Address width", 1, 16),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
