"""The check of addresses and counts: its testbench, and parameters that it refuses."""

from brickwork.hdl.bus.transfer_checker import TransferChecker
from refusals import integers


def case(data_width, address_width, words, beats):
    return TransferChecker, dict(
        data_width=data_width,
        address_width=address_width,
        words_per_beat=words,
        beats_per_word=beats,
    )


CASES = {
    "64x32, 4 words": case(64, 32, 4, 1),
    "512x64, 5 beats": case(512, 64, 1, 5),
    "8x12, 1 word": case(8, 12, 1, 1),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "data_width", "Beat width", 8, 1024),
    *integers(GOOD, "address_width", "Address width", 12, 64),
    *integers(GOOD, "words_per_beat", "Words in a beat", 1, 8),
    *integers(GOOD, "beats_per_word", "Beats of a word", 1),
    (
        GOOD,
        {"words_per_beat": 6},
        ValueError,
        "Words in a beat must be a power of two, not 6",
    ),
    *(
        (
            GOOD,
            {"data_width": width},
            ValueError,
            f"Beat width must be a power of two of bytes, not {width} bits",
        )
        for width in (24, 65, 72)
    ),
    (
        GOOD,
        {"beats_per_word": 2},
        ValueError,
        "Beats of a word must be 1 if a beat has several words, not 2",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
