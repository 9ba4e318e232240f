"""The requantizer: its testbench, and parameters that it refuses."""

from brickwork.hdl.arith.requantize import Requantize
from refusals import choices, integer_formats, integers, roundings

CASES = {
    "scale-20-int8": (
        Requantize,
        dict(acc_width=20, output="scale", out_format="int8", rounding="exact"),
    ),
    "shift-7-int4": (
        Requantize,
        dict(acc_width=7, output="shift", out_format="int4", rounding="exact"),
    ),
    "scale-64-uint16": (
        Requantize,
        dict(acc_width=64, output="scale", out_format="uint16", rounding="exact"),
    ),
    "scale-2-uint2": (
        Requantize,
        dict(acc_width=2, output="scale", out_format="uint2", rounding="exact"),
    ),
    "shift-64-int16": (
        Requantize,
        dict(acc_width=64, output="shift", out_format="int16", rounding="exact"),
    ),
    "shift-4-uint16": (
        Requantize,
        dict(acc_width=4, output="shift", out_format="uint16", rounding="exact"),
    ),
    "shift-14-int16": (
        Requantize,
        dict(acc_width=14, output="shift", out_format="int16", rounding="exact"),
    ),
    # The widest accumulator with a shift of 6 bits, and the narrowest with one of 7.
    "scale-39-int8": (
        Requantize,
        dict(acc_width=39, output="scale", out_format="int8", rounding="exact"),
    ),
    "scale-40-int8": (
        Requantize,
        dict(acc_width=40, output="scale", out_format="int8", rounding="exact"),
    ),
    "scale-97-int8": (
        Requantize,
        dict(acc_width=97, output="scale", out_format="int8", rounding="exact"),
    ),
    "float32-20-int8": (
        Requantize,
        dict(acc_width=20, output="scale", out_format="int8", rounding="float32"),
    ),
    "float32-32-uint8": (
        Requantize,
        dict(acc_width=32, output="scale", out_format="uint8", rounding="float32"),
    ),
    "float32-64-int16": (
        Requantize,
        dict(acc_width=64, output="scale", out_format="int16", rounding="float32"),
    ),
    "float32-2-uint16": (
        Requantize,
        dict(acc_width=2, output="scale", out_format="uint16", rounding="float32"),
    ),
    "float32-97-int2": (
        Requantize,
        dict(acc_width=97, output="scale", out_format="int2", rounding="float32"),
    ),
    "scale-32-uint3": (
        Requantize,
        dict(acc_width=32, output="scale", out_format="uint3", rounding="exact"),
    ),
}
SLOW = ("shift-64-int16", "shift-14-int16", "scale-32-uint3")

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "acc_width", "Accumulator width", 2, 103),
    *choices(GOOD, "output", "Output", "'scale' or 'shift'"),
    *integer_formats(GOOD, "out_format", "Output format"),
    *roundings(GOOD),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
