"""The steps of a window walk: testbench, and parameters that are refused."""

from brickwork.hdl.npu.window_steps import WindowSteps
from refusals import integers

CASES = {
    "5-9": (WindowSteps, dict(pitch_width=5, address_width=9)),
    "12-16": (WindowSteps, dict(pitch_width=12, address_width=16)),
    "6-4": (WindowSteps, dict(pitch_width=6, address_width=4)),
}
#: Further sizes, for the long regression.
SLOW = ("6-4",)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "pitch_width", "Pitch width", 1),
    *integers(GOOD, "address_width", "Address width", 1),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
