"""The counters: their testbench."""

from brickwork.hdl.npu.counters import COUNTERS, Counters
from brickwork.sim.golden.npu.counters import WIDTHS

CASES = {"all": (Counters, {})}


def test_bench(run_bench, case):
    run_bench(case)


def test_names_and_widths():
    assert list(WIDTHS.items()) == [(counter.name, counter.width) for counter in COUNTERS]
