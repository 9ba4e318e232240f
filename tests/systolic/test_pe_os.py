"""Element of the output-stationary array: its testbench, and wrong parameters."""

from brickwork.hdl.systolic.pe_os import PeOs

CASES = {
    "int4-uint3-0-saturate": (
        PeOs,
        dict(a_format="int4", w_format="uint3", acc_width=9, overflow="saturate", pipeline=0),
    ),
    "uint5-int2-1-wrap": (
        PeOs,
        dict(a_format="uint5", w_format="int2", acc_width=7, overflow="wrap", pipeline=1),
    ),
    "int8-int8-2-saturate": (
        PeOs,
        dict(a_format="int8", w_format="int8", acc_width=16, overflow="saturate", pipeline=2),
    ),
    "uint8-uint8-1-saturate": (
        PeOs,
        dict(a_format="uint8", w_format="uint8", acc_width=17, overflow="saturate", pipeline=1),
    ),
    "int16-int16-2-wrap": (
        PeOs,
        dict(a_format="int16", w_format="int16", acc_width=40, overflow="wrap", pipeline=2),
    ),
    "uint2-int16-0-wrap": (
        PeOs,
        dict(a_format="uint2", w_format="int16", acc_width=18, overflow="wrap", pipeline=0),
    ),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    (
        GOOD,
        {"a_format": "int1"},
        ValueError,
        "Activation format must be int<N> or uint<N> with N from 2 to 16, not 'int1'",
    ),
    (
        GOOD,
        {"a_format": "uint17"},
        ValueError,
        "Activation format must be int<N> or uint<N> with N from 2 to 16, not 'uint17'",
    ),
    (
        GOOD,
        {"a_format": 8},
        TypeError,
        "Activation format must be int<N> or uint<N> with N from 2 to 16, not 8",
    ),
    (
        GOOD,
        {"w_format": "int1"},
        ValueError,
        "Weight format must be int<N> or uint<N> with N from 2 to 16, not 'int1'",
    ),
    (
        GOOD,
        {"w_format": "uint17"},
        ValueError,
        "Weight format must be int<N> or uint<N> with N from 2 to 16, not 'uint17'",
    ),
    (
        GOOD,
        {"w_format": 8},
        TypeError,
        "Weight format must be int<N> or uint<N> with N from 2 to 16, not 8",
    ),
    (
        GOOD,
        {"pipeline": -1},
        ValueError,
        "Pipeline register count must be an integer from 0 to 2, not -1",
    ),
    (
        GOOD,
        {"pipeline": "4"},
        TypeError,
        "Pipeline register count must be an integer from 0 to 2, not '4'",
    ),
    (
        GOOD,
        {"pipeline": True},
        TypeError,
        "Pipeline register count must be an integer from 0 to 2, not True",
    ),
    (
        GOOD,
        {"pipeline": 3},
        ValueError,
        "Pipeline register count must be an integer from 0 to 2, not 3",
    ),
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
    (GOOD, {"overflow": "other"}, ValueError, "Overflow must be 'wrap' or 'saturate', not 'other'"),
    (GOOD, {"overflow": 1}, TypeError, "Overflow must be 'wrap' or 'saturate', not 1"),
    (
        GOOD,
        {"acc_width": 6},
        ValueError,
        "Accumulator width 6 is less than the 7 bits of a product of int4 and uint3",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
