"""Products of integers and short numbers: testbench, and parameters that they refuse."""

from brickwork.hdl.float.int_scale import IntScale
from refusals import integers

CASES = {
    "23-7 bits": (IntScale, dict(width=23, unit=-14, mantissa=7)),
    "22-power of two": (IntScale, dict(width=22, unit=-14, mantissa=0)),
    "25-14 bits": (IntScale, dict(width=25, unit=-24, mantissa=14)),
    "50-power of two": (IntScale, dict(width=50, unit=-24, mantissa=0)),
    "12-3 bits": (IntScale, dict(width=12, unit=-2, mantissa=3)),
    "2-10 bits": (IntScale, dict(width=2, unit=0, mantissa=10)),
    "25-7 bits, lowest unit": (IntScale, dict(width=25, unit=-126, mantissa=7)),
    "25-23 bits, highest unit": (IntScale, dict(width=25, unit=103, mantissa=23)),
    "128-power of two": (IntScale, dict(width=128, unit=-40, mantissa=0)),
}
SLOW = ("12-3 bits", "2-10 bits", "128-power of two")

GOOD = next(iter(CASES.values()))
NUMBERS = "must be numbers of binary32 for scales of"
WRONG = [
    *integers(GOOD, "width", "Width", 2, 128),
    *integers(GOOD, "unit", "Unit", -1024, 1024),
    *integers(GOOD, "mantissa", "Mantissa width", 0, 23),
    (
        GOOD,
        {"width": 26},
        ValueError,
        f"Integers of 26 bits and the unit -14 {NUMBERS} 7 fraction bits",
    ),
    (
        GOOD,
        {"unit": -127},
        ValueError,
        f"Integers of 23 bits and the unit -127 {NUMBERS} 7 fraction bits",
    ),
    (
        GOOD,
        {"unit": 106},
        ValueError,
        f"Integers of 23 bits and the unit 106 {NUMBERS} 7 fraction bits",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
