"""The activations of an element: testbench, and parameters that are refused."""

from brickwork.hdl.sparse.activations import Activations
from refusals import integers

CASES = {
    "5x8": (Activations, dict(depth=5, width=8)),
    "1x2": (Activations, dict(depth=1, width=2)),
    "2x3": (Activations, dict(depth=2, width=3)),
    "64x16": (Activations, dict(depth=64, width=16)),
    "33x32": (Activations, dict(depth=33, width=32)),
}
#: What these have, others have, too: each two values of parameters together.
SLOW = ("2x3",)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "depth", "Activation count", 1, 1 << 16),
    *integers(GOOD, "width", "Activation width", 2, 32),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
