"""Testbench of the group of elements of the N:M-sparse array."""

import cocotb
import numpy as np

from ...golden import formats
from ...golden.sparse.pe_nm import pe_nm
from ...lib.bench import Bench, manifest
from ...lib.trace import late, play
from ..systolic._stationary import RATES, try_extremes, try_random


async def check(bench, *, operands, sums, moves, length=400):
    """Operands and sums drawn by the functions; ``moves`` is how often weights move."""
    params = manifest().parameters
    a, w = formats.get(params["a_format"]), formats.get(params["w_format"])
    rows, lanes = params["group_rows"], params["group_lanes"]
    draw = bench.random
    acts = operands(a, (length, lanes))
    weights, indices = operands(w, length), draw.integers(0, lanes - rows + 1, length)
    shift = (draw.random((length, rows)) < moves).astype(int)
    swap = (draw.random(length) < moves).astype(int)
    settled = 2 * rows + 6
    shift[:rows], swap[rows] = 1, 1
    psums = sums(params["psum_width"], length)
    word = weights & ((1 << w.bits) - 1) | indices << w.bits
    await bench.reset()
    inputs = {"acts": acts, "shift": shift, "swap": swap, "weights": word, "psums": psums}
    trace = await play(bench, inputs)
    moved, index, totals = pe_nm(
        acts,
        shift,
        swap,
        weights,
        indices,
        psums,
        psum_width=params["psum_width"],
        pipeline=params["pipeline"],
        skewed=params["group_sum"] == "skew",
    )
    cycles = np.arange(length)
    for port in ("acts", "shift", "swap"):
        values = late(inputs[port], 1)
        trace.check(
            f"{port}_o", values, np.broadcast_to((cycles >= 1)[:, None], (length, values[0].size))
        )
    word = moved & ((1 << w.bits) - 1) | index << w.bits
    trace.check("weights_o", word, cycles >= rows)
    trace.check("psums_o", totals, cycles >= settled)


@cocotb.test()
async def extremes(dut):
    """See :func:`try_extremes`."""
    await try_extremes(Bench(dut), check)


@cocotb.test()
@cocotb.parametrize(moves=RATES)
async def random(dut, moves):
    """Random operands; weights that move seldom, often and in every cycle."""
    await try_random(Bench(dut), check, moves)
