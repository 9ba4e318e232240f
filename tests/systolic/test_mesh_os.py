"""Output-stationary mesh and tiles: testbench, and wrong parameters."""

from brickwork.hdl.systolic.mesh_os import MeshOs, TileOs
from refusals import choices, formats, integers

CASES = {
    "3x5": (
        MeshOs,
        dict(
            rows=3,
            cols=5,
            tile_rows=2,
            tile_cols=2,
            a_format="int4",
            w_format="uint3",
            acc_width=10,
            overflow="saturate",
            pipeline=1,
        ),
    ),
    "1x1": (
        MeshOs,
        dict(
            rows=1,
            cols=1,
            tile_rows=1,
            tile_cols=1,
            a_format="int8",
            w_format="int8",
            acc_width=16,
            overflow="wrap",
            pipeline=0,
        ),
    ),
    "5x3-tiles-of-1x2": (
        MeshOs,
        dict(
            rows=5,
            cols=3,
            tile_rows=1,
            tile_cols=2,
            a_format="uint5",
            w_format="int2",
            acc_width=8,
            overflow="saturate",
            pipeline=2,
        ),
    ),
    "9x2-tiles-of-1x1": (
        MeshOs,
        dict(
            rows=9,
            cols=2,
            tile_rows=1,
            tile_cols=1,
            a_format="int8",
            w_format="uint8",
            acc_width=20,
            overflow="wrap",
            pipeline=1,
        ),
    ),
    "6x7-tiles-of-4x4": (
        MeshOs,
        dict(
            rows=6,
            cols=7,
            tile_rows=4,
            tile_cols=4,
            a_format="int3",
            w_format="int3",
            acc_width=7,
            overflow="saturate",
            pipeline=0,
        ),
    ),
    "2x18-tiles-of-1x1": (
        MeshOs,
        dict(
            rows=2,
            cols=18,
            tile_rows=1,
            tile_cols=1,
            a_format="uint2",
            w_format="uint2",
            acc_width=6,
            overflow="saturate",
            pipeline=2,
        ),
    ),
}
SLOW = ("9x2-tiles-of-1x1", "6x7-tiles-of-4x4")

GOOD = next(iter(CASES.values()))
_, MESH = GOOD
TILE = (TileOs, MESH | {"tile_cols": 3, "level": 1})
WRONG = [
    *integers(GOOD, "rows", "Row count", 1),
    *integers(GOOD, "cols", "Column count", 1),
    *integers(GOOD, "tile_rows", "Tile row count", 1),
    *integers(GOOD, "tile_cols", "Tile column count", 1),
    *formats(GOOD, "a_format", "Activation format"),
    *formats(GOOD, "w_format", "Weight format"),
    *integers(GOOD, "acc_width", "Accumulator width", 2, 128),
    *integers(GOOD, "pipeline", "Pipeline register count", 0, 2),
    *choices(GOOD, "overflow", "Overflow", "'wrap' or 'saturate'"),
    (
        GOOD,
        {"acc_width": 6, "overflow": "wrap"},
        ValueError,
        "Accumulator width 6 is less than the 7 bits of a product of int4 and uint3",
    ),
    *integers(TILE, "level", "Level", 0),
    (
        TILE,
        {"rows": 9},
        ValueError,
        "Row count 9 is more than the 8 of a tile of level 1 (= 2 × 4^1)",
    ),
    (
        TILE,
        {"cols": 13},
        ValueError,
        "Column count 13 is more than the 12 of a tile of level 1 (= 3 × 4^1)",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
