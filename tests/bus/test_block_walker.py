"""The walk through a block-sparse matrix: its testbench, and parameters that it refuses."""

from brickwork.hdl.bus.block_walker import BlockWalker
from refusals import integers


def case(width, first, last):
    return BlockWalker, dict(width=width, first=first, last=last)


CASES = {
    "11 bits": case(11, 9, 10),
    "32 bits": case(32, 31, 0),
    "marks alone": case(2, 0, 1),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "width", "Tile width", 2, 32),
    *integers(GOOD, "first", "Bit of the first tile", 0, 10),
    *integers(GOOD, "last", "Bit of the last tile", 0, 10),
    (GOOD, {"last": 9}, ValueError, "Bits of the first and the last tile must differ: 9"),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
