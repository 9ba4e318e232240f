"""The trace: its testbench, its record, and parameters that it refuses."""

from brickwork.hdl.npu import trace
from brickwork.hdl.npu.trace import Trace
from refusals import integers

CASES = {
    "4": (Trace, dict(flight=4, pc_width=9)),
    "6": (Trace, dict(flight=6, pc_width=31)),
    "2": (Trace, dict(flight=2, pc_width=1)),
}
#: Further sizes, for the long regression.
SLOW = ("2",)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "flight", "Instructions in flight", 2, 16),
    *integers(GOOD, "pc_width", "Program counter width", 1, 31),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)


def test_description():
    described = trace.description()
    assert described["record_bytes"] == 32
    places = {field["name"]: (field["low"], field["width"]) for field in described["fields"]}
    layout = trace.record_layout()
    assert places == {name: (field.offset, field.width) for name, field in layout}
    assert all(low % 8 == width % 8 == 0 for low, width in places.values())
