"""The receiver of a serial line: its testbench, and parameters that it refuses."""

import re

import pytest
from brickwork.hdl.bus.uart_rx import UartRx, baud_divisor
from refusals import integers

CASES = {
    "9": (UartRx, dict(divisor=9)),
    "4": (UartRx, dict(divisor=4)),
    "5": (UartRx, dict(divisor=5)),
    "52": (UartRx, dict(divisor=52)),
}
#: What these have, others have, too: each two values of parameters together.
SLOW = ("5",)

GOOD = next(iter(CASES.values()))
WRONG = integers(GOOD, "divisor", "Clock divisor", 4, 1 << 16)


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)


@pytest.mark.parametrize(
    ("frequency", "baud", "divisor"),
    [
        (12_000_000, 115_200, 104),
        (25_000_000, 1_000_000, 25),
        (12_000_000, 3_000_000, 4),
        (100_000_000, 9_600, 10_417),
        (27_000_000, 921_600, 29),
        (250_000_000, 3_815, 65_531),
    ],
)
def test_baud_divisor(frequency, baud, divisor):
    assert baud_divisor(frequency, baud) == divisor
    assert abs(frequency / divisor / baud - 1) <= 0.02


@pytest.mark.parametrize(
    ("frequency", "baud", "nearest"),
    [
        (12_000_000, 3_100_000, 3_000_000),
        (12_000_000, 2_200_000, 2_400_000),
        (100_000_000, 300, 1_526),
    ],
)
def test_rates_that_the_clock_does_not_make(frequency, baud, nearest):
    message = (
        "Baud rate must be within 2% of the clock divided by an integer from 4 to 65536, not "
        f"{baud}; the nearest of a clock of {frequency} Hz is {nearest}"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        baud_divisor(frequency, baud)
