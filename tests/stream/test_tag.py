"""Tags above words: their testbench, and parameters that they refuse."""

from brickwork.hdl.stream.tag import Tag
from refusals import integers

CASES = {
    "5-2-3": (Tag, dict(width=5, tag_width=2, count=3)),
    "1-1-1": (Tag, dict(width=1, tag_width=1, count=1)),
    "70-5-8": (Tag, dict(width=70, tag_width=5, count=8)),
    "9-1-2": (Tag, dict(width=9, tag_width=1, count=2)),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "width", "Word width", 1),
    *integers(GOOD, "tag_width", "Tag width", 1),
    *integers(GOOD, "count", "Word count", 1),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
