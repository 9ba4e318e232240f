"""The words of the buffer that results become: testbench, and parameters that it refuses."""

from brickwork.hdl.npu.regroup import Regroup
from refusals import integers

CASES = {
    "3x5": (Regroup, dict(rows=3, cols=5)),
    "1x1": (Regroup, dict(rows=1, cols=1)),
    "7x1": (Regroup, dict(rows=7, cols=1)),
    "8x3": (Regroup, dict(rows=8, cols=3)),
    "4x4": (Regroup, dict(rows=4, cols=4)),
    "5x12": (Regroup, dict(rows=5, cols=12)),
    "64x64": (Regroup, dict(rows=64, cols=64)),
}
#: What these have, others have, too.
SLOW = (
    "7x1",
    "8x3",
    "4x4",
    "5x12",
    "64x64",
)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "rows", "Row count", 1, 64),
    *integers(GOOD, "cols", "Column count", 1, 64),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
