"""Testbench of the fusion unit."""

import cocotb
import numpy as np

from ...golden.fusion.fusion_unit import fusion_unit
from ...golden.fusion.mode import every_mode, offset
from ...lib.bench import Bench, manifest
from ...lib.trace import play
from ._modes import drawn, extreme, mode_word, packed


async def check(dut, operands):
    """``operands(mode)`` gives spread words of activations and weights; modes change any time."""
    bench = Bench(dut)
    separable = manifest().parameters["tree"] == "separable"
    tried = []
    for mode in every_mode():
        a, w = operands(bench.random, mode)
        offsets = np.full(len(a), offset(mode))
        if not separable:  # it does not matter
            offsets = bench.random.integers(0, 1 << 17, len(a))
        columns = [a, w, np.full(len(a), mode_word(mode)), offsets, fusion_unit(a, w, mode)]
        tried.append(np.stack(columns, axis=1))
    tried = bench.random.permutation(np.concatenate(tried))
    await bench.reset()
    names = ("a", "w", "mode", "offset")
    trace = await play(bench, dict(zip(names, tried[:, :4].T, strict=True)))
    trace.check("o", tried[:, 4])


@cocotb.test()
async def every_pair(dut):
    """Every pair of numbers in every place, as long as there are at most 1024 pairs."""

    def operands(random, mode):
        a_size, w_size = 8 // mode.a_bits, 8 // mode.w_bits
        pairs = min(1 << (mode.a_bits + mode.w_bits), 1024)
        a, w = np.zeros((pairs, w_size, a_size), int), np.zeros((pairs, a_size, w_size), int)
        for m in range(w_size):
            for n in range(a_size):
                pair = random.permutation(1 << (mode.a_bits + mode.w_bits))[:pairs]
                a[:, m, n], w[:, n, m] = pair >> mode.w_bits, pair & ((1 << mode.w_bits) - 1)
        return packed(a, mode.a_bits, mode.w_bits), packed(w, mode.w_bits, mode.a_bits)

    await check(dut, operands)


@cocotb.test()
async def random(dut):
    def operands(random, mode):
        return drawn(random, 200, mode.w_bits), drawn(random, 200, mode.a_bits)

    await check(dut, operands)


@cocotb.test()
async def extremes(dut):
    """Numbers at their limits, all of them the same or not."""

    def operands(random, mode):
        return (
            extreme(random, 100, mode.a_bits, mode.w_bits, mode.a_signed),
            extreme(random, 100, mode.w_bits, mode.a_bits, mode.w_signed),
        )

    await check(dut, operands)
