"""The engine with outliers as words in and words out: testbench, and parameters that it refuses."""

from brickwork.hdl.sparse.gemm_outlier import GemmOutlier
from engine_parameters import WEIGHT_STATIONARY as BASE
from refusals import integers

CASES = {
    "6x2-4-lanes": (
        GemmOutlier,
        BASE | dict(rows=6, cols=2, group_lanes=4, outlier_rows=1, acc_depth=4, output="bias"),
    ),
    "12x5-4-lanes": (
        GemmOutlier,
        BASE
        | dict(rows=12, cols=5, group_lanes=4, outlier_rows=1, tile_rows=5, tile_cols=2)
        | dict(output="scale", pipeline=2, max_k=64, a_format="int4+uint8"),
    ),
    "11x3-5-lanes-2-outliers": (
        GemmOutlier,
        BASE
        | dict(rows=11, cols=3, group_lanes=5, outlier_rows=2, a_format="uint5", w_format="int6")
        | dict(output="bias", pipeline=0),
    ),
    "19x2": (
        GemmOutlier,
        BASE | dict(rows=19, cols=2, group_lanes=16, outlier_rows=1, a_format="int4+uint8"),
    ),
}

#: What these have, others have, too.
SLOW = ("11x3-5-lanes-2-outliers", "19x2")

GOOD = CASES["12x5-4-lanes"]
WRONG = [
    *integers(GOOD, "rows", "Row count", 1, 1024),
    *integers(GOOD, "group_lanes", "Group lane count", 2, 32),
    *integers(GOOD, "outlier_rows", "Outlier row count", 1, 4),
    (
        GOOD,
        {"rows": 14},
        ValueError,
        "Row count must be a multiple of the 6 words of a group, not 14",
    ),
    *(
        (
            GOOD,
            {"w_format": name},
            ValueError,
            "Weight format must be a signed integer of an even number of bits, 4 to 16, not "
            f"{name}",
        )
        for name in ("uint8", "int7", "int2")
    ),
    (
        GOOD,
        {"a_format": "ovp_int4"},
        ValueError,
        "Activation format must have no OVP pairs, not be ovp_int4",
    ),
    (GOOD, {"overflow": "saturate"}, ValueError, "Overflow must be wrap, not saturate"),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
