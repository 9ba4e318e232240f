"""The registers' port: its testbench."""

from brickwork.hdl.bus.axi_lite import AxiLite

CASES = {"only": (AxiLite, {})}


def test_bench(run_bench, case):
    run_bench(case)
