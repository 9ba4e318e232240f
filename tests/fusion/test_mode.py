"""Decoder of modes, and spreading of operands: their testbench."""

from brickwork.hdl.fusion.mode import ModeDecoder, Spread

CASES = {"decoder": (ModeDecoder, {}), "spread": (Spread, {})}


def test_bench(run_bench, case):
    run_bench(case)
