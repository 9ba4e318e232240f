"""Products of binary32 and a short number: testbench, and parameters that they refuse."""

from brickwork.hdl.float.fp_scale import FpScale
from refusals import integers

CASES = {
    "3 bits": (FpScale, dict(mantissa=3)),
    "power of two": (FpScale, dict(mantissa=0)),
    "1 bit": (FpScale, dict(mantissa=1)),
    "7 bits": (FpScale, dict(mantissa=7)),
    "10 bits": (FpScale, dict(mantissa=10)),
    "14 bits": (FpScale, dict(mantissa=14)),
    "23 bits": (FpScale, dict(mantissa=23)),
}
SLOW = ("1 bit", "10 bits")

GOOD = next(iter(CASES.values()))
WRONG = integers(GOOD, "mantissa", "Mantissa width", 0, 23)


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
