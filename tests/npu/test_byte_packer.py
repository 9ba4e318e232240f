"""The packer of bytes: its testbench, and parameters that it refuses."""

from brickwork.hdl.npu.byte_packer import BytePacker
from refusals import integers

CASES = {
    "4 into 3, 12": (BytePacker, dict(in_bytes=4, out_sizes=(3, 12), byte_width=8)),
    "16 into 16, 12, 4": (BytePacker, dict(in_bytes=16, out_sizes=(16, 12, 4), byte_width=8)),
    "8 into 32, 9 bits": (BytePacker, dict(in_bytes=8, out_sizes=(32,), byte_width=9)),
    "1 into 1": (BytePacker, dict(in_bytes=1, out_sizes=(1,), byte_width=1)),
    "64 into 5, 64": (BytePacker, dict(in_bytes=64, out_sizes=(5, 64), byte_width=8)),
}
SLOW = (
    "8 into 32, 9 bits",
    "1 into 1",
    "64 into 5, 64",
)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "in_bytes", "Bytes in", 1, 64),
    *integers(GOOD, "byte_width", "Byte width", 1),
    (GOOD, {"out_sizes": ()}, ValueError, "Sizes of words must be at least one, not none"),
    (
        GOOD,
        {"out_sizes": (4, 65)},
        ValueError,
        "Bytes out must be an integer from 1 to 64, not 65",
    ),
    (
        GOOD,
        {"out_sizes": ("4",)},
        TypeError,
        "Bytes out must be an integer from 1 to 64, not '4'",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
