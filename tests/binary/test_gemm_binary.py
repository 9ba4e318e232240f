"""The engine of one-bit products: its testbench, and parameters that it refuses."""

from brickwork.hdl.binary.gemm_binary import GemmBinary
from refusals import OUTPUTS, choices, integer_formats, integers, roundings

BASE = dict(
    tile_rows=16,
    tile_cols=16,
    code="bin",
    pack=3,
    count="compressors",
    serial=1,
    acc_width=32,
    overflow="wrap",
    pipeline=2,
    acc_depth=8,
    output="raw",
    out_format="int8",
    rounding="exact",
)

CASES = {
    "3x2": (GemmBinary, BASE | dict(rows=3, cols=2, tile_rows=2, tile_cols=2, output="scale")),
    "2x3-bit": (
        GemmBinary,
        BASE | dict(rows=2, cols=3, pack=8, code="bit", count="adders", output="bias", pipeline=1),
    ),
    "2x4-threshold": (
        GemmBinary,
        BASE | dict(rows=2, cols=4, pack=4, serial=0, acc_width=12, output="threshold"),
    ),
    "1x1-narrow": (
        GemmBinary,
        BASE | dict(rows=1, cols=1, pack=2, acc_depth=1, acc_width=6, pipeline=0),
    ),
    "4x2-plain": (
        GemmBinary,
        BASE | dict(rows=4, cols=2, pack=32, serial=0, acc_width=10, tile_rows=1, output="shift"),
    ),
    "3x2-plain-bit": (
        GemmBinary,
        BASE | dict(rows=3, cols=2, pack=5, serial=0, code="bit", count="adders", acc_width=9),
    ),
    # As many products as a count of 4 bits has, and columns beyond N.
    "3x5-all-ones": (
        GemmBinary,
        BASE | dict(rows=3, cols=5, pack=5, tile_rows=2, tile_cols=2, acc_depth=4, output="bias"),
    ),
}
SLOW = ("4x2-plain", "3x2-plain-bit")

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "rows", "Row count", 1, 1024),
    *integers(GOOD, "cols", "Column count", 1, 1024),
    *integers(GOOD, "tile_rows", "Tile row count", 1),
    *integers(GOOD, "tile_cols", "Tile column count", 1),
    *integers(GOOD, "pack", "Product count", 2, 256),
    *integers(GOOD, "serial", "Bit-serial flag", 0, 1),
    *integers(GOOD, "acc_width", "Accumulator width", 2, 62),
    *choices(GOOD, "code", "Code", "'bin' or 'bit'"),
    *choices(GOOD, "count", "Count", "'compressors' or 'adders'"),
    (GOOD, {"overflow": "saturate"}, ValueError, "Overflow must be wrap, not saturate"),
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
