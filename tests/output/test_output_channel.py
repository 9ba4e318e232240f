"""Output channels and banks of them: testbench, and wrong parameters."""

from brickwork.hdl.output.output_channel import OutputChannel, OutputChannelBank
from refusals import choices, integer_formats, integers, roundings

CASES = {
    "bank-of-3-shift": (
        OutputChannelBank,
        dict(lanes=3, acc_width=12, output="shift", out_format="uint4", rounding="exact"),
    ),
    "scale": (
        OutputChannel,
        dict(acc_width=14, output="scale", out_format="int4", rounding="exact"),
    ),
    "float32": (
        OutputChannel,
        dict(acc_width=20, output="scale", out_format="int8", rounding="float32"),
    ),
    "bias": (OutputChannel, dict(acc_width=12, output="bias", out_format="int4", rounding="exact")),
    "threshold": (
        OutputChannel,
        dict(acc_width=9, output="threshold", out_format="int4", rounding="exact"),
    ),
    "bank-of-2-bias": (
        OutputChannelBank,
        dict(lanes=2, acc_width=5, output="bias", out_format="int8", rounding="exact"),
    ),
    "bank-of-5-scale": (
        OutputChannelBank,
        dict(lanes=5, acc_width=20, output="scale", out_format="uint8", rounding="exact"),
    ),
}
SLOW = ("bias", "bank-of-5-scale")

GOOD = next(iter(CASES.values()))
ONE = CASES["scale"]
WRONG = [
    *integers(GOOD, "lanes", "Lane count", 1),
    (
        GOOD,
        {"acc_width": 65},
        ValueError,
        "Accumulator width must be an integer from 2 to 64, not 65",
    ),
    *integers(ONE, "acc_width", "Accumulator width", 2, 103),
    *choices(ONE, "output", "Output", "'bias', 'scale', 'shift' or 'threshold'"),
    *integer_formats(ONE, "out_format", "Output format"),
    *roundings(ONE),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
