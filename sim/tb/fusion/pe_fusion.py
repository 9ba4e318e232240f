"""Testbench of the element of the array of fusion units."""

import cocotb
import numpy as np

from ...golden.fusion.mode import every_mode
from ...golden.fusion.pe_fusion import pe_fusion
from ...lib.bench import Bench, manifest
from ...lib.trace import late, play
from ._modes import drawn, extreme, mode_word


async def check(bench, mode, *, operands, sums, moves, length=100):
    """Operands and sums drawn by the given functions; ``moves`` is how often weights do."""
    params = manifest().parameters
    draw = bench.random
    inputs = {
        "acts": operands(mode.a_bits, mode.w_bits, mode.a_signed, length),
        "weights": operands(mode.w_bits, mode.a_bits, mode.w_signed, length),
        "psums": sums(params["psum_width"], length),
        "shift": (draw.random(length) < moves).astype(int),
        "swap": (draw.random(length) < moves).astype(int),
    }
    inputs["shift"][0] = inputs["swap"][1] = 1
    await bench.reset()
    trace = await play(bench, inputs | {"mode": [mode_word(mode)] * length})
    shadow, sums = pe_fusion(
        **inputs, mode=mode, psum_width=params["psum_width"], pipeline=params["pipeline"]
    )
    for port in ("acts", "shift", "swap"):
        trace.check(f"{port}_o", late(inputs[port], 1), np.arange(length) >= 1)
    trace.check("weights_o", shadow, np.arange(length) >= 1)
    trace.check("psums_o", sums, np.arange(length) >= 6)


@cocotb.test()
@cocotb.parametrize(moves=[0.1, 0.9])
async def extremes(dut, moves):
    """Limits of the operands, with sums that just fit, and sums at their own limits, that wrap."""
    bench = Bench(dut)

    def limits(bits, other_bits, signed, length):
        return extreme(bench.random, length, bits, other_bits, signed)

    def edges(width, length):
        half = 1 << (width - 1)
        return bench.random.choice([-half, -half + 1, -1, 0, 1, half - 1], length)

    for mode in every_mode():
        await check(bench, mode, operands=limits, sums=edges, moves=moves)


@cocotb.test()
@cocotb.parametrize(moves=[0.05, 0.5, 1.0])
async def random(dut, moves):
    """Random operands; weights that move seldom, often and in every cycle."""
    bench = Bench(dut)

    def any_operand(bits, other_bits, signed, length):
        return drawn(bench.random, length, other_bits)

    def any_sum(width, length):
        return bench.random.integers(-1 << (width - 1), 1 << (width - 1), length)

    for mode in every_mode():
        await check(bench, mode, operands=any_operand, sums=any_sum, moves=moves)
