"""BitFusion's engine: its testbench, and parameters that it refuses."""

from brickwork.hdl.fusion.gemm_fusion import GemmFusion
from refusals import OUTPUTS, choices, integer_formats, integers, roundings

BASE = dict(
    tile_rows=16,
    tile_cols=16,
    acc_width=32,
    overflow="wrap",
    pipeline=2,
    acc_depth=8,
    output="raw",
    out_format="int8",
    rounding="exact",
)

CASES = {
    "3x2": (GemmFusion, BASE | dict(rows=3, cols=2, tile_rows=2, tile_cols=2, output="scale")),
    "1x1": (GemmFusion, BASE | dict(rows=1, cols=1, acc_depth=1, acc_width=48)),
    "2x3-bias": (GemmFusion, BASE | dict(rows=2, cols=3, pipeline=1, output="bias")),
    "5x1-shift-saturate": (
        GemmFusion,
        BASE | dict(rows=5, cols=1, overflow="saturate", acc_width=24, output="shift", pipeline=0),
    ),
    "4x3-wrap-narrow": (
        GemmFusion,
        BASE | dict(rows=4, cols=3, acc_width=17, acc_depth=30, tile_rows=1, tile_cols=1),
    ),
    "1x5": (GemmFusion, BASE | dict(rows=1, cols=5, output="scale", out_format="uint8")),
}
SLOW = ("2x3-bias", "4x3-wrap-narrow", "1x5")

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "rows", "Row count", 1, 1024),
    *integers(GOOD, "cols", "Column count", 1, 1024),
    *integers(GOOD, "tile_rows", "Tile row count", 1),
    *integers(GOOD, "tile_cols", "Tile column count", 1),
    *integers(GOOD, "acc_width", "Accumulator width", 17, 64),
    *choices(GOOD, "overflow", "Overflow", "'wrap' or 'saturate'"),
    *integers(GOOD, "pipeline", "Pipeline register count", 0, 2),
    *integers(GOOD, "acc_depth", "Accumulator depth", 1, 65536),
    *choices(GOOD, "output", "Output", OUTPUTS),
    *integer_formats(GOOD, "out_format", "Output format"),
    *roundings(GOOD),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
