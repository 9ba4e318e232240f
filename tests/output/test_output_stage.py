"""The output side: its testbench, and parameters that it refuses."""

from brickwork.hdl.output.output_stage import OutputStage
from refusals import OUTPUTS, choices, integer_formats, integers, roundings

CASES = {
    "5-scale-by-rows": (
        OutputStage,
        dict(
            cols=5,
            bank_cols=2,
            acc_width=9,
            output="scale",
            out_format="int4",
            rounding="exact",
            depth=29,
            max_reserve=1,
            run_interval=6,
        ),
    ),
    "3-bias-by-runs": (
        OutputStage,
        dict(
            cols=3,
            bank_cols=3,
            acc_width=9,
            output="bias",
            out_format="int4",
            rounding="exact",
            depth=32,
            max_reserve=5,
            run_interval=20,
        ),
    ),
    "1-bias": (
        OutputStage,
        dict(
            cols=1,
            bank_cols=1,
            acc_width=9,
            output="bias",
            out_format="int4",
            rounding="exact",
            depth=12,
            max_reserve=4,
            run_interval=3,
        ),
    ),
    "3-threshold": (
        OutputStage,
        dict(
            cols=3,
            bank_cols=2,
            acc_width=9,
            output="threshold",
            out_format="int4",
            rounding="exact",
            depth=16,
            max_reserve=2,
            run_interval=4,
        ),
    ),
    "4-raw": (
        OutputStage,
        dict(
            cols=4,
            bank_cols=3,
            acc_width=9,
            output="raw",
            out_format="int4",
            rounding="exact",
            depth=16,
            max_reserve=4,
            run_interval=3,
        ),
    ),
    "4-shift-by-runs": (
        OutputStage,
        dict(
            cols=4,
            bank_cols=3,
            acc_width=9,
            output="shift",
            out_format="uint3",
            rounding="exact",
            depth=40,
            max_reserve=12,
            run_interval=9,
        ),
    ),
    "7-scale-few-places": (
        OutputStage,
        dict(
            cols=7,
            bank_cols=1,
            acc_width=16,
            output="scale",
            out_format="uint8",
            rounding="exact",
            depth=6,
            max_reserve=3,
            run_interval=30,
        ),
    ),
    "5-raw-flag": (
        OutputStage,
        dict(
            cols=5,
            bank_cols=2,
            acc_width=7,
            output="raw",
            out_format="int4",
            rounding="exact",
            depth=18,
            max_reserve=1,
            run_interval=4,
            special=1,
        ),
    ),
    "2-scale-by-runs-flag": (
        OutputStage,
        dict(
            cols=2,
            bank_cols=2,
            acc_width=12,
            output="scale",
            out_format="int5",
            rounding="exact",
            depth=30,
            max_reserve=6,
            run_interval=8,
            special=1,
        ),
    ),
    "3-fp16": (
        OutputStage,
        dict(
            cols=3,
            bank_cols=2,
            acc_width=24,
            output="fp16",
            out_format="int8",
            rounding="exact",
            depth=20,
            max_reserve=1,
            run_interval=5,
            special=1,
            unit=-20,
        ),
    ),
    "2-fp32-by-runs": (
        OutputStage,
        dict(
            cols=2,
            bank_cols=1,
            acc_width=70,
            output="fp32",
            out_format="int8",
            rounding="exact",
            depth=24,
            max_reserve=4,
            run_interval=6,
            unit=-48,
        ),
    ),
    "4-bf16-of-floats": (
        OutputStage,
        dict(
            cols=4,
            bank_cols=3,
            acc_width=32,
            output="bf16",
            out_format="int8",
            rounding="exact",
            depth=18,
            max_reserve=1,
            run_interval=3,
            float_sums=1,
        ),
    ),
    "3-fp16-of-floats-by-runs": (
        OutputStage,
        dict(
            cols=3,
            bank_cols=3,
            acc_width=32,
            output="fp16",
            out_format="int8",
            rounding="exact",
            depth=20,
            max_reserve=3,
            run_interval=4,
            special=1,
            float_sums=1,
        ),
    ),
    "3-raw-of-floats": (
        OutputStage,
        dict(
            cols=3,
            bank_cols=2,
            acc_width=32,
            output="raw",
            out_format="int8",
            rounding="exact",
            depth=15,
            max_reserve=1,
            run_interval=5,
            float_sums=1,
        ),
    ),
}
SLOW = (
    "1-bias",
    "4-shift-by-runs",
    "2-scale-by-runs-flag",
    "2-fp32-by-runs",
    "3-fp16-of-floats-by-runs",
    "3-raw-of-floats",
)

GOOD = next(iter(CASES.values()))
FLOATS = CASES["4-bf16-of-floats"]
OF_FLOATS = "Sums in binary32 must have 32 bits and an output of raw, bf16 or fp16"
WRONG = [
    *integers(GOOD, "cols", "Column count", 1),
    *integers(GOOD, "bank_cols", "Bank column count", 1),
    *choices(GOOD, "output", "Output", OUTPUTS),
    *integers(GOOD, "depth", "Result queue depth", 2),
    *integers(GOOD, "max_reserve", "Largest reservation", 1),
    *integers(GOOD, "run_interval", "Run interval", 1),
    *integers(GOOD, "special", "Special flag", 0, 1),
    *integer_formats(GOOD, "out_format", "Output format"),
    *roundings(GOOD),
    *integers(GOOD, "unit", "Unit", -1024, 1024),
    *integers(CASES["3-fp16"], "unit", "Unit", -1024, 1024),
    *integers(GOOD, "float_sums", "Float sums", 0, 1),
    (
        CASES["3-fp16"],
        {"acc_width": 129},
        ValueError,
        "Width must be an integer from 2 to 128, not 129",
    ),
    (FLOATS, {"acc_width": 31}, ValueError, f"{OF_FLOATS}, not 31 bits and bf16"),
    (FLOATS, {"output": "fp32"}, ValueError, f"{OF_FLOATS}, not 32 bits and fp32"),
    (FLOATS, {"output": "scale"}, ValueError, f"{OF_FLOATS}, not 32 bits and scale"),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
