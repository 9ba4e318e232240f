"""Sequencing of the weight-stationary engine: testbench, wrong parameters."""

from brickwork.hdl.systolic.control_ws import ControlWs

CASES = {
    "5-revisit-3": (ControlWs, dict(depth=5, revisit=3)),
    "1-revisit-1": (ControlWs, dict(depth=1, revisit=1)),
    "2-revisit-2": (ControlWs, dict(depth=2, revisit=2)),
    "8-revisit-4": (ControlWs, dict(depth=8, revisit=4)),
    "17-revisit-1": (ControlWs, dict(depth=17, revisit=1)),
    "1-revisit-4": (ControlWs, dict(depth=1, revisit=4)),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    (GOOD, {"depth": 0}, ValueError, "Accumulator depth must be a positive integer, not 0"),
    (GOOD, {"depth": "4"}, TypeError, "Accumulator depth must be a positive integer, not '4'"),
    (GOOD, {"depth": True}, TypeError, "Accumulator depth must be a positive integer, not True"),
    (GOOD, {"revisit": 0}, ValueError, "Revisit distance must be a positive integer, not 0"),
    (GOOD, {"revisit": "4"}, TypeError, "Revisit distance must be a positive integer, not '4'"),
    (GOOD, {"revisit": True}, TypeError, "Revisit distance must be a positive integer, not True"),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
