"""The reader of entries: its testbench, and parameters that it refuses."""

from brickwork.hdl.sparse.entry_reader import EntryReader
from refusals import integers

SMALL = dict(groups=21, per_word=4, lanes=1, value_width=3, zeros_width=2, act_width=5)
CASES = {
    "21-in-4s": (EntryReader, SMALL),
    "1-in-2s": (
        EntryReader,
        dict(groups=1, per_word=2, lanes=1, value_width=1, zeros_width=1, act_width=2),
    ),
    "64-in-8s": (
        EntryReader,
        dict(groups=64, per_word=8, lanes=1, value_width=4, zeros_width=4, act_width=16),
    ),
    "31-in-2s": (
        EntryReader,
        dict(groups=31, per_word=2, lanes=8, value_width=8, zeros_width=8, act_width=32),
    ),
    "200-in-64s": (
        EntryReader,
        dict(groups=200, per_word=64, lanes=1, value_width=2, zeros_width=5, act_width=8),
    ),
    "5-pairs-in-16s": (
        EntryReader,
        dict(groups=5, per_word=16, lanes=2, value_width=4, zeros_width=4, act_width=8),
    ),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "groups", "Group count", 1, 1 << 24),
    *integers(GOOD, "per_word", "Groups in a word", 2, 64),
    *integers(GOOD, "lanes", "Lane count", 1, 8),
    *integers(GOOD, "value_width", "Weight index width", 1, 8),
    *integers(GOOD, "zeros_width", "Zeros width", 1, 8),
    *integers(GOOD, "act_width", "Activation width", 2, 32),
    (GOOD, {"per_word": 6}, ValueError, "Groups in a word must be a power of two, not 6"),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
