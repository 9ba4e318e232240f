"""The control of engines: its testbench, and parameters that it refuses."""

from brickwork.hdl.npu import isa
from brickwork.hdl.npu.control import Control
from refusals import integers

CASES = {
    "3x4": (Control, dict(functions="copy,add", queue=3, flight=4, pc_width=10)),
    "2x2": (Control, dict(functions="depthwise", queue=2, flight=2, pc_width=9)),
    "8x6": (Control, dict(functions=",".join(isa.FUNCTIONS), queue=8, flight=6, pc_width=27)),
}
SLOW = (
    "2x2",
    "8x6",
)

GOOD = next(iter(CASES.values()))
WRONG = [
    (
        GOOD,
        {"functions": "copy,copy"},
        ValueError,
        "Functions must be named once each, not 'copy,copy'",
    ),
    *integers(GOOD, "queue", "Queue depth", 2, 64),
    *integers(GOOD, "flight", "Instructions in flight", 2, 16),
    *integers(GOOD, "pc_width", "Program counter width", 1, 31),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
