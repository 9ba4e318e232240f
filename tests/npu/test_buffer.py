"""The buffer of activations: its testbench, and parameters that are refused."""

from brickwork.hdl.npu.buffer import Buffer
from refusals import integers


def case(width, depth, banks, reads, writes, granularity):
    return Buffer, dict(
        width=width,
        depth=depth,
        banks=banks,
        reads=reads,
        writes=writes,
        granularity=granularity,
    )


CASES = {
    "4 banks": case(6, 40, 4, 3, 2, 3),
    "8 banks": case(32, 64, 8, 5, 3, 8),
    "one bank": case(5, 7, 1, 1, 1, 5),
    "few banks": case(8, 24, 2, 3, 3, 4),
    "16 banks": case(16, 48, 16, 4, 1, 8),
}
#: Further sizes, for the long regression.
SLOW = (
    "one bank",
    "few banks",
    "16 banks",
)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "width", "Word width", 1),
    *integers(GOOD, "depth", "Buffer depth", 2),
    *integers(GOOD, "banks", "Number of banks", 1, 16),
    *integers(GOOD, "reads", "Ports to read", 1),
    *integers(GOOD, "writes", "Ports to write", 1),
    *integers(GOOD, "granularity", "Granularity", 1),
    (GOOD, {"banks": 6}, ValueError, "Number of banks must be a power of two, not 6"),
    (
        GOOD,
        {"depth": 42},
        ValueError,
        "Buffer depth 42 must be a multiple of the 4 banks, at least 8",
    ),
    (
        GOOD,
        {"depth": 4},
        ValueError,
        "Buffer depth 4 must be a multiple of the 4 banks, at least 8",
    ),
    (GOOD, {"granularity": 4}, ValueError, "Granularity 4 must divide the word width 6"),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
