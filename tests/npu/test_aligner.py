"""A word at any byte: the testbench, and parameters that are refused."""

from brickwork.hdl.npu.aligner import Aligner
from refusals import integers

CASES = {f"{lanes} lanes": (Aligner, dict(lanes=lanes)) for lanes in (3, 1, 4, 16, 25)}

GOOD = next(iter(CASES.values()))
WRONG = integers(GOOD, "lanes", "Number of lanes", 1)


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
