"""Cores behind AXI4-Stream: the testbench of whole tops, and parameters that they refuse."""

from brickwork import Eie, GemmFusion, GemmOs, GemmWs
from brickwork.hdl.bus.axis_top import AxisTop
from refusals import integers

EIE = dict(
    pes=3,
    queue_depth=4,
    columns=14,
    entries=50,
    entries_per_word=4,
    index_width=2,
    run_length_width=2,
    act_width=8,
    weight_width=6,
    acc_width=16,
    acts=4,
    rows=5,
    codebooks=2,
)


def top(core, data_width):
    return AxisTop, dict(core=core.unit(), data_width=data_width, digest=0x89ABCDEF)


CASES = {
    # Words narrower than beats, and wider.
    "ws-64": top(GemmWs(rows=3, cols=5, acc_depth=8, max_k=64), 64),
    "ws-32-scale": top(GemmWs(rows=9, cols=2, acc_depth=6, max_k=64, output="scale"), 32),
    # Words of every width a beat, several of which make a run.
    "ws-512-flag": top(
        GemmWs(
            rows=2, cols=3, acc_depth=20, max_k=9, a_format="e4m3", w_format="e5m2", nan_inf="flag"
        ),
        512,
    ),
    "ws-32-1x1": top(GemmWs(rows=1, cols=1, acc_depth=30, a_format="int4", w_format="int4"), 32),
    "os-128-scale": top(GemmOs(rows=4, cols=3, max_k=40, output="scale"), 128),
    "os-32-types": top(
        GemmOs(rows=5, cols=4, max_k=40, a_format="int4+flint4+int8", w_format="int4+int8"), 32
    ),
    "fusion-32-scale": top(GemmFusion(rows=2, cols=3, acc_depth=8, output="scale"), 32),
    "fusion-64": top(GemmFusion(rows=2, cols=2, acc_depth=9), 64),
    "eie-32": top(Eie(**EIE, entries_per_cycle=1, skip_empty_columns=0), 32),
    "eie-64-lanes": top(
        Eie(**EIE | dict(pes=2, entries_per_word=8), entries_per_cycle=2, skip_empty_columns=1), 64
    ),
    "eie-512": top(Eie(**EIE, entries_per_cycle=1, skip_empty_columns=1), 512),
}

SLOW = (
    "ws-32-scale",
    "ws-512-flag",
    "ws-32-1x1",
    "os-32-types",
    "fusion-32-scale",
    "fusion-64",
    "eie-32",
    "eie-512",
    "eie-64-lanes",
)

GOOD = next(iter(CASES.values()))
WIDTHS = "Bus width must be 32, 64, 128, 256 or 512 bits"
WRONG = [
    (GOOD, {"data_width": 48}, ValueError, f"{WIDTHS}, not 48"),
    (GOOD, {"data_width": 1024}, ValueError, f"{WIDTHS}, not 1024"),
    (GOOD, {"data_width": "64"}, TypeError, f"{WIDTHS}, not '64'"),
    (GOOD, {"data_width": True}, TypeError, f"{WIDTHS}, not True"),
    *integers(GOOD, "digest", "Digest", 0, 0xFFFF_FFFF),
    (
        GOOD,
        {"core": "gemm_ws"},
        TypeError,
        "Core must be an engine, not 'gemm_ws'",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
