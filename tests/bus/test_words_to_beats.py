"""Beats out of words: the testbench, and parameters that it refuses."""

from brickwork.hdl.bus.words_to_beats import WordsToBeats
from refusals import integers

CASES = {
    "11 in 64": (WordsToBeats, dict(width=11, data_width=64)),
    "70 in 32": (WordsToBeats, dict(width=70, data_width=32)),
    "8 in 8": (WordsToBeats, dict(width=8, data_width=8)),
    "20 in 512": (WordsToBeats, dict(width=20, data_width=512)),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "width", "Word width", 1),
    *integers(GOOD, "data_width", "Beat width", 8),
    *(
        (
            GOOD,
            {"data_width": width},
            ValueError,
            f"Beat width must be a power of two of bytes, not {width} bits",
        )
        for width in (12, 24, 72)
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
