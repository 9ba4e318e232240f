"""Testbench of the element of the weight-stationary array."""

import cocotb
import numpy as np

from ...golden import formats
from ...golden.systolic.pe_ws import pe_ws
from ...lib.bench import Bench, manifest
from ...lib.trace import late, play


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
    """Limits of the operands, with sums that just fit, and sums at their own limits, that wrap."""
    bench = Bench(dut)
    draw = bench.random

    def limits(fmt, length):
        return draw.choice([fmt.lowest, fmt.highest, 0, 1], length)

    def zeros(width, length):
        return np.zeros(length, np.int64)

    def edges(width, length):
        half = 1 << (width - 1)
        return draw.choice([-half, -half + 1, -1, 0, 1, half - 1], length)

    for sums in (zeros, edges):
        for moves in (0.1, 0.9):
            await check(bench, operands=limits, sums=sums, moves=moves)


@cocotb.test()
@cocotb.parametrize(moves=[0.05, 0.5, 1.0])
async def random(dut, moves):
    """Random operands; weights that move seldom, often and in every cycle."""
    bench = Bench(dut)
    draw = bench.random

    def any_operand(fmt, length):
        return draw.integers(fmt.lowest, fmt.highest + 1, length)

    def any_sum(width, length):
        return draw.integers(-1 << (width - 1), 1 << (width - 1), length)

    await check(bench, operands=any_operand, sums=any_sum, moves=moves)
