"""The tokens: their testbench."""

from brickwork.hdl.npu import isa
from brickwork.hdl.npu.tokens import Tokens, others
from brickwork.sim.golden.npu.tokens import PEERS

CASES = {"4-engines": (Tokens, {})}


def test_bench(run_bench, case):
    run_bench(case)


def test_bits_of_masks():
    assert {engine: others(engine) for engine in isa.ENGINES} == PEERS
