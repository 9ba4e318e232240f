"""The skew: its testbench, and parameters that it refuses."""

from brickwork.hdl.array.skew import Skew
from refusals import integers

CASES = {
    "3x5-forwards": (Skew, dict(lanes=3, width=5, backwards=0)),
    "5x3-backwards": (Skew, dict(lanes=5, width=3, backwards=1)),
    "1x4-forwards": (Skew, dict(lanes=1, width=4, backwards=0)),
    "16x1-backwards": (Skew, dict(lanes=16, width=1, backwards=1)),
    "17x2-forwards": (Skew, dict(lanes=17, width=2, backwards=0)),
    "35x3-backwards": (Skew, dict(lanes=35, width=3, backwards=1)),
    "18x2-step-3": (Skew, dict(lanes=18, width=2, backwards=0, step=3)),
}
#: What these have, others have, too: each two values of parameters together.
SLOW = ("16x1-backwards", "17x2-forwards", "35x3-backwards")

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "lanes", "Lane count", 1),
    *integers(GOOD, "width", "Lane width", 1),
    *integers(GOOD, "backwards", "Backwards", 0, 1),
    *integers(GOOD, "step", "Step", 1),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
