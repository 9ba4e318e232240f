"""STORE: its testbench, and parameters that it refuses."""

from brickwork.hdl.npu.store_engine import StoreEngine
from refusals import integers


def case(data_width, address_width, rows, burst, outstanding):
    return StoreEngine, dict(
        data_width=data_width,
        address_width=address_width,
        rows=rows,
        burst=burst,
        outstanding=outstanding,
    )


CASES = {
    "32x20, 3 bytes, 4x3": case(32, 20, 3, 4, 3),
    "128x40, 16 bytes, 16x16": case(128, 40, 16, 16, 16),
    "64x64, 8 bytes, 16x16": case(64, 64, 8, 16, 16),
    "512x32, 64 bytes, 64x8": case(512, 32, 64, 64, 8),
    "256x36, 5 bytes, 1x16": case(256, 36, 5, 1, 16),
    "32x17, 64 bytes, 256x2": case(32, 17, 64, 256, 2),
}
SLOW = (
    "64x64, 8 bytes, 16x16",
    "512x32, 64 bytes, 64x8",
    "256x36, 5 bytes, 1x16",
    "32x17, 64 bytes, 256x2",
)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "data_width", "Beat width", 32, 512),
    *integers(GOOD, "address_width", "Address width", 12, 64),
    *integers(GOOD, "rows", "Row count", 1, 64),
    *integers(GOOD, "burst", "Burst length", 1, 256),
    *integers(GOOD, "outstanding", "Outstanding bursts", 2, 64),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
