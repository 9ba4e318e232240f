"""The reader of entries: its testbench, and parameters that it refuses."""

from brickwork.hdl.sparse.entry_reader import EntryReader
from refusals import integers

SMALL = dict(groups=21, groups_per_word=4, lanes=1, index_width=3, run_length_width=2, act_width=5)
CASES = {
    "21-in-4s": (EntryReader, SMALL),
    "1-in-2s": (
        EntryReader,
        dict(groups=1, groups_per_word=2, lanes=1, index_width=1, run_length_width=1, act_width=2),
    ),
    "64-in-8s": (
        EntryReader,
        dict(
            groups=64, groups_per_word=8, lanes=1, index_width=4, run_length_width=4, act_width=16
        ),
    ),
    "31-in-2s": (
        EntryReader,
        dict(
            groups=31, groups_per_word=2, lanes=8, index_width=8, run_length_width=8, act_width=32
        ),
    ),
    "200-in-64s": (
        EntryReader,
        dict(
            groups=200, groups_per_word=64, lanes=1, index_width=2, run_length_width=5, act_width=8
        ),
    ),
    "20-pairs-in-16s": (
        EntryReader,
        dict(
            groups=20, groups_per_word=16, lanes=2, index_width=4, run_length_width=4, act_width=8
        ),
    ),
}
#: What these have, others have, too: each two values of parameters together.
SLOW = ("64-in-8s", "200-in-64s", "31-in-2s")

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "groups", "Group count", 1, 1 << 24),
    *integers(GOOD, "groups_per_word", "Groups in a word", 2, 64),
    *integers(GOOD, "lanes", "Lane count", 1, 8),
    *integers(GOOD, "index_width", "Weight index width", 1, 8),
    *integers(GOOD, "run_length_width", "Run length width", 1, 8),
    *integers(GOOD, "act_width", "Activation width", 2, 32),
    (GOOD, {"groups_per_word": 6}, ValueError, "Groups in a word must be a power of two, not 6"),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
