"""LOAD: its testbench, and parameters that it refuses."""

from brickwork.hdl.npu.load_engine import LoadEngine
from refusals import integers


def case(data_width, address_width, rows, weight_bytes, burst, outstanding):
    return LoadEngine, dict(
        data_width=data_width,
        address_width=address_width,
        rows=rows,
        weight_bytes=weight_bytes,
        burst=burst,
        outstanding=outstanding,
    )


CASES = {
    "32x20, 3 and 2 bytes, 4x3": case(32, 20, 3, 2, 4, 3),
    "128x40, 16 bytes, 16x8": case(128, 40, 16, 16, 16, 8),
    "64x64, 8 and 5 bytes, 16x8": case(64, 64, 8, 5, 16, 8),
    "512x32, 64 and 10 bytes, 64x2": case(512, 32, 64, 10, 64, 2),
    "256x36, 5 and 32 bytes, 1x64": case(256, 36, 5, 32, 1, 64),
    "32x17, 64 and 1 bytes, 256x2": case(32, 17, 64, 1, 256, 2),
}
SLOW = (
    "64x64, 8 and 5 bytes, 16x8",
    "512x32, 64 and 10 bytes, 64x2",
    "256x36, 5 and 32 bytes, 1x64",
    "32x17, 64 and 1 bytes, 256x2",
)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "data_width", "Beat width", 32, 512),
    *integers(GOOD, "address_width", "Address width", 12, 64),
    *integers(GOOD, "rows", "Row count", 1, 64),
    *integers(GOOD, "weight_bytes", "Bytes of a word of weights", 1, 64),
    *integers(GOOD, "burst", "Burst length", 1, 256),
    *integers(GOOD, "outstanding", "Outstanding bursts", 2, 64),
    (
        GOOD,
        {"data_width": 96},
        ValueError,
        "Beat width must be a power of two of bytes, not 96 bits",
    ),
    (GOOD, {"burst": 12}, ValueError, "Burst length must be a power of two, not 12"),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
