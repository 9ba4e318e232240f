"""Testbench of the product of two scales."""

import itertools

import cocotb
import numpy as np

from ...golden.float.scale_product import scale_product
from ...lib.bench import Bench, manifest
from ...lib.trace import play

#: Exponent and fraction bits of formats of 16 bits.
WIDE = {"fp16": (5, 10), "bf16": (8, 7)}


class Scales:
    """The unit, with pairs of codes in consecutive cycles."""

    def __init__(self, dut):
        self.bench = Bench(dut)
        self.w_scale, self.a_scale = manifest().parameters.values()

    def codes(self, name, count):
        """All codes of 8 bits; of 16 bits special ones, each exponent, and others at random."""
        if name not in WIDE:
            return np.arange(256)
        exponent, fraction = WIDE[name]
        ones = (1 << fraction) - 1
        corners = [
            (sign << exponent | field) << fraction | low
            for sign in (0, 1)
            for field in range(1 << exponent)
            for low in (0, 1, 1 << fraction - 1, ones)
        ]
        return np.append(corners, self.bench.random.integers(0, 1 << 16, count))

    async def check(self, w, a=None):
        await self.bench.reset()
        inputs = {"w": w} | ({} if a is None else {"a": a})
        trace = await play(self.bench, inputs)
        trace.check("o", scale_product(w, self.w_scale, a, self.a_scale))


@cocotb.test()
async def every_code(dut):
    """All codes; with a scale of 8 bits on each side all pairs."""
    unit = Scales(dut)
    if unit.a_scale == "none":
        await unit.check(np.arange(1 << len(dut.w)))
        return
    every = unit.codes(unit.w_scale, 200), unit.codes(unit.a_scale, 200)
    pairs = np.array(list(itertools.product(*every)))
    if len(pairs) > 1 << 16:
        pairs = unit.bench.random.permutation(pairs)[: 1 << 16]
    await unit.check(*pairs.T)
