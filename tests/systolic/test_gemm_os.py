"""The output-stationary engine: its testbench, and parameters that it refuses."""

from brickwork.hdl.systolic.gemm_os import GemmOs

BASE = dict(
    tile_rows=16,
    tile_cols=16,
    a_format="int8",
    w_format="int8",
    max_k=65536,
    acc_width=0,
    overflow="wrap",
    pipeline=1,
    output="raw",
    out_format="int8",
)

CASES = {
    "3x5": (
        GemmOs,
        BASE | dict(rows=3, cols=5, tile_rows=2, tile_cols=2, output="scale", max_k=64),
    ),
    "1x1": (GemmOs, BASE | dict(rows=1, cols=1)),
    "2x3-uint8-pipeline-2-bias": (
        GemmOs,
        BASE
        | dict(
            rows=2, cols=3, a_format="uint8", w_format="int4", pipeline=2, output="bias", max_k=300
        ),
    ),
    "5x3-shift-saturate": (
        GemmOs,
        BASE
        | dict(
            rows=5,
            cols=3,
            a_format="uint4",
            w_format="int3",
            acc_width=12,
            overflow="saturate",
            pipeline=0,
            output="shift",
            out_format="uint5",
            tile_rows=1,
            tile_cols=1,
        ),
    ),
    "4x2-wrap-narrow": (
        GemmOs,
        BASE | dict(rows=4, cols=2, acc_width=16, overflow="wrap", pipeline=0),
    ),
    "9x2-saturate-narrow": (
        GemmOs,
        BASE
        | dict(
            rows=9, cols=2, acc_width=17, overflow="saturate", pipeline=2, tile_rows=2, tile_cols=1
        ),
    ),
    "1x7-scale": (
        GemmOs,
        BASE | dict(rows=1, cols=7, output="scale", out_format="uint8", w_format="uint8", max_k=50),
    ),
    "7x1-max-k-5": (GemmOs, BASE | dict(rows=7, cols=1, max_k=5, output="bias")),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    (GOOD, {"rows": 0}, ValueError, "Row count must be an integer from 1 to 1024, not 0"),
    (GOOD, {"rows": "4"}, TypeError, "Row count must be an integer from 1 to 1024, not '4'"),
    (GOOD, {"rows": True}, TypeError, "Row count must be an integer from 1 to 1024, not True"),
    (GOOD, {"rows": 1025}, ValueError, "Row count must be an integer from 1 to 1024, not 1025"),
    (GOOD, {"cols": 0}, ValueError, "Column count must be an integer from 1 to 1024, not 0"),
    (GOOD, {"cols": "4"}, TypeError, "Column count must be an integer from 1 to 1024, not '4'"),
    (GOOD, {"cols": True}, TypeError, "Column count must be an integer from 1 to 1024, not True"),
    (GOOD, {"cols": 1025}, ValueError, "Column count must be an integer from 1 to 1024, not 1025"),
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
    (GOOD, {"max_k": 0}, ValueError, "Largest K must be an integer from 1 to 16777216, not 0"),
    (GOOD, {"max_k": "4"}, TypeError, "Largest K must be an integer from 1 to 16777216, not '4'"),
    (GOOD, {"max_k": True}, TypeError, "Largest K must be an integer from 1 to 16777216, not True"),
    (
        GOOD,
        {"max_k": 16777217},
        ValueError,
        "Largest K must be an integer from 1 to 16777216, not 16777217",
    ),
    (
        GOOD,
        {"acc_width": -1},
        ValueError,
        "Accumulator width must be an integer from 0 to 64, not -1",
    ),
    (
        GOOD,
        {"acc_width": "4"},
        TypeError,
        "Accumulator width must be an integer from 0 to 64, not '4'",
    ),
    (
        GOOD,
        {"acc_width": True},
        TypeError,
        "Accumulator width must be an integer from 0 to 64, not True",
    ),
    (
        GOOD,
        {"acc_width": 65},
        ValueError,
        "Accumulator width must be an integer from 0 to 64, not 65",
    ),
    (
        GOOD,
        {"acc_width": 7},
        ValueError,
        "Accumulator width 7 is less than the 16 bits of a product of int8 and int8",
    ),
    (GOOD, {"overflow": "other"}, ValueError, "Overflow must be 'wrap' or 'saturate', not 'other'"),
    (GOOD, {"overflow": 1}, TypeError, "Overflow must be 'wrap' or 'saturate', not 1"),
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
    (
        GOOD,
        {"output": "other"},
        ValueError,
        "Output must be 'raw', 'bias', 'scale' or 'shift', not 'other'",
    ),
    (GOOD, {"output": 1}, TypeError, "Output must be 'raw', 'bias', 'scale' or 'shift', not 1"),
    (
        GOOD,
        {"out_format": "int1"},
        ValueError,
        "Output format must be int<N> or uint<N> with N from 2 to 16, not 'int1'",
    ),
    (
        GOOD,
        {"out_format": "uint17"},
        ValueError,
        "Output format must be int<N> or uint<N> with N from 2 to 16, not 'uint17'",
    ),
    (
        GOOD,
        {"out_format": 8},
        TypeError,
        "Output format must be int<N> or uint<N> with N from 2 to 16, not 8",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
