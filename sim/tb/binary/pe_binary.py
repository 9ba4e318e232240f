"""Testbench of the element of one-bit products."""

import cocotb
import numpy as np

from ...golden import formats
from ...golden.binary.pe_binary import pe_binary
from ...lib.bench import Bench, manifest
from ...lib.trace import late, play
from ..systolic._stationary import RATES, try_extremes, try_random


async def check(bench, *, operands, sums, moves, length=400):
    """Operands and sums drawn by the given functions; ``moves`` is how often weights do."""
    params = manifest().parameters
    draw, pack, width = bench.random, params["pack"], params["psum_width"]
    bits = {name: operands(formats.get("bit"), (length, pack)) for name in ("acts", "weights")}
    # Some words with all bits equal, and some that are alike on both sides.
    for name in bits:
        bits[name][draw.random(length) < 0.2] = draw.integers(0, 2)
    alike = draw.random(length) < 0.2
    bits["acts"][alike] = bits["weights"][alike]
    others = {
        "psums": sums(width, length),
        "shift": (draw.random(length) < moves).astype(int),
        "swap": (draw.random(length) < moves).astype(int),
    }
    others["shift"][0] = others["swap"][1] = 1
    await bench.reset()
    words = {name: _words(values) for name, values in bits.items()}
    trace = await play(bench, others | words)
    options = {name: params[name] for name in ("psum_width", "pipeline")}
    shadow, totals = pe_binary(**bits, **others, code=params["a_format"], **options)
    for port, values in (others | words).items():
        if port in ("acts", "shift", "swap"):
            trace.check(f"{port}_o", late(values, 1), np.arange(length) >= 1)
    trace.check("weights_o", _words(shadow), np.arange(length) >= 1)
    trace.check("psums_o", totals, np.arange(length) >= 6)


def _words(bits):
    """Numbers of bits, the first the lowest: Python integers where int64 is too short."""
    weights = np.array([1 << at for at in range(bits.shape[1])], object)
    numbers = bits.astype(object) @ weights
    return numbers.astype(np.int64) if bits.shape[1] < 63 else numbers


@cocotb.test()
async def extremes(dut):
    """See :func:`try_extremes`."""
    await try_extremes(Bench(dut), check)


@cocotb.test()
@cocotb.parametrize(moves=RATES)
async def random(dut, moves):
    """Random operands; weights that move seldom, often and in every cycle."""
    await try_random(Bench(dut), check, moves)
