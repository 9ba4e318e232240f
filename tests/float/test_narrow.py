"""The narrowing of binary32: its testbench, and parameters that it refuses."""

from brickwork.hdl.float.narrow import Narrow
from refusals import choices

CASES = {
    "fp16": (Narrow, dict(format="fp16")),
    "bf16": (Narrow, dict(format="bf16")),
}

GOOD = next(iter(CASES.values()))
WRONG = choices(GOOD, "format", "Format", "'bf16' or 'fp16'")


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
