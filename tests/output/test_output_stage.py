"""The output side: its testbench, and parameters that it refuses."""

from brickwork.hdl.output.output_stage import OutputStage
from refusals import OUTPUTS, choices, integer_formats, integers

CASES = {
    "5-scale-by-rows": (
        OutputStage,
        dict(
            cols=5,
            bank_cols=2,
            acc_width=9,
            output="scale",
            out_format="int4",
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
            depth=30,
            max_reserve=6,
            run_interval=8,
            special=1,
        ),
    ),
}
SLOW = ("1-bias", "4-shift-by-runs", "2-scale-by-runs-flag")

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "cols", "Column count", 1),
    *integers(GOOD, "bank_cols", "Bank column count", 1),
    *choices(GOOD, "output", "Output", OUTPUTS),
    *integers(GOOD, "depth", "Result queue depth", 2),
    *integers(GOOD, "max_reserve", "Largest reservation", 1),
    *integers(GOOD, "run_interval", "Run interval", 1),
    *integers(GOOD, "special", "Special flag", 0, 1),
    *integer_formats(GOOD, "out_format", "Output format"),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
