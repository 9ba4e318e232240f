"""The engine with scales for groups of terms: its testbench, and parameters that it refuses."""

from brickwork.hdl.float.gemm_scaled import GemmScaled
from engine_parameters import WEIGHT_STATIONARY
from refusals import choices, integers

BASE = WEIGHT_STATIONARY | dict(w_scale="fp16", a_scale="none", align=0)

CASES = {
    "3x5-fp16-int4-groups-of-tiles": (
        GemmScaled,
        BASE
        | dict(rows=3, cols=5, tile_rows=2, tile_cols=2, a_format="fp16", w_format="int4")
        | dict(group=9, max_k=64),
    ),
    "4x3-mxfp4": (
        GemmScaled,
        BASE
        | dict(rows=4, cols=3, a_format="e2m1", w_format="e2m1", w_scale="e8m0", a_scale="e8m0")
        | dict(group=4, pipeline=2),
    ),
    "2x3-nvfp4-bf16": (
        GemmScaled,
        BASE
        | dict(rows=2, cols=3, a_format="e2m1", w_format="e2m1", w_scale="e4m3", a_scale="e4m3")
        | dict(group=16, output="bf16", pipeline=2),
    ),
    "1x1-int8-bf16-scales": (
        GemmScaled,
        BASE | dict(rows=1, cols=1, group=1, w_scale="bf16", acc_depth=1, pipeline=0),
    ),
    "8x2-mxfp8-flag-short-groups": (
        GemmScaled,
        BASE
        | dict(rows=8, cols=2, a_format="e4m3", w_format="e5m2", w_scale="e8m0", a_scale="e8m0")
        | dict(group=5, nan_inf="flag", output="fp16", acc_depth=20),
    ),
    "3x2-int5-fp16": (
        GemmScaled,
        BASE | dict(rows=3, cols=2, a_format="fp16", w_format="int5", group=128, pipeline=2),
    ),
    "4x3-bf16-aligned-12": (
        GemmScaled,
        BASE | dict(rows=4, cols=3, a_format="bf16", w_format="int4", group=8, align=12),
    ),
    "3x2-tf32-aligned-24": (
        GemmScaled,
        BASE
        | dict(rows=3, cols=2, a_format="tf32", w_format="int5", group=2, align=24, pipeline=2),
    ),
    "1x2-fp16-aligned-8": (
        GemmScaled,
        BASE | dict(rows=1, cols=2, a_format="fp16", w_format="int4", group=4, align=8),
    ),
}
SLOW = ("3x2-tf32-aligned-24", "2x3-nvfp4-bf16", "8x2-mxfp8-flag-short-groups", "3x2-int5-fp16")

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "group", "Group", 1, 1 << 16),
    *choices(GOOD, "w_scale", "Weight scale format", "'fp16', 'bf16', 'e4m3' or 'e8m0'"),
    *choices(GOOD, "a_scale", "Activation scale format", "'none', 'e4m3' or 'e8m0'"),
    *(
        (
            GOOD,
            {f"{side}_format": name},
            ValueError,
            f"{noun} format must have neither OVP pairs nor halves for groups with scales, not be "
            f"{name}",
        )
        for side, noun, name in (("a", "Activation", "ovp_int4"), ("w", "Weight", "int4+int8"))
    ),
    *integers(GOOD, "align", "Aligned width", 0, 24),
    (GOOD, {"align": 7}, ValueError, "Aligned width must be 0 or from 8 to 24 bits, not 7"),
    (
        GOOD,
        {"align": 12, "a_scale": "e8m0"},
        ValueError,
        "Activation scale format must be none for aligned activations, not e8m0",
    ),
    (
        GOOD,
        {"align": 12, "a_format": "int8"},
        ValueError,
        "Activation format must be a small float for sums in fp32, such as bf16, not 'int8'",
    ),
    (
        GOOD,
        {"output": "fp32"},
        ValueError,
        "Output must be raw, bf16 or fp16 for sums in fp32, not fp32",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
