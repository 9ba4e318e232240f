"""The lanes of the vector engine: their testbench, and parameters that they refuse."""

from brickwork.hdl.npu.lanes import Lanes
from refusals import choices, integers

CASES = {
    "3-exact-8": (Lanes, dict(lanes=3, rounding="exact", tables=8)),
    "2-float32-16": (Lanes, dict(lanes=2, rounding="float32", tables=16)),
    "1-exact-4": (Lanes, dict(lanes=1, rounding="exact", tables=4)),
    "4-float32-12": (Lanes, dict(lanes=4, rounding="float32", tables=12)),
}
SLOW = (
    "1-exact-4",
    "4-float32-12",
)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "lanes", "Lane count", 1),
    *choices(GOOD, "rounding", "Rounding", "'exact' or 'float32'"),
    *integers(GOOD, "tables", "Table count", 4, 16),
    (
        GOOD,
        dict(tables=10),
        ValueError,
        "Table count must be a multiple of 4, the tables in a word, not 10",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
