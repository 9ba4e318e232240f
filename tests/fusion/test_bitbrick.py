"""The two-bit multiplier: its testbench."""

from brickwork.hdl.fusion.bitbrick import BitBrick

CASES = {"bitbrick": (BitBrick, {})}


def test_bench(run_bench, case):
    run_bench(case)
