"""Testbench of the element of the weight-stationary array."""

import cocotb
import numpy as np

from ...golden import formats
from ...golden.systolic.pe_ws import pe_ws
from ...lib.bench import Bench, manifest
from ...lib.trace import late, play
from ._stationary import RATES, try_extremes, try_random


async def check(bench, *, operands, sums, moves, length=400):
    """Operands and sums drawn by the given functions; ``moves`` is how often weights do."""
    params = manifest().parameters
    a, w = formats.get(params["a_format"]), formats.get(params["w_format"])
    draw = bench.random
    inputs = {
        "acts": operands(a, length),
        "weights": operands(w, length),
        "psums": sums(params["psum_width"], length),
        "shift": (draw.random(length) < moves).astype(int),
        "swap": (draw.random(length) < moves).astype(int),
    }
    inputs["shift"][0] = inputs["swap"][1] = 1
    await bench.reset()
    trace = await play(bench, inputs)
    shadow, sums = pe_ws(**inputs, psum_width=params["psum_width"], pipeline=params["pipeline"])
    for port in ("acts", "shift", "swap"):
        trace.check(f"{port}_o", late(inputs[port], 1), np.arange(length) >= 1)
    trace.check("weights_o", shadow, np.arange(length) >= 1)
    trace.check("psums_o", sums, np.arange(length) >= 6)


@cocotb.test()
async def extremes(dut):
    """See :func:`try_extremes`."""
    await try_extremes(Bench(dut), check)


@cocotb.test()
@cocotb.parametrize(moves=RATES)
async def random(dut, moves):
    """Random operands; weights that move seldom, often and in every cycle."""
    await try_random(Bench(dut), check, moves)
