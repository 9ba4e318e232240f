"""The output-stationary engine with sums in binary32: its testbench, and wrong parameters."""

from brickwork.hdl.float.gemm_os_float import GemmOsFloat

BASE = dict(
    tile_rows=16,
    tile_cols=16,
    a_format="bf16",
    w_format="bf16",
    max_k=65536,
    acc_width=0,
    overflow="wrap",
    pipeline=1,
    nan_inf="saturate",
    output="raw",
    out_format="int8",
    rounding="exact",
)

CASES = {
    "3x5-bf16": (GemmOsFloat, BASE | dict(rows=3, cols=5, tile_rows=2, tile_cols=2, max_k=64)),
    "1x1-bf16": (GemmOsFloat, BASE | dict(rows=1, cols=1, pipeline=0)),
    "2x3-fp16-tf32-bf16": (
        GemmOsFloat,
        BASE | dict(rows=2, cols=3, a_format="fp16", w_format="tf32", pipeline=2, output="bf16"),
    ),
    "4x2-e5m2-e4m3-fp16": (
        GemmOsFloat,
        BASE | dict(rows=4, cols=2, a_format="e5m2", w_format="e4m3", output="fp16"),
    ),
    "1x4-tf32": (GemmOsFloat, BASE | dict(rows=1, cols=4, a_format="tf32", w_format="tf32")),
    "5x3-e2m1-e3m2": (
        GemmOsFloat,
        BASE
        | dict(
            rows=5,
            cols=3,
            a_format="e2m1",
            w_format="e3m2",
            pipeline=0,
            tile_rows=1,
            tile_cols=1,
        ),
    ),
}
SLOW = ("2x3-fp16-tf32-bf16", "1x4-tf32", "5x3-e2m1-e3m2")

GOOD = next(iter(CASES.values()))
SUMS = "for sums in fp32, not"
WRONG = [
    (
        GOOD,
        {"a_format": "int8"},
        ValueError,
        "Activation format must be a small float for sums in fp32, such as bf16, not 'int8'",
    ),
    (
        GOOD,
        {"w_format": "posit8_1"},
        ValueError,
        "Weight format must be a small float for sums in fp32, such as bf16, not 'posit8_1'",
    ),
    (GOOD, {"output": "scale"}, ValueError, f"Output must be raw, bf16 or fp16 {SUMS} scale"),
    (GOOD, {"output": "fp32"}, ValueError, f"Output must be raw, bf16 or fp16 {SUMS} fp32"),
    (GOOD, {"acc_width": 40}, ValueError, f"Parameter acc_width must be 0 {SUMS} 40"),
    (
        GOOD,
        {"overflow": "saturate"},
        ValueError,
        f"Parameter overflow must be wrap {SUMS} saturate",
    ),
    (GOOD, {"nan_inf": "flag"}, ValueError, f"Parameter nan_inf must be saturate {SUMS} flag"),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
