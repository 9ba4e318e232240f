"""The loading of parameters: testbench, and parameters that are refused."""

from brickwork.hdl.npu.parameter_loader import ParameterLoader
from refusals import integers

CASES = {
    "3x5": (ParameterLoader, dict(lanes=3, width=5, address_width=4, hold=4)),
    "1x7": (ParameterLoader, dict(lanes=1, width=7, address_width=3, hold=1)),
    "16x86": (ParameterLoader, dict(lanes=16, width=86, address_width=12, hold=9)),
}
#: Further sizes, for the long regression.
SLOW = ("16x86",)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "lanes", "Lane count", 1),
    *integers(GOOD, "width", "Parameter width", 1),
    *integers(GOOD, "address_width", "Channel address width", 1),
    *integers(GOOD, "hold", "Hold time", 1),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
