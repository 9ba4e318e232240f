"""The writer of memory: its testbench, and parameters that it refuses."""

from brickwork.hdl.bus.axi_writer import AxiWriter
from refusals import integers


def case(data_width, address_width, words, beats, burst):
    return AxiWriter, dict(
        data_width=data_width,
        address_width=address_width,
        words_per_beat=words,
        beats_per_word=beats,
        burst=burst,
    )


CASES = {
    "64x14, 4 words, 4": case(64, 14, 4, 1, 4),
    "512x16, 3 beats, 16": case(512, 16, 1, 3, 16),
    "8x64, 1 word, 256": case(8, 64, 1, 1, 256),
    "32x12, 4 words, 1": case(32, 12, 4, 1, 1),
}

#: What this has, others have, too.
SLOW = ("8x64, 1 word, 256",)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "data_width", "Beat width", 8, 1024),
    *integers(GOOD, "address_width", "Address width", 12, 64),
    *integers(GOOD, "words_per_beat", "Words in a beat", 1, 8),
    *integers(GOOD, "beats_per_word", "Beats of a word", 1),
    *integers(GOOD, "burst", "Burst length", 1, 256),
    (GOOD, {"burst": 3}, ValueError, "Burst length must be a power of two, not 3"),
    (
        GOOD,
        {"data_width": 512, "burst": 128},
        ValueError,
        "Burst length 128 is more than the 64 beats of 512 bits in 4096 bytes",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
