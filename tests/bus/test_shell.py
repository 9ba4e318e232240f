"""The common shell of the bus wrappers: its testbench, and parameters that it refuses."""

from brickwork import GemmOs, GemmWs
from brickwork.hdl.bus.shell import Shell
from refusals import choices, integers

CASES = {
    "gemm_ws": (
        Shell,
        dict(
            core=GemmWs(rows=3, cols=2, acc_depth=5, max_k=60).unit(),
            top="axis",
            data_width=64,
            digest=0x89AB_CDEF,
            generator=0x0001_0203,
            revision=0x7654_3210,
        ),
    ),
    "gemm_os, DMA": (
        Shell,
        dict(
            core=GemmOs(rows=2, cols=5, max_k=60, output="scale").unit(),
            top="axi",
            data_width=32,
            digest=1,
            address_width=40,
        ),
    ),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "digest", "Digest", 0, 0xFFFF_FFFF),
    *integers(GOOD, "generator", "Generator", 0, 0xFFFF_FFFF),
    *integers(GOOD, "revision", "Revision", 0, 0xFFFF_FFFF),
    *integers(GOOD, "address_width", "Address width", 0, 64),
    *integers(GOOD, "counters", "Counter flag", 0, 1),
    *choices(GOOD, "top", "Top", "'axis', 'axi' or 'uart'"),
    (
        GOOD,
        {"core": "gemm_ws"},
        TypeError,
        "Core must be an engine, not 'gemm_ws'",
    ),
    (
        GOOD,
        {"data_width": 48},
        ValueError,
        "Beat width must be a power of two of bytes, not 48 bits",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
