"""The reader of pointers: its testbench, and parameters that it refuses."""

from brickwork.hdl.sparse.column_reader import ColumnReader
from refusals import integers

CASES = {
    "5-9": (ColumnReader, dict(columns=5, groups=9, act_width=4, skip_empty_columns=1)),
    "5-9-all": (ColumnReader, dict(columns=5, groups=9, act_width=4, skip_empty_columns=0)),
    "1-1": (ColumnReader, dict(columns=1, groups=1, act_width=2, skip_empty_columns=1)),
    "2-3-all": (ColumnReader, dict(columns=2, groups=3, act_width=3, skip_empty_columns=0)),
    "8-64": (ColumnReader, dict(columns=8, groups=64, act_width=32, skip_empty_columns=1)),
    "127-4096": (ColumnReader, dict(columns=127, groups=4096, act_width=16, skip_empty_columns=1)),
    "128-300-all": (ColumnReader, dict(columns=128, groups=300, act_width=8, skip_empty_columns=0)),
}
#: What these have, others have, too: each two values of parameters together.
SLOW = ("2-3-all", "8-64", "128-300-all")

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "columns", "Column count", 1, 1 << 20),
    *integers(GOOD, "groups", "Group count", 1, 1 << 24),
    *integers(GOOD, "act_width", "Activation width", 2, 32),
    *integers(GOOD, "skip_empty_columns", "Skip of empty columns", 0, 1),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
