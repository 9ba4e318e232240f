"""Products of two scales: testbench, and parameters that they refuse."""

from brickwork.hdl.float.scale_product import ScaleProduct
from refusals import choices

CASES = {
    "e4m3 x e4m3": (ScaleProduct, dict(w_scale="e4m3", a_scale="e4m3")),
    "e4m3": (ScaleProduct, dict(w_scale="e4m3", a_scale="none")),
    "e8m0 x e8m0": (ScaleProduct, dict(w_scale="e8m0", a_scale="e8m0")),
    "e8m0 x e4m3": (ScaleProduct, dict(w_scale="e8m0", a_scale="e4m3")),
    "e4m3 x e8m0": (ScaleProduct, dict(w_scale="e4m3", a_scale="e8m0")),
    "fp16 x e4m3": (ScaleProduct, dict(w_scale="fp16", a_scale="e4m3")),
    "bf16 x e8m0": (ScaleProduct, dict(w_scale="bf16", a_scale="e8m0")),
    "bf16 x e4m3": (ScaleProduct, dict(w_scale="bf16", a_scale="e4m3")),
    "fp16 x e8m0": (ScaleProduct, dict(w_scale="fp16", a_scale="e8m0")),
    "fp16": (ScaleProduct, dict(w_scale="fp16", a_scale="none")),
    "bf16": (ScaleProduct, dict(w_scale="bf16", a_scale="none")),
    "e8m0": (ScaleProduct, dict(w_scale="e8m0", a_scale="none")),
}
SLOW = ("bf16 x e4m3", "fp16 x e8m0", "bf16")

GOOD = next(iter(CASES.values()))
WRONG = [
    *choices(GOOD, "w_scale", "Weight scale format", "'fp16', 'bf16', 'e4m3' or 'e8m0'"),
    *choices(GOOD, "a_scale", "Activation scale format", "'none', 'e4m3' or 'e8m0'"),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
