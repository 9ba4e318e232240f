"""The issue of instructions: its testbench, and parameters that it refuses."""

from brickwork.hdl.npu.issue import Issue
from refusals import choices, integers

CASES = {
    "matrix-3x4": (Issue, dict(engine="matrix", queue=3, flight=4, pc_width=9)),
    "load-2x3": (Issue, dict(engine="load", queue=2, flight=3, pc_width=6)),
    "vector-8x2": (Issue, dict(engine="vector", queue=8, flight=2, pc_width=27)),
    "store-8x6": (Issue, dict(engine="store", queue=8, flight=6, pc_width=31)),
}
SLOW = (
    "load-2x3",
    "vector-8x2",
    "store-8x6",
)

GOOD = next(iter(CASES.values()))
WRONG = [
    *choices(GOOD, "engine", "Engine", "'load', 'matrix', 'vector' or 'store'"),
    *integers(GOOD, "queue", "Queue depth", 2, 64),
    *integers(GOOD, "flight", "Instructions in flight", 2, 16),
    *integers(GOOD, "pc_width", "Program counter width", 1, 31),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
