"""The marks of packets of results: the testbench, and parameters that it refuses."""

from brickwork.hdl.bus.result_packetizer import ResultPacketizer
from refusals import integers

CASES = {
    "9, at most 5": (ResultPacketizer, dict(width=9, max_owed=5)),
    "1, at most 2 ** 31": (ResultPacketizer, dict(width=1, max_owed=1 << 31)),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "width", "Word width", 1),
    *integers(GOOD, "max_owed", "Words owed", 1),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
