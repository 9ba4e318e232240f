"""Output channels and banks of them: testbench, and wrong parameters."""

from brickwork.hdl.systolic.channel import Channel, ChannelBank

CASES = {
    "bank-of-3-shift": (
        ChannelBank,
        dict(lanes=3, acc_width=12, output="shift", out_format="uint4"),
    ),
    "scale": (Channel, dict(acc_width=14, output="scale", out_format="int4")),
    "bias": (Channel, dict(acc_width=12, output="bias", out_format="int4")),
    "bank-of-2-bias": (ChannelBank, dict(lanes=2, acc_width=5, output="bias", out_format="int8")),
    "bank-of-5-scale": (
        ChannelBank,
        dict(lanes=5, acc_width=20, output="scale", out_format="uint8"),
    ),
}

GOOD = next(iter(CASES.values()))
ONE = CASES["scale"]
WRONG = [
    (GOOD, {"lanes": 0}, ValueError, "Lane count must be a positive integer, not 0"),
    (GOOD, {"lanes": "4"}, TypeError, "Lane count must be a positive integer, not '4'"),
    (GOOD, {"lanes": True}, TypeError, "Lane count must be a positive integer, not True"),
    (
        GOOD,
        {"acc_width": 65},
        ValueError,
        "Accumulator width must be an integer from 2 to 64, not 65",
    ),
    (ONE, {"acc_width": 1}, ValueError, "Accumulator width must be an integer from 2 to 64, not 1"),
    (
        ONE,
        {"acc_width": "4"},
        TypeError,
        "Accumulator width must be an integer from 2 to 64, not '4'",
    ),
    (
        ONE,
        {"acc_width": True},
        TypeError,
        "Accumulator width must be an integer from 2 to 64, not True",
    ),
    (
        ONE,
        {"acc_width": 65},
        ValueError,
        "Accumulator width must be an integer from 2 to 64, not 65",
    ),
    (
        ONE,
        {"output": "other"},
        ValueError,
        "Output must be 'bias', 'scale' or 'shift', not 'other'",
    ),
    (ONE, {"output": 1}, TypeError, "Output must be 'bias', 'scale' or 'shift', not 1"),
    (
        ONE,
        {"out_format": "int1"},
        ValueError,
        "Output format must be int<N> or uint<N> with N from 2 to 16, not 'int1'",
    ),
    (
        ONE,
        {"out_format": "uint17"},
        ValueError,
        "Output format must be int<N> or uint<N> with N from 2 to 16, not 'uint17'",
    ),
    (
        ONE,
        {"out_format": 8},
        TypeError,
        "Output format must be int<N> or uint<N> with N from 2 to 16, not 8",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
