"""The port that readers share: its testbench, and parameters that it refuses."""

from brickwork.hdl.bus.read_port import ReadPort
from refusals import integers

CASES = {
    "3 readers": (ReadPort, dict(readers=3, index_width=29, id_width=3)),
    "1 reader": (ReadPort, dict(readers=1, index_width=6, id_width=1)),
    "8 readers": (ReadPort, dict(readers=8, index_width=64, id_width=4)),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "readers", "Reader count", 1, 8),
    *integers(GOOD, "index_width", "Index width", 1),
    *integers(GOOD, "id_width", "ID width", 2, 32),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
