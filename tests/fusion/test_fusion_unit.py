"""Fusion unit: its testbench, and parameters that it refuses."""

from brickwork.hdl.fusion.fusion_unit import FusionUnit
from refusals import choices

CASES = {
    "separable": (FusionUnit, dict(tree="separable")),
    "paper": (FusionUnit, dict(tree="paper")),
}

GOOD = CASES["paper"]
WRONG = choices(GOOD, "tree", "Tree", "'separable' or 'paper'")


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
