"""The vector engine: testbench, and parameters that are refused."""

from brickwork.hdl.npu.vector import Vector
from refusals import integers

CASES = {
    "3": (Vector, dict(rows=3, rounding="float32", tables=4, dw_x=2, dw_y=1, dw_depth=16)),
    "1": (Vector, dict(rows=1, rounding="exact", tables=16, dw_x=0, dw_y=0, dw_depth=1)),
    "8": (Vector, dict(rows=8, rounding="float32", tables=8, dw_x=3, dw_y=3, dw_depth=64)),
}
#: Further sizes, for the long regression.
SLOW = ("8",)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "rows", "Row count", 1, 64),
    *integers(GOOD, "dw_x", "Tap columns", 0, 3),
    *integers(GOOD, "dw_y", "Tap rows", 0, 3),
    (
        GOOD,
        dict(dw_x=0),
        ValueError,
        "Tap columns and tap rows must both be 0, or neither, not 0 and 1",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
