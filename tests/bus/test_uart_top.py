"""Cores behind a serial line: the testbench of whole tops, and parameters that they refuse."""

from brickwork import Eie, GemmFusion, GemmOs, GemmWs
from brickwork.hdl.bus.uart_top import UartTop
from refusals import integers


def case(core, clock_hz=4_000_000, **given):
    given = {"digest": 0x89ABCDEF, "clock_hz": clock_hz, "baud": 1_000_000} | given
    return UartTop, {"core": core.unit()} | given


CASES = {
    "ws": case(GemmWs(rows=3, cols=5, acc_depth=4, max_k=64)),
    "os": case(GemmOs(rows=2, cols=2, max_k=64, output="scale"), clock_hz=9_100_000, depth=64),
    "fusion": case(GemmFusion(rows=1, cols=2, acc_depth=8)),
    "eie": case(Eie(pes=2, columns=16, entries=64, acts=8, rows=8, queue_depth=4)),
}
SLOW = ("os", "fusion", "eie")

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "digest", "Digest", 0, (1 << 32) - 1),
    *integers(GOOD, "clock_hz", "Clock frequency", 1),
    *integers(GOOD, "baud", "Baud rate", 1),
    *integers(GOOD, "depth", "Queue depth", 32, 1 << 16),
    (
        GOOD,
        {"core": UartTop},
        TypeError,
        f"Core must be an engine, not {UartTop!r}",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
