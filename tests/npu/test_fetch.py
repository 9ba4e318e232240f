"""The fetch of instructions: its testbench, and parameters that it refuses."""

from brickwork.hdl.npu.fetch import Fetch
from refusals import integers

CASES = {
    "32-bits": (
        Fetch,
        dict(data_width=32, address_width=14, burst=8, outstanding=3, pc_width=6),
    ),
    "64-bits": (
        Fetch,
        dict(data_width=64, address_width=32, burst=1, outstanding=2, pc_width=9),
    ),
    "128-bits": (
        Fetch,
        dict(data_width=128, address_width=40, burst=16, outstanding=2, pc_width=27),
    ),
    "256-bits": (
        Fetch,
        dict(data_width=256, address_width=64, burst=4, outstanding=4, pc_width=31),
    ),
    "512-bits": (
        Fetch,
        dict(data_width=512, address_width=33, burst=4, outstanding=2, pc_width=10),
    ),
}
SLOW = (
    "64-bits",
    "128-bits",
    "256-bits",
    "512-bits",
)

GOOD = next(iter(CASES.values()))
WIDTHS = "Bus width must be 32, 64, 128, 256 or 512 bits"
WRONG = [
    (GOOD, {"data_width": 48}, ValueError, f"{WIDTHS}, not 48"),
    (GOOD, {"data_width": "32"}, TypeError, f"{WIDTHS}, not '32'"),
    *integers(GOOD, "address_width", "Address width", 12, 64),
    (GOOD, {"burst": 3}, ValueError, "Burst length must be a power of two, not 3"),
    *integers(GOOD, "outstanding", "Outstanding bursts", 2, 64),
    *integers(GOOD, "pc_width", "Program counter width", 1, 31),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
