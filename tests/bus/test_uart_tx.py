"""The sender to a serial line: its testbench, and parameters that it refuses."""

from brickwork.hdl.bus.uart_tx import UartTx
from refusals import integers

CASES = {
    "9": (UartTx, dict(divisor=9)),
    "4": (UartTx, dict(divisor=4)),
}

GOOD = next(iter(CASES.values()))
WRONG = integers(GOOD, "divisor", "Clock divisor", 4, 1 << 16)


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
