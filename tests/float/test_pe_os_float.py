"""PE of the output-stationary array with sums in binary32: testbench, wrong parameters."""

from brickwork.hdl.float.pe_os_float import PeOsFloat
from refusals import formats, integers

BASE = dict(acc_width=32, overflow="wrap")

CASES = {
    "bf16-tf32-1": (PeOsFloat, BASE | dict(a_format="bf16", w_format="tf32", pipeline=1)),
    "fp16-bf16-0": (PeOsFloat, BASE | dict(a_format="fp16", w_format="bf16", pipeline=0)),
    "e4m3-e5m2-2": (PeOsFloat, BASE | dict(a_format="e4m3", w_format="e5m2", pipeline=2)),
}
SLOW = ("fp16-bf16-0",)

GOOD = next(iter(CASES.values()))
WRONG = [
    *formats(GOOD, "a_format", "Activation format"),
    *formats(GOOD, "w_format", "Weight format"),
    (
        GOOD,
        {"a_format": "int8"},
        ValueError,
        "Activation format must be a small float for sums in fp32, such as bf16, not 'int8'",
    ),
    *integers(GOOD, "pipeline", "Pipeline register count", 0, 2),
    (GOOD, {"acc_width": 33}, ValueError, "Accumulator width must be 32, not 33"),
    (GOOD, {"overflow": "saturate"}, ValueError, "Overflow must be 'wrap', not 'saturate'"),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
