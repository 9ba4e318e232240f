"""Element of the weight-stationary array: its testbench, and wrong parameters."""

from brickwork.hdl.systolic.pe_ws import PeWs

CASES = {
    "int4-uint3-0": (PeWs, dict(a_format="int4", w_format="uint3", psum_width=9, pipeline=0)),
    "uint5-int2-1": (PeWs, dict(a_format="uint5", w_format="int2", psum_width=7, pipeline=1)),
    "int8-int8-2": (PeWs, dict(a_format="int8", w_format="int8", psum_width=20, pipeline=2)),
    "uint8-uint8-1": (PeWs, dict(a_format="uint8", w_format="uint8", psum_width=17, pipeline=1)),
    "int16-int16-2": (PeWs, dict(a_format="int16", w_format="int16", psum_width=40, pipeline=2)),
    "uint2-int16-0": (PeWs, dict(a_format="uint2", w_format="int16", psum_width=18, pipeline=0)),
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
        {"psum_width": 1},
        ValueError,
        "Partial sum width must be an integer of at least 2, not 1",
    ),
    (
        GOOD,
        {"psum_width": "4"},
        TypeError,
        "Partial sum width must be an integer of at least 2, not '4'",
    ),
    (
        GOOD,
        {"psum_width": True},
        TypeError,
        "Partial sum width must be an integer of at least 2, not True",
    ),
    (
        GOOD,
        {"psum_width": 6},
        ValueError,
        "Partial sum width 6 is less than the 7 bits of a product of int4 and uint3",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
