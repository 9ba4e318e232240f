"""The requantizer: its testbench, and parameters that it refuses."""

from brickwork.hdl.arith.requantize import Requantize

CASES = {
    "scale-20-int8": (Requantize, dict(acc_width=20, output="scale", out_format="int8")),
    "shift-7-int4": (Requantize, dict(acc_width=7, output="shift", out_format="int4")),
    "scale-64-uint16": (Requantize, dict(acc_width=64, output="scale", out_format="uint16")),
    "scale-2-uint2": (Requantize, dict(acc_width=2, output="scale", out_format="uint2")),
    "shift-64-int16": (Requantize, dict(acc_width=64, output="shift", out_format="int16")),
    "scale-32-uint3": (Requantize, dict(acc_width=32, output="scale", out_format="uint3")),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    (
        GOOD,
        {"acc_width": 1},
        ValueError,
        "Accumulator width must be an integer from 2 to 64, not 1",
    ),
    (
        GOOD,
        {"acc_width": "4"},
        TypeError,
        "Accumulator width must be an integer from 2 to 64, not '4'",
    ),
    (
        GOOD,
        {"acc_width": True},
        TypeError,
        "Accumulator width must be an integer from 2 to 64, not True",
    ),
    (
        GOOD,
        {"acc_width": 65},
        ValueError,
        "Accumulator width must be an integer from 2 to 64, not 65",
    ),
    (GOOD, {"output": "other"}, ValueError, "Output must be 'scale' or 'shift', not 'other'"),
    (GOOD, {"output": 1}, TypeError, "Output must be 'scale' or 'shift', not 1"),
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
