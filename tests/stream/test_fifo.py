"""The queue: its testbench, and parameters that it refuses."""

from brickwork.hdl.stream.fifo import Fifo

CASES = {
    "5x3": (Fifo, dict(width=5, depth=3)),
    "1x2": (Fifo, dict(width=1, depth=2)),
    "70x4": (Fifo, dict(width=70, depth=4)),
    "9x5": (Fifo, dict(width=9, depth=5)),
    "33x64": (Fifo, dict(width=33, depth=64)),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    (GOOD, {"width": 0}, ValueError, "Queue width must be a positive integer, not 0"),
    (GOOD, {"width": "4"}, TypeError, "Queue width must be a positive integer, not '4'"),
    (GOOD, {"width": True}, TypeError, "Queue width must be a positive integer, not True"),
    (GOOD, {"depth": 1}, ValueError, "Queue depth must be an integer of at least 2, not 1"),
    (GOOD, {"depth": "4"}, TypeError, "Queue depth must be an integer of at least 2, not '4'"),
    (GOOD, {"depth": True}, TypeError, "Queue depth must be an integer of at least 2, not True"),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
