"""The N:M-sparse engine as words in and words out: testbench, and parameters that it refuses."""

from brickwork.hdl.sparse.gemm_nm import GemmNm
from engine_parameters import WEIGHT_STATIONARY
from refusals import choices, integers

BASE = WEIGHT_STATIONARY | dict(group_sum="tree")

CASES = {
    "6x5-2-of-4": (
        GemmNm,
        BASE
        | dict(rows=6, cols=5, group_rows=2, group_lanes=4, tile_rows=3, tile_cols=2)
        | dict(output="scale", pipeline=2, max_k=64, a_format="int4+uint8"),
    ),
    "3x2-1-of-4-skew": (
        GemmNm,
        BASE | dict(rows=3, cols=2, group_rows=1, group_lanes=4, group_sum="skew", pipeline=0),
    ),
    "4x3-2-of-4-skew-saturate": (
        GemmNm,
        BASE
        | dict(rows=4, cols=3, group_rows=2, group_lanes=4, group_sum="skew", pipeline=2)
        | dict(a_format="uint4", w_format="int3", acc_width=12, overflow="saturate")
        | dict(output="shift", out_format="uint5"),
    ),
    "8x1-4-of-8": (
        GemmNm,
        BASE | dict(rows=8, cols=1, group_rows=4, group_lanes=8, tile_rows=4, output="bias"),
    ),
    "2x2-2-of-3-one-row": (
        GemmNm,
        BASE | dict(rows=2, cols=2, group_rows=2, group_lanes=3, acc_depth=1, pipeline=0),
    ),
    "6x3-3-of-32-skew": (
        GemmNm,
        BASE
        | dict(rows=6, cols=3, group_rows=3, group_lanes=32, group_sum="skew", tile_rows=2)
        | dict(a_format="int4+flint4"),
    ),
    "4x3-pairs-types": (
        GemmNm,
        BASE
        | dict(rows=4, cols=3, group_rows=2, group_lanes=8, a_format="ovp_int4")
        | dict(w_format="int4+flint4+pot4+int8", pipeline=2, max_k=60),
    ),
    "4x2-e4m3-e5m2-flag": (
        GemmNm,
        BASE
        | dict(rows=4, cols=2, group_rows=2, group_lanes=4, group_sum="skew", nan_inf="flag")
        | dict(a_format="e4m3", w_format="e5m2+int8", max_k=9),
    ),
}

#: What these have, others have, too.
SLOW = ("3x2-1-of-4-skew", "8x1-4-of-8", "2x2-2-of-3-one-row", "4x2-e4m3-e5m2-flag")

GOOD = CASES["6x5-2-of-4"]
WRONG = [
    *integers(GOOD, "rows", "Row count", 1, 1024),
    *integers(GOOD, "group_rows", "Group row count", 1, 8),
    *integers(GOOD, "group_lanes", "Group lane count", 2, 32),
    *choices(GOOD, "group_sum", "Group sum", "'tree' or 'skew'"),
    (
        GOOD,
        {"rows": 7},
        ValueError,
        "Row count must be a multiple of the 2 rows of a group, not 7",
    ),
    (
        GOOD,
        {"rows": 8, "group_rows": 4},
        ValueError,
        "Group lane count must be more than the 4 rows of a group, not 4",
    ),
    (
        GOOD,
        {"w_format": "ovp_int4"},
        ValueError,
        "Weight format must have no OVP pairs, not be ovp_int4",
    ),
    (
        GOOD,
        {"group_rows": 1, "a_format": "ovp_int4"},
        ValueError,
        "Group row count must be even for the pairs of ovp_int4, not 1",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
