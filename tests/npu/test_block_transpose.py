"""Transposition of blocks: the testbench, and parameters that are refused."""

from brickwork.hdl.npu.block_transpose import BlockTranspose
from refusals import integers

CASES = {
    f"{lanes}x{width}": (BlockTranspose, dict(lanes=lanes, width=width))
    for lanes, width in ((3, 5), (1, 8), (2, 1), (8, 8), (16, 8))
}

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "lanes", "Number of lanes", 1),
    *integers(GOOD, "width", "Code width", 1),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
