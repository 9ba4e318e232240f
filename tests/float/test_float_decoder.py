"""Decoders of small floats, and banks of them: testbench, and parameters that they refuse."""

from brickwork.hdl.float.float_decoder import FloatDecoder, FloatDecoderBank
from refusals import integers

CASES = {
    "e4m3": (FloatDecoder, dict(format="e4m3")),
    "e5m2": (FloatDecoder, dict(format="e5m2")),
    "fp16": (FloatDecoder, dict(format="fp16")),
    "bf16": (FloatDecoder, dict(format="bf16")),
    "e2m1": (FloatDecoder, dict(format="e2m1")),
    "e3m0": (FloatDecoder, dict(format="e3m0")),
    "e5m10": (FloatDecoder, dict(format="e5m10")),
    "cfloat8_e5m2": (FloatDecoder, dict(format="cfloat8_e5m2")),
    "3-e4m3": (FloatDecoderBank, dict(lanes=3, format="e4m3")),
    "2-bf16": (FloatDecoderBank, dict(lanes=2, format="bf16")),
}
SLOW = ("bf16", "e5m10", "2-bf16")

ONE = CASES["e4m3"]
BANK = CASES["3-e4m3"]
WRONG = [
    (
        ONE,
        {"format": "int8"},
        ValueError,
        "Format must be a small float for sums in fp32, such as bf16, not 'int8'",
    ),
    (
        ONE,
        {"format": "e4m4x"},
        ValueError,
        "Format must be a number format, or several joined by +, not 'e4m4x'; did you mean 'e4m3'?",
    ),
    (
        BANK,
        {"format": "posit8_1"},
        ValueError,
        "Format must be a small float for sums in fp32, such as bf16, not 'posit8_1'",
    ),
    *integers(BANK, "lanes", "Lane count", 1),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
