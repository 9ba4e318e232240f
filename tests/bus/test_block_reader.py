"""The reader of blocks: its testbench, and parameters that it refuses."""

from brickwork.hdl.bus.block_reader import BlockReader
from refusals import integers


def case(data_width, address_width, words, beats, burst, outstanding, most):
    return BlockReader, dict(
        data_width=data_width,
        address_width=address_width,
        words_per_beat=words,
        beats_per_word=beats,
        burst=burst,
        outstanding=outstanding,
        most=most,
    )


CASES = {
    "64x14, 4 words, 8x3": case(64, 14, 4, 1, 8, 3, 70),
    "512x14, 3 beats, 4x4": case(512, 14, 1, 3, 4, 4, 12),
    "8x64, 1 word, 64x2": case(8, 64, 1, 1, 64, 2, 100),
    "32x12, 4 words, 1x5": case(32, 12, 4, 1, 1, 5, 3),
}
SLOW = ("8x64, 1 word, 64x2", "512x14, 3 beats, 4x4")

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "most", "Most words of a block", 1, 1 << 16),
    *integers(GOOD, "outstanding", "Outstanding bursts", 2, 64),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
