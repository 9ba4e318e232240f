"""Array of fusion units and its tiles: their testbench, and wrong parameters."""

from brickwork.hdl.fusion.mesh_fusion import MeshFusion, TileFusion
from refusals import integers

BASE = dict(tile_rows=2, tile_cols=2, psum_width=20, pipeline=2)

CASES = {
    "2x3": (MeshFusion, BASE | dict(rows=2, cols=3, pipeline=1)),
    "1x1": (
        MeshFusion,
        BASE | dict(rows=1, cols=1, tile_rows=1, tile_cols=1, psum_width=17, pipeline=0),
    ),
    "5x3-tiles-of-1x2": (
        MeshFusion,
        BASE | dict(rows=5, cols=3, tile_rows=1, psum_width=17),
    ),
    "5x3-tiles-of-4x2": (MeshFusion, BASE | dict(rows=5, cols=3, tile_rows=4, pipeline=0)),
    "1x17-tiles-of-1x1": (
        MeshFusion,
        BASE | dict(rows=1, cols=17, tile_rows=1, tile_cols=1, psum_width=30),
    ),
}
SLOW = ("5x3-tiles-of-4x2", "1x17-tiles-of-1x1")

GOOD = next(iter(CASES.values()))
_, MESH = GOOD
TILE = (TileFusion, MESH | {"tile_cols": 3, "level": 1})
WRONG = [
    *integers(GOOD, "rows", "Row count", 1),
    *integers(GOOD, "cols", "Column count", 1),
    *integers(GOOD, "tile_rows", "Tile row count", 1),
    *integers(GOOD, "tile_cols", "Tile column count", 1),
    *integers(GOOD, "psum_width", "Partial sum width", 2),
    *integers(GOOD, "pipeline", "Pipeline register count", 0, 2),
    (
        GOOD,
        {"psum_width": 16},
        ValueError,
        "Partial sum width 16 is less than the 17 bits of a fused sum",
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
