"""The loader: its testbench, and parameters that it refuses."""

from brickwork.hdl.array.loader import Loader
from refusals import integers

CASES = {
    "5x3": (Loader, dict(width=5, steps=3)),
    "1x1": (Loader, dict(width=1, steps=1)),
    "9x2": (Loader, dict(width=9, steps=2)),
    "70x4": (Loader, dict(width=70, steps=4)),
    "8x17": (Loader, dict(width=8, steps=17)),
}
#: What these have, others have, too: each two values of parameters together.
SLOW = ("9x2",)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "width", "Word width", 1),
    *integers(GOOD, "steps", "Chain length", 1),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
