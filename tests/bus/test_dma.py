"""The DMA: its testbench, and parameters that it refuses."""

from brickwork.hdl.bus.dma import Dma
from refusals import integers


def case(data_width, address_width, layouts, needed, burst, outstanding, **given):
    return Dma, dict(
        data_width=data_width,
        address_width=address_width,
        layouts=layouts,
        needed=needed,
        burst=burst,
        outstanding=outstanding,
        **given,
    )


CASES = {
    "64x32, 3 streams": case(64, 32, ((4, 1), (1, 2), (8, 1)), 0b001, 8, 2),
    "64x32, blocks": case(64, 32, ((2, 1), (1, 2), (4, 1), (8, 1)), 0b101, 8, 2, rows=2, most=40),
    "512x64, 2 streams": case(512, 64, ((1, 1), (1, 3)), 0b11, 64, 2),
    "32x12, 8 streams": case(32, 12, ((1, 1),) * 7 + ((2, 1),), 0b10000000, 1, 3),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "data_width", "Beat width", 8, 1024),
    *integers(GOOD, "address_width", "Address width", 12, 64),
    *integers(GOOD, "needed", "Needed streams", 0, 7),
    *integers(GOOD, "burst", "Burst length", 1, 256),
    *integers(GOOD, "rows", "Stream of blocks", 0, 1),
    *integers(GOOD, "most", "Most words of a block", 0, 1 << 16),
    *integers(GOOD, "outstanding", "Outstanding bursts", 2, 64),
    (GOOD, {"layouts": ((1, 1),)}, ValueError, "Streams must be from 2 to 8, not 1"),
    (GOOD, {"layouts": ((1, 1),) * 9}, ValueError, "Streams must be from 2 to 8, not 9"),
    (
        GOOD,
        {"layouts": ((1, 1), (3, 1)), "needed": 0},
        ValueError,
        "Words in a beat must be a power of two, not 3",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
