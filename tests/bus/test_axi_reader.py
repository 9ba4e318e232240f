"""The reader of memory: its testbench, and parameters that it refuses."""

from brickwork.hdl.bus.axi_reader import AxiReader
from refusals import integers


def case(data_width, address_width, words, beats, burst, outstanding):
    return AxiReader, dict(
        data_width=data_width,
        address_width=address_width,
        words_per_beat=words,
        beats_per_word=beats,
        burst=burst,
        outstanding=outstanding,
    )


CASES = {
    "64x14, 4 words, 8x3": case(64, 14, 4, 1, 8, 3),
    "512x12, 3 beats, 2x4": case(512, 12, 1, 3, 2, 4),
    "8x64, 1 word, 256x2": case(8, 64, 1, 1, 256, 2),
    "32x12, 4 words, 1x5": case(32, 12, 4, 1, 1, 5),
}

#: What this has, others have, too.
SLOW = ("8x64, 1 word, 256x2",)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "data_width", "Beat width", 8, 1024),
    *integers(GOOD, "address_width", "Address width", 12, 64),
    *integers(GOOD, "words_per_beat", "Words in a beat", 1, 8),
    *integers(GOOD, "beats_per_word", "Beats of a word", 1),
    *integers(GOOD, "burst", "Burst length", 1, 256),
    *integers(GOOD, "outstanding", "Outstanding bursts", 2, 64),
    (
        GOOD,
        {"words_per_beat": 3},
        ValueError,
        "Words in a beat must be a power of two, not 3",
    ),
    (GOOD, {"burst": 12}, ValueError, "Burst length must be a power of two, not 12"),
    (
        GOOD,
        {"data_width": 256, "burst": 256},
        ValueError,
        "Burst length 256 is more than the 128 beats of 256 bits in 4096 bytes",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
