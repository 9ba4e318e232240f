"""Accumulators of scaled groups and banks of them: testbench, and parameters that they refuse."""

from brickwork.hdl.float.scaled_accumulator import ScaledAccumulator, ScaledAccumulatorBank
from refusals import choices, integers

MX = dict(psum_width=13, group_width=0, unit=-6, w_scale="e8m0", a_scale="e8m0")
NVFP4 = dict(psum_width=12, group_width=0, unit=-2, w_scale="e4m3", a_scale="e4m3")
W4A16 = dict(psum_width=20, group_width=23, unit=-24, w_scale="fp16", a_scale="none")

CASES = {
    "bank-of-3-mx": (ScaledAccumulatorBank, MX | dict(lanes=3, depth=5)),
    "nvfp4-one-row": (ScaledAccumulator, NVFP4 | dict(depth=1)),
    "bank-of-2-fp16-tiles": (ScaledAccumulatorBank, W4A16 | dict(lanes=2, depth=9)),
    "bf16-tiles-one-row": (
        ScaledAccumulator,
        W4A16 | dict(w_scale="bf16", a_scale="e8m0", depth=1),
    ),
    "64-bits-tiles": (
        ScaledAccumulator,
        dict(psum_width=62, group_width=64, unit=-48, w_scale="e4m3", a_scale="none", depth=30),
    ),
    "bank-of-2-wide-sums": (
        ScaledAccumulatorBank,
        dict(
            lanes=2,
            psum_width=90,
            group_width=0,
            unit=-170,
            w_scale="fp16",
            a_scale="e4m3",
            depth=8,
        ),
    ),
    "group-of-psum-width": (
        ScaledAccumulator,
        NVFP4 | dict(group_width=12, w_scale="e8m0", a_scale="none", depth=6),
    ),
}
SLOW = ("64-bits-tiles", "group-of-psum-width")

GOOD = next(iter(CASES.values()))
ONE = CASES["nvfp4-one-row"]
WRONG = [
    *integers(GOOD, "lanes", "Lane count", 1),
    *integers(ONE, "psum_width", "Partial sum width", 2, 128),
    *integers(ONE, "group_width", "Group sum width", 0, 64),
    (
        ONE,
        {"group_width": 11},
        ValueError,
        "Group sum width 11 is less than the 12 bits of a tile's sum",
    ),
    *integers(ONE, "unit", "Unit", -1024, 1024),
    *choices(ONE, "w_scale", "Weight scale format", "'fp16', 'bf16', 'e4m3' or 'e8m0'"),
    *choices(ONE, "a_scale", "Activation scale format", "'none', 'e4m3' or 'e8m0'"),
    *integers(ONE, "depth", "Accumulator depth", 1),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
