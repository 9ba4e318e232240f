"""Sequencing of the output-stationary engine: testbench, wrong parameters."""

from brickwork.hdl.systolic.control_os import ControlOs

CASES = {
    "3-rows-9-terms-12-places": (ControlOs, dict(rows=3, max_k=9, depth=12)),
    "1-rows-1-terms-2-places": (ControlOs, dict(rows=1, max_k=1, depth=2)),
    "5-rows-300-terms-5-places": (ControlOs, dict(rows=5, max_k=300, depth=5)),
    "4-rows-5-terms-40-places": (ControlOs, dict(rows=4, max_k=5, depth=40)),
    "7-rows-1-terms-9-places": (ControlOs, dict(rows=7, max_k=1, depth=9)),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    (GOOD, {"rows": 0}, ValueError, "Row count must be a positive integer, not 0"),
    (GOOD, {"rows": "4"}, TypeError, "Row count must be a positive integer, not '4'"),
    (GOOD, {"rows": True}, TypeError, "Row count must be a positive integer, not True"),
    (GOOD, {"max_k": 0}, ValueError, "Largest K must be a positive integer, not 0"),
    (GOOD, {"max_k": "4"}, TypeError, "Largest K must be a positive integer, not '4'"),
    (GOOD, {"max_k": True}, TypeError, "Largest K must be a positive integer, not True"),
    (GOOD, {"depth": 1}, ValueError, "Result queue depth must be an integer of at least 2, not 1"),
    (
        GOOD,
        {"depth": "4"},
        TypeError,
        "Result queue depth must be an integer of at least 2, not '4'",
    ),
    (
        GOOD,
        {"depth": True},
        TypeError,
        "Result queue depth must be an integer of at least 2, not True",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
