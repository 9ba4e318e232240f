"""The queue: its testbench, and parameters that it refuses."""

from brickwork.hdl.stream.fifo import Fifo
from refusals import integers

CASES = {
    "5x3": (Fifo, dict(width=5, depth=3)),
    "1x2": (Fifo, dict(width=1, depth=2)),
    "70x4": (Fifo, dict(width=70, depth=4)),
    "9x5": (Fifo, dict(width=9, depth=5)),
    "33x64": (Fifo, dict(width=33, depth=64)),
}
#: What these have, others have, too: each two values of parameters together.
SLOW = ("9x5",)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "width", "Queue width", 1),
    *integers(GOOD, "depth", "Queue depth", 2),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
