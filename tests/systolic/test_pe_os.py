"""PE of the output-stationary array: its testbench, and wrong parameters."""

from brickwork.hdl.systolic.pe_os import PeOs
from refusals import choices, formats, integers

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
SLOW = ("uint8-uint8-1-saturate", "uint2-int16-0-wrap")

GOOD = next(iter(CASES.values()))
WRONG = [
    *formats(GOOD, "a_format", "Activation format"),
    *formats(GOOD, "w_format", "Weight format"),
    *integers(GOOD, "pipeline", "Pipeline register count", 0, 2),
    *integers(GOOD, "acc_width", "Accumulator width", 2, 128),
    *choices(GOOD, "overflow", "Overflow", "'wrap' or 'saturate'"),
    (
        GOOD,
        {"acc_width": 6, "overflow": "wrap"},
        ValueError,
        "Accumulator width 6 is less than the 7 bits of a product of int4 and uint3",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
