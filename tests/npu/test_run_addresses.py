"""Addresses of runs: the testbench, and parameters that the unit refuses."""

from brickwork.hdl.npu.run_addresses import RunAddresses
from refusals import integers

CASES = {
    "20+7, tag of 5, 2": (
        RunAddresses,
        dict(address_width=20, step_width=7, tag_width=5, queue=2),
    ),
    "64+24, no tag, 4": (
        RunAddresses,
        dict(address_width=64, step_width=24, tag_width=0, queue=4),
    ),
    "2+9, tag of 1, 7": (RunAddresses, dict(address_width=2, step_width=9, tag_width=1, queue=7)),
}
SLOW = ("2+9, tag of 1, 7",)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "address_width", "Address width", 1, 64),
    *integers(GOOD, "step_width", "Step width", 1, 64),
    *integers(GOOD, "tag_width", "Tag width", 0),
    *integers(GOOD, "queue", "Queue depth", 2),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
