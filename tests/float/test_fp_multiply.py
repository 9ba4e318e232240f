"""The exact floating-point multiplier: its testbench, and parameters that it refuses."""

from brickwork.hdl.float.fp_multiply import FpMultiply
from refusals import integers

CASES = {
    "bf16 x 3 bits": (FpMultiply, dict(a_mantissa=7, w_mantissa=3, registered=1)),
    "bf16": (FpMultiply, dict(a_mantissa=7, w_mantissa=7, registered=1)),
    "bf16, combinational": (FpMultiply, dict(a_mantissa=7, w_mantissa=7, registered=0)),
    "TF32": (FpMultiply, dict(a_mantissa=10, w_mantissa=10, registered=1)),
    "1 bit x 21 bits": (FpMultiply, dict(a_mantissa=1, w_mantissa=21, registered=1)),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "a_mantissa", "Mantissa width of a", 1, 21),
    *integers(GOOD, "w_mantissa", "Mantissa width of w", 1, 21),
    *integers(GOOD, "registered", "Register count", 0, 1),
    (
        GOOD,
        {"a_mantissa": 12, "w_mantissa": 11},
        ValueError,
        "Mantissa widths 12 and 11 must be at most 22 together, for products of 23 fraction bits, "
        "not 23",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
