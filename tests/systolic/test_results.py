"""The output side: its testbench, and parameters that it refuses."""

from brickwork.hdl.systolic.results import Results

CASES = {
    "5-scale-by-rows": (
        Results,
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
        Results,
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
        Results,
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
    "4-raw": (
        Results,
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
        Results,
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
        Results,
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
}

GOOD = next(iter(CASES.values()))
WRONG = [
    (GOOD, {"cols": 0}, ValueError, "Column count must be a positive integer, not 0"),
    (GOOD, {"cols": "4"}, TypeError, "Column count must be a positive integer, not '4'"),
    (GOOD, {"cols": True}, TypeError, "Column count must be a positive integer, not True"),
    (GOOD, {"bank_cols": 0}, ValueError, "Bank column count must be a positive integer, not 0"),
    (GOOD, {"bank_cols": "4"}, TypeError, "Bank column count must be a positive integer, not '4'"),
    (
        GOOD,
        {"bank_cols": True},
        TypeError,
        "Bank column count must be a positive integer, not True",
    ),
    (
        GOOD,
        {"output": "other"},
        ValueError,
        "Output must be 'raw', 'bias', 'scale' or 'shift', not 'other'",
    ),
    (GOOD, {"output": 1}, TypeError, "Output must be 'raw', 'bias', 'scale' or 'shift', not 1"),
    (GOOD, {"depth": 1}, ValueError, "Result queue depth must be an integer of at least 2, not 1"),
    (
        GOOD,
        {"depth": "4"},
        TypeError,
        "Result queue depth must be an integer of at least 2, not '4'",
    ),
    (
        GOOD,
        {"depth": True},
        TypeError,
        "Result queue depth must be an integer of at least 2, not True",
    ),
    (GOOD, {"max_reserve": 0}, ValueError, "Largest reservation must be a positive integer, not 0"),
    (
        GOOD,
        {"max_reserve": "4"},
        TypeError,
        "Largest reservation must be a positive integer, not '4'",
    ),
    (
        GOOD,
        {"max_reserve": True},
        TypeError,
        "Largest reservation must be a positive integer, not True",
    ),
    (GOOD, {"run_interval": 0}, ValueError, "Run interval must be a positive integer, not 0"),
    (GOOD, {"run_interval": "4"}, TypeError, "Run interval must be a positive integer, not '4'"),
    (GOOD, {"run_interval": True}, TypeError, "Run interval must be a positive integer, not True"),
    (
        GOOD,
        {"out_format": "int1"},
        ValueError,
        "Output format must be int<N> or uint<N> with N from 2 to 16, not 'int1'",
    ),
    (
        GOOD,
        {"out_format": "uint17"},
        ValueError,
        "Output format must be int<N> or uint<N> with N from 2 to 16, not 'uint17'",
    ),
    (
        GOOD,
        {"out_format": 8},
        TypeError,
        "Output format must be int<N> or uint<N> with N from 2 to 16, not 8",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
