"""PE group of the N:M-sparse array: its testbench, and wrong parameters."""

from brickwork.hdl.sparse.pe_nm import PeNm
from refusals import choices, formats, integers

BASE = dict(a_format="int4", w_format="uint3", psum_width=10, pipeline=0, group_sum="tree")

CASES = {
    "2-of-4": (PeNm, BASE | dict(group_rows=2, group_lanes=4)),
    "2-of-4-skew": (
        PeNm,
        BASE | dict(group_rows=2, group_lanes=4, group_sum="skew", pipeline=2, w_format="int3"),
    ),
    "1-of-8": (
        PeNm,
        BASE | dict(group_rows=1, group_lanes=8, a_format="uint5", w_format="int2", pipeline=1),
    ),
    "3-of-4-skew": (
        PeNm,
        BASE | dict(group_rows=3, group_lanes=4, group_sum="skew", pipeline=1, a_format="uint5"),
    ),
    "3-of-3": (PeNm, BASE | dict(group_rows=3, group_lanes=3, w_format="int3", pipeline=1)),
    "8-of-9": (
        PeNm,
        BASE | dict(group_rows=8, group_lanes=9, w_format="int8", psum_width=14, pipeline=2),
    ),
    "2-of-32-skew": (
        PeNm,
        BASE
        | dict(group_rows=2, group_lanes=32, a_format="int8", w_format="int8")
        | dict(psum_width=18, pipeline=0, group_sum="skew"),
    ),
}

#: What these have, others have, too.
SLOW = ("1-of-8", "3-of-4-skew", "8-of-9")

GOOD = next(iter(CASES.values()))
WRONG = [
    *formats(GOOD, "a_format", "Activation format"),
    *formats(GOOD, "w_format", "Weight format"),
    *integers(GOOD, "pipeline", "Pipeline register count", 0, 2),
    *integers(GOOD, "psum_width", "Partial sum width", 2),
    *integers(GOOD, "group_rows", "Group row count", 1, 8),
    *integers(GOOD, "group_lanes", "Group lane count", 2, 32),
    *choices(GOOD, "group_sum", "Group sum", "'tree' or 'skew'"),
    (
        GOOD,
        {"group_rows": 5},
        ValueError,
        "Group lane count must be at least the 5 rows of a group, not 4",
    ),
    (
        GOOD,
        {"psum_width": 6},
        ValueError,
        "Partial sum width 6 is less than the 7 bits of a product of int4 and uint3",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
