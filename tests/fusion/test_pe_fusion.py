"""PE of the array of fusion units: its testbench, and wrong parameters."""

from brickwork.hdl.fusion.pe_fusion import PeFusion
from refusals import integers

CASES = {
    "17-0": (PeFusion, dict(psum_width=17, pipeline=0)),
    "20-1": (PeFusion, dict(psum_width=20, pipeline=1)),
    "40-2": (PeFusion, dict(psum_width=40, pipeline=2)),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "pipeline", "Pipeline register count", 0, 2),
    *integers(GOOD, "psum_width", "Partial sum width", 2),
    (
        GOOD,
        {"psum_width": 16},
        ValueError,
        "Partial sum width 16 is less than the 17 bits of a fused sum",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
