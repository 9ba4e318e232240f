"""Output-stationary mesh and tiles: testbench, and wrong parameters."""

from brickwork.hdl.systolic.mesh_os import MeshOs, TileOs

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

GOOD = next(iter(CASES.values()))
_, MESH = GOOD
TILE = (TileOs, MESH | {"tile_cols": 3, "level": 1})
WRONG = [
    (GOOD, {"rows": 0}, ValueError, "Row count must be a positive integer, not 0"),
    (GOOD, {"rows": "4"}, TypeError, "Row count must be a positive integer, not '4'"),
    (GOOD, {"rows": True}, TypeError, "Row count must be a positive integer, not True"),
    (GOOD, {"cols": 0}, ValueError, "Column count must be a positive integer, not 0"),
    (GOOD, {"cols": "4"}, TypeError, "Column count must be a positive integer, not '4'"),
    (GOOD, {"cols": True}, TypeError, "Column count must be a positive integer, not True"),
    (GOOD, {"tile_rows": 0}, ValueError, "Tile row count must be a positive integer, not 0"),
    (GOOD, {"tile_rows": "4"}, TypeError, "Tile row count must be a positive integer, not '4'"),
    (GOOD, {"tile_rows": True}, TypeError, "Tile row count must be a positive integer, not True"),
    (GOOD, {"tile_cols": 0}, ValueError, "Tile column count must be a positive integer, not 0"),
    (GOOD, {"tile_cols": "4"}, TypeError, "Tile column count must be a positive integer, not '4'"),
    (
        GOOD,
        {"tile_cols": True},
        TypeError,
        "Tile column count must be a positive integer, not True",
    ),
    (
        GOOD,
        {"a_format": "int1"},
        ValueError,
        "Activation format must be int<N> or uint<N> with N from 2 to 16, not 'int1'",
    ),
    (
        GOOD,
        {"a_format": "uint17"},
        ValueError,
        "Activation format must be int<N> or uint<N> with N from 2 to 16, not 'uint17'",
    ),
    (
        GOOD,
        {"a_format": 8},
        TypeError,
        "Activation format must be int<N> or uint<N> with N from 2 to 16, not 8",
    ),
    (
        GOOD,
        {"w_format": "int1"},
        ValueError,
        "Weight format must be int<N> or uint<N> with N from 2 to 16, not 'int1'",
    ),
    (
        GOOD,
        {"w_format": "uint17"},
        ValueError,
        "Weight format must be int<N> or uint<N> with N from 2 to 16, not 'uint17'",
    ),
    (
        GOOD,
        {"w_format": 8},
        TypeError,
        "Weight format must be int<N> or uint<N> with N from 2 to 16, not 8",
    ),
    (
        GOOD,
        {"acc_width": 1},
        ValueError,
        "Accumulator width must be an integer from 2 to 64, not 1",
    ),
    (
        GOOD,
        {"acc_width": "4"},
        TypeError,
        "Accumulator width must be an integer from 2 to 64, not '4'",
    ),
    (
        GOOD,
        {"acc_width": True},
        TypeError,
        "Accumulator width must be an integer from 2 to 64, not True",
    ),
    (
        GOOD,
        {"acc_width": 65},
        ValueError,
        "Accumulator width must be an integer from 2 to 64, not 65",
    ),
    (
        GOOD,
        {"pipeline": -1},
        ValueError,
        "Pipeline register count must be an integer from 0 to 2, not -1",
    ),
    (
        GOOD,
        {"pipeline": "4"},
        TypeError,
        "Pipeline register count must be an integer from 0 to 2, not '4'",
    ),
    (
        GOOD,
        {"pipeline": True},
        TypeError,
        "Pipeline register count must be an integer from 0 to 2, not True",
    ),
    (
        GOOD,
        {"pipeline": 3},
        ValueError,
        "Pipeline register count must be an integer from 0 to 2, not 3",
    ),
    (GOOD, {"overflow": "other"}, ValueError, "Overflow must be 'wrap' or 'saturate', not 'other'"),
    (GOOD, {"overflow": 1}, TypeError, "Overflow must be 'wrap' or 'saturate', not 1"),
    (
        GOOD,
        {"acc_width": 6},
        ValueError,
        "Accumulator width 6 is less than the 7 bits of a product of int4 and uint3",
    ),
    (TILE, {"level": -1}, ValueError, "Level must be a non-negative integer, not -1"),
    (TILE, {"level": True}, TypeError, "Level must be a non-negative integer, not True"),
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
