"""PE with sums in binary32: its testbench, and parameters that it refuses."""

from brickwork.hdl.float.pe_float import PeFloat
from refusals import integers

CASES = {
    "e4m3-e2m1-0": (PeFloat, dict(a_format="e4m3", w_format="e2m1", psum_width=32, pipeline=0)),
    "bf16-bf16-1": (PeFloat, dict(a_format="bf16", w_format="bf16", psum_width=32, pipeline=1)),
    "bf16-bf16-2": (PeFloat, dict(a_format="bf16", w_format="bf16", psum_width=32, pipeline=2)),
    "fp16-tf32-2": (PeFloat, dict(a_format="fp16", w_format="tf32", psum_width=32, pipeline=2)),
}
SLOW = ("bf16-bf16-1",)

GOOD = next(iter(CASES.values()))
FLOATS = "must be a small float for sums in fp32, such as bf16, not"
WRONG = [
    (GOOD, {"a_format": "int8"}, ValueError, f"Activation format {FLOATS} 'int8'"),
    (GOOD, {"w_format": "flint4"}, ValueError, f"Weight format {FLOATS} 'flint4'"),
    *integers(GOOD, "pipeline", "Pipeline register count", 0, 2),
    (GOOD, {"psum_width": 31}, ValueError, "Partial sum width must be 32, not 31"),
    (
        GOOD,
        {"w_format": "e3m0"},
        ValueError,
        "Mantissa width of w must be an integer from 1 to 21, not 0",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
