"""Multiply-accumulate units: their testbench, and parameters that they refuse."""

from brickwork.hdl.fusion.fusion_mac import FixedMac, FusionMac, TemporalMac
from refusals import choices

CASES = {
    "separable": (FusionMac, dict(tree="separable")),
    "paper": (FusionMac, dict(tree="paper")),
    "fixed": (FixedMac, {}),
    "temporal": (TemporalMac, {}),
}

GOOD = CASES["paper"]
WRONG = choices(GOOD, "tree", "Tree", "'separable' or 'paper'")


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
