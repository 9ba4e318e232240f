"""Testbench of the exact floating-point multiplier."""

import itertools

import cocotb
import numpy as np

from ...golden.float.fp_multiply import fp_multiply
from ...lib.bench import Bench, manifest
from ...lib.float_codes import FloatCodes
from ...lib.trace import late, play


class Products:
    """The unit, with pairs of codes in consecutive cycles."""

    def __init__(self, dut):
        self.bench = Bench(dut)
        params = manifest().parameters
        self.latency = params["registered"]
        self.widths = params["a_mantissa"], params["w_mantissa"]
        self.a, self.w = (FloatCodes(self.bench.rng, 8, width) for width in self.widths)

    async def check(self, pairs):
        """A product a cycle, in the same one or the next."""
        await self.bench.reset()
        a, w = np.array([*pairs, (0, 0)], np.int64).T
        trace = await play(self.bench, {"a": a, "w": w})
        where = np.arange(len(a)) >= self.latency
        trace.check("o", late(fp_multiply(a, w, *self.widths), self.latency), where)


@cocotb.test()
async def specials(dut):
    """All pairs of zeros, subnormal numbers, limits, neighbours of 1, infinities, NaNs."""
    unit = Products(dut)
    await unit.check(list(itertools.product(unit.a.specials(), unit.w.specials())))


@cocotb.test()
async def limits(dut):
    """Exponents whose sum is next to those of overflow and underflow."""
    unit = Products(dut)
    pairs = []
    for total in (*range(125, 132), *range(378, 386)):
        for _ in range(8):
            field = unit.bench.rng.randint(max(1, total - 254), min(254, total - 1))
            for a, w in itertools.product(unit.a.fractions(), unit.w.fractions()):
                signs = unit.bench.rng.getrandbits(2)
                pairs.append(
                    (unit.a.code(signs & 1, field, a), unit.w.code(signs >> 1, total - field, w))
                )
    await unit.check(pairs)


@cocotb.test()
async def random(dut):
    """Any codes."""
    unit = Products(dut)
    await unit.check([(unit.a.random(), unit.w.random()) for _ in range(3000)])
