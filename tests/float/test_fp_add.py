"""The floating-point adder: its testbench, and parameters that it refuses."""

from brickwork.hdl.float.fp_add import FpAdd
from refusals import integers

CASES = {
    "e4m5": (FpAdd, dict(exponent_width=4, mantissa_width=5)),
    "binary32": (FpAdd, dict(exponent_width=8, mantissa_width=23)),
    "e3m2": (FpAdd, dict(exponent_width=3, mantissa_width=2)),
    "fp16": (FpAdd, dict(exponent_width=5, mantissa_width=10)),
    "bf16": (FpAdd, dict(exponent_width=8, mantissa_width=7)),
    "e3m23": (FpAdd, dict(exponent_width=3, mantissa_width=23)),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "exponent_width", "Exponent width", 3, 8),
    *integers(GOOD, "mantissa_width", "Mantissa width", 2, 23),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
