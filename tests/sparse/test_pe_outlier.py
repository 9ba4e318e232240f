"""PE group of dense weights with outliers: its testbench, and wrong parameters."""

from brickwork.hdl.sparse.pe_outlier import PeOutlier
from refusals import integers

BASE = dict(a_format="int4", w_format="int4", psum_width=13, pipeline=1)

CASES = {
    "4 + 1": (PeOutlier, BASE | dict(group_lanes=4, outlier_rows=1)),
    "5 + 2": (
        PeOutlier,
        BASE | dict(group_lanes=5, outlier_rows=2, a_format="uint5", w_format="int3", pipeline=2),
    ),
    "16 + 1": (
        PeOutlier,
        BASE | dict(group_lanes=16, outlier_rows=1, a_format="int8", psum_width=20, pipeline=0),
    ),
}

#: What this has, others have, too.
SLOW = ("16 + 1",)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "pipeline", "Pipeline register count", 0, 2),
    *integers(GOOD, "psum_width", "Partial sum width", 2),
    *integers(GOOD, "group_lanes", "Group lane count", 2, 32),
    *integers(GOOD, "outlier_rows", "Outlier row count", 1, 4),
    (
        GOOD,
        {"w_format": "flint4"},
        ValueError,
        "Weight format must be int<N> or uint<N> with N from 2 to 16, not 'flint4'",
    ),
    (
        GOOD,
        {"w_format": "uint4"},
        ValueError,
        "Weight format must be a signed integer of up to 8 bits, not uint4",
    ),
    (
        GOOD,
        {"psum_width": 12},
        ValueError,
        "Partial sum width 12 is less than the 13 bits of an outlier of int5 times int4",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
