"""PE of the weight-stationary array: its testbench, and wrong parameters."""

from brickwork.hdl.systolic.pe_ws import PeWs
from refusals import formats, integers

CASES = {
    "int4-uint3-0": (PeWs, dict(a_format="int4", w_format="uint3", psum_width=9, pipeline=0)),
    "uint5-int2-1": (PeWs, dict(a_format="uint5", w_format="int2", psum_width=7, pipeline=1)),
    "int8-int8-2": (PeWs, dict(a_format="int8", w_format="int8", psum_width=20, pipeline=2)),
    "uint8-uint8-1": (PeWs, dict(a_format="uint8", w_format="uint8", psum_width=17, pipeline=1)),
    "int16-int16-2": (PeWs, dict(a_format="int16", w_format="int16", psum_width=40, pipeline=2)),
    "uint2-int16-0": (PeWs, dict(a_format="uint2", w_format="int16", psum_width=18, pipeline=0)),
}
SLOW = ("uint8-uint8-1", "uint2-int16-0")

GOOD = next(iter(CASES.values()))
WRONG = [
    *formats(GOOD, "a_format", "Activation format"),
    *formats(GOOD, "w_format", "Weight format"),
    *integers(GOOD, "pipeline", "Pipeline register count", 0, 2),
    *integers(GOOD, "psum_width", "Partial sum width", 2),
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
