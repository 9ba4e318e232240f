"""Cores with DMA: the testbench of whole tops, and parameters that they refuse."""

from brickwork import Eie, GemmFusion, GemmNm, GemmOs, GemmWs
from brickwork.hdl.bus.axi_top import AxiTop
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


def top(core, data_width, **given):
    defaults = dict(address_width=32, burst=16, outstanding=4, digest=0x89ABCDEF)
    return AxiTop, dict(core=core.unit(), data_width=data_width, **(defaults | given))


CASES = {
    "ws-64": top(GemmWs(rows=3, cols=5, acc_depth=8, max_k=64), 64),
    "ws-64-walk": top(GemmWs(rows=3, cols=5, acc_depth=8, max_k=64), 64, walk=1),
    # Addresses above 4 GB, words of several beats.
    "ws-32-scale-40": top(
        GemmWs(rows=9, cols=2, acc_depth=6, max_k=64, output="scale"),
        32,
        address_width=40,
        burst=4,
        outstanding=2,
    ),
    "ws-512-flag": top(
        GemmWs(
            rows=2, cols=3, acc_depth=20, max_k=9, a_format="e4m3", w_format="e5m2", nan_inf="flag"
        ),
        512,
        burst=64,
        address_width=64,
    ),
    "os-128-scale": top(GemmOs(rows=4, cols=3, max_k=40, output="scale"), 128, burst=1),
    "fusion-64-scale": top(
        GemmFusion(rows=2, cols=3, acc_depth=8, output="scale"), 64, burst=256, outstanding=3
    ),
    "ws-32-scale-walk": top(
        GemmWs(rows=9, cols=2, acc_depth=6, max_k=64, output="scale"),
        32,
        address_width=40,
        burst=4,
        outstanding=2,
        walk=1,
    ),
    "fusion-128-walk": top(GemmFusion(rows=2, cols=3, acc_depth=40), 128, walk=1),
    "nm-256-walk": top(
        GemmNm(rows=4, cols=3, acc_depth=9, max_k=80), 256, address_width=20, burst=1, walk=1
    ),
    "eie-32": top(
        Eie(**EIE, entries_per_cycle=1, skip_empty_columns=0), 32, burst=8, address_width=16
    ),
    "eie-128-lanes": top(
        Eie(**EIE | dict(pes=2, entries_per_word=8), entries_per_cycle=2, skip_empty_columns=1), 128
    ),
}

SLOW = ("ws-32-scale-40", "ws-512-flag", "os-128-scale", "fusion-64-scale", "eie-128-lanes")
SLOW += ("ws-32-scale-walk", "fusion-128-walk", "nm-256-walk")

GOOD = next(iter(CASES.values()))
WIDTHS = "Bus width must be 32, 64, 128, 256 or 512 bits"
WRONG = [
    (GOOD, {"data_width": 8}, ValueError, f"{WIDTHS}, not 8"),
    (GOOD, {"data_width": 64.0}, TypeError, f"{WIDTHS}, not 64.0"),
    *integers(GOOD, "address_width", "Address width", 12, 64),
    *integers(GOOD, "burst", "Burst length", 1, 256),
    (GOOD, {"burst": 12}, ValueError, "Burst length must be a power of two, not 12"),
    (
        GOOD,
        {"burst": 128, "data_width": 512},
        ValueError,
        "Burst length 128 is more than the 64 beats of 512 bits in 4096 bytes",
    ),
    *integers(GOOD, "outstanding", "Outstanding bursts", 2, 64),
    *integers(GOOD, "digest", "Digest", 0, 0xFFFF_FFFF),
    *integers(GOOD, "walk", "Block walk", 0, 1),
    (
        CASES["os-128-scale"],
        {"walk": 1},
        ValueError,
        "Block walk must be 0 for gemm_os, whose operands are no tiles, not 1",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
