"""The weight-stationary engine: its testbench, and parameters that it refuses."""

from brickwork.hdl.systolic.gemm_ws import GemmWs
from engine_parameters import WEIGHT_STATIONARY as BASE
from refusals import OUTPUTS, choices, formats, integer_formats, integers, roundings

CASES = {
    "3x5": (
        GemmWs,
        BASE | dict(rows=3, cols=5, tile_rows=2, tile_cols=2, output="scale", max_k=64),
    ),
    "1x1": (GemmWs, BASE | dict(rows=1, cols=1, acc_depth=1)),
    "2x3-uint8-pipeline-2-bias": (
        GemmWs,
        BASE
        | dict(
            rows=2, cols=3, a_format="uint8", w_format="int4", pipeline=2, output="bias", max_k=300
        ),
    ),
    "5x3-shift-saturate": (
        GemmWs,
        BASE
        | dict(
            rows=5,
            cols=3,
            a_format="uint4",
            w_format="int3",
            acc_width=12,
            overflow="saturate",
            pipeline=0,
            output="shift",
            out_format="uint5",
            tile_rows=1,
            tile_cols=1,
        ),
    ),
    "3x2-threshold": (GemmWs, BASE | dict(rows=3, cols=2, output="threshold", max_k=100)),
    "4x2-wrap-narrow": (
        GemmWs,
        BASE | dict(rows=4, cols=2, acc_width=16, overflow="wrap", pipeline=0),
    ),
    "9x2-saturate-narrow": (
        GemmWs,
        BASE
        | dict(
            rows=9, cols=2, acc_width=17, overflow="saturate", pipeline=2, tile_rows=2, tile_cols=1
        ),
    ),
    "1x7-scale": (
        GemmWs,
        BASE | dict(rows=1, cols=7, output="scale", out_format="uint8", w_format="uint8", max_k=50),
    ),
    "2x4-shift-wider-than-sums": (
        GemmWs,
        BASE
        | dict(
            rows=2,
            cols=4,
            a_format="int2",
            w_format="int2",
            max_k=4,
            output="shift",
            out_format="uint12",
        ),
    ),
    "7x1-max-k-5": (GemmWs, BASE | dict(rows=7, cols=1, max_k=5, output="bias")),
    "3x3-deep": (GemmWs, BASE | dict(rows=3, cols=3, output="shift", max_k=64, acc_depth=70)),
    "6x4-one-row": (GemmWs, BASE | dict(rows=6, cols=4, acc_depth=1)),
    "2x9-scale-deep": (GemmWs, BASE | dict(rows=2, cols=9, output="scale", acc_depth=40)),
    "3x2-flint4-pot4": (
        GemmWs,
        BASE | dict(rows=3, cols=2, a_format="flint4", w_format="pot4", pipeline=2, output="bias"),
    ),
    "2x3-pairs": (
        GemmWs,
        BASE | dict(rows=2, cols=3, a_format="ovp_int4", w_format="ovp_flint4", max_k=63),
    ),
    "4x3-types": (
        GemmWs,
        BASE
        | dict(
            rows=4,
            cols=3,
            a_format="uint4+int4+uflint4+uint8",
            w_format="int4+flint4+pot4+e2m1+int8",
            pipeline=2,
            max_k=100,
        ),
    ),
    "2x2-pairs-types-saturate": (
        GemmWs,
        BASE
        | dict(
            rows=2,
            cols=2,
            a_format="ovp_int4+ovp_int8+int8",
            w_format="ovp_int4+ovp_flint4+int4+ovp_int8",
            acc_width=30,
            overflow="saturate",
            pipeline=0,
        ),
    ),
    "3x3-e4m3-e5m2-flag": (
        GemmWs,
        BASE | dict(rows=3, cols=3, a_format="e4m3", w_format="e5m2+int8", max_k=9, nan_inf="flag"),
    ),
    "5x2-posit-apot": (
        GemmWs,
        BASE | dict(rows=5, cols=2, a_format="posit8_1", w_format="apot5", pipeline=2, max_k=40),
    ),
    "2x3-fp16-int4": (
        GemmWs,
        BASE | dict(rows=2, cols=3, a_format="fp16+e5m10", w_format="int4", nan_inf="flag"),
    ),
    "3x2-fp16-fp32": (
        GemmWs,
        BASE | dict(rows=3, cols=2, a_format="fp16", w_format="fp16", output="fp32", pipeline=2),
    ),
    "2x2-fp16-scale": (
        GemmWs,
        BASE | dict(rows=2, cols=2, a_format="fp16", w_format="fp16", output="scale"),
    ),
    "2x3-e4m3-int4-fp16": (
        GemmWs,
        BASE | dict(rows=2, cols=3, a_format="e4m3", w_format="int4", output="fp16", acc_depth=3),
    ),
    "2x2-unsigned-halves": (
        GemmWs,
        BASE
        | dict(rows=2, cols=2, a_format="uflint4", w_format="upot4+uint8", pipeline=0, max_k=60),
    ),
}
SLOW = (
    "9x2-saturate-narrow",
    "1x7-scale",
    "2x4-shift-wider-than-sums",
    "7x1-max-k-5",
    "2x9-scale-deep",
    "3x2-flint4-pot4",
    "2x3-pairs",
    "5x2-posit-apot",
    "2x3-fp16-int4",
    "2x2-fp16-scale",
    "2x3-e4m3-int4-fp16",
    "2x2-unsigned-halves",
)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "rows", "Row count", 1, 1024),
    *integers(GOOD, "cols", "Column count", 1, 1024),
    *integers(GOOD, "tile_rows", "Tile row count", 1),
    *integers(GOOD, "tile_cols", "Tile column count", 1),
    *formats(GOOD, "a_format", "Activation format"),
    *formats(GOOD, "w_format", "Weight format"),
    *integers(GOOD, "max_k", "Largest K", 1, 16777216),
    *integers(GOOD, "acc_width", "Accumulator width", 0, 103),
    (
        GOOD,
        {"acc_width": 7},
        ValueError,
        "Accumulator width 7 is less than the 16 bits of a product of int8 and int8",
    ),
    *choices(GOOD, "overflow", "Overflow", "'wrap' or 'saturate'"),
    *choices(GOOD, "nan_inf", "NaN and Inf handling", "'saturate' or 'flag'"),
    (
        GOOD,
        {"a_format": "ovp_int4"},
        ValueError,
        "Row count must be even for the pairs of ovp_int4, not 3",
    ),
    (
        GOOD,
        {"a_format": "upot6", "w_format": "upot4", "output": "raw"},
        ValueError,
        "Accumulators that are exact for 64 products of upot6 and upot4 take 84 bits, more than 64 "
        "(a product takes 78): give output=scale, fp32, bf16 or fp16, a smaller max_k, or "
        "acc_width and "
        "overflow=saturate",
    ),
    *(
        (
            GOOD,
            {"a_format": name},
            ValueError,
            f"A product of {name} and int8 takes {bits} bits in exact arithmetic, more than 128: "
            "use arith=fp32 with small floats on both sides, where an engine has it",
        )
        for name, bits in (("bf16", 269), ("tf32", 272))
    ),
    *integers(GOOD, "pipeline", "Pipeline register count", 0, 2),
    *choices(GOOD, "output", "Output", OUTPUTS),
    *integer_formats(GOOD, "out_format", "Output format"),
    *roundings(GOOD),
    *integers(GOOD, "acc_depth", "Accumulator depth", 1, 65536),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
