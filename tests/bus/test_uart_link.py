"""The protocol of a serial line: its testbench, and parameters that it refuses."""

from brickwork.hdl.bus.uart_link import UartLink
from refusals import integers

CASES = {
    "3x64": (UartLink, dict(inputs=3, depth=64)),
    "4x32": (UartLink, dict(inputs=4, depth=32)),
}

#: What this has, others have, too.
SLOW = ("4x32",)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "inputs", "Stream count", 1, 4),
    *integers(GOOD, "depth", "Queue depth", 32, 1 << 16),
    (GOOD, {"depth": 96}, ValueError, "Queue depth must be a power of two, not 96"),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
