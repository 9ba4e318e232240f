"""The engine of MATRIX: its testbench, and parameters that it refuses."""

from brickwork.hdl.npu.matrix import Matrix
from refusals import choices, integers


def case(rows, cols, depth, w_format="int8", tile=4, pipeline=2, rounding="exact"):
    return Matrix, dict(
        rows=rows,
        cols=cols,
        tile_rows=tile,
        tile_cols=tile,
        w_format=w_format,
        pipeline=pipeline,
        acc_depth=depth,
        rounding=rounding,
    )


CASES = {
    "3x5": case(3, 5, 24),
    "1x1": case(1, 1, 16),
    "4x4": case(4, 4, 32, w_format="int4", rounding="float32"),
    "8x3": case(8, 3, 20, w_format="flint4"),
    "5x12": case(5, 12, 64, tile=8, pipeline=1),
    "16x16": case(16, 16, 784, tile=16),
}
#: What these have, others have, too; the last one computes a layer of ResNet-18.
SLOW = (
    "1x1",
    "4x4",
    "8x3",
    "5x12",
    "16x16",
)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "rows", "Row count", 1, 64),
    *integers(GOOD, "cols", "Column count", 1, 64),
    *integers(GOOD, "tile_rows", "Tile row count", 1),
    *integers(GOOD, "tile_cols", "Tile column count", 1),
    *integers(GOOD, "pipeline", "Pipeline register count", 0, 2),
    *integers(GOOD, "acc_depth", "Accumulator depth", 1, 65536),
    *choices(GOOD, "rounding", "Rounding", "'exact' or 'float32'"),
    (
        GOOD,
        {"w_format": "int4+flint4"},
        ValueError,
        "Weight format must be a single format, not 'int4+flint4'",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
