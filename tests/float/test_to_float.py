"""The conversion of integers to floating point: its testbench, and parameters that it refuses."""

from brickwork.hdl.float.to_float import ToFloat
from refusals import choices, integers

CASES = {
    "48-fp16, all ranges": (ToFloat, dict(width=48, unit=-28, format="fp16")),
    "96-fp16": (ToFloat, dict(width=96, unit=-48, format="fp16")),
    "8-fp16": (ToFloat, dict(width=8, unit=0, format="fp16")),
    "fp16, all subnormal": (ToFloat, dict(width=9, unit=-30, format="fp16")),
    "fp16, all zero": (ToFloat, dict(width=12, unit=-60, format="fp16")),
    "fp16, subnormal and the first normal": (ToFloat, dict(width=16, unit=-29, format="fp16")),
    "fp16, all overflow": (ToFloat, dict(width=5, unit=40, format="fp16")),
    "2-fp32": (ToFloat, dict(width=2, unit=0, format="fp32")),
    "23-fp32": (ToFloat, dict(width=23, unit=-14, format="fp32")),
    "60-fp32": (ToFloat, dict(width=60, unit=-30, format="fp32")),
    "128-fp32, underflow": (ToFloat, dict(width=128, unit=-190, format="fp32")),
    "128-fp32, overflow": (ToFloat, dict(width=128, unit=64, format="fp32")),
    "fp32, all zero": (ToFloat, dict(width=30, unit=-1024, format="fp32")),
    "fp32, all overflow": (ToFloat, dict(width=30, unit=1024, format="fp32")),
    "32-bf16": (ToFloat, dict(width=32, unit=-3, format="bf16")),
    "40-bf16, underflow": (ToFloat, dict(width=40, unit=-140, format="bf16")),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "width", "Width", 2, 128),
    *integers(GOOD, "unit", "Unit", -1024, 1024),
    *choices(GOOD, "format", "Format", "'fp32', 'bf16' or 'fp16'"),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
