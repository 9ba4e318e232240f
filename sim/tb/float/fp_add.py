"""Testbench of the floating-point adder."""

import itertools

import cocotb
import numpy as np

from ...golden.float.fp_add import fp_add
from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.float_codes import FloatCodes
from ...lib.trace import late, play

LATENCY = 3


class Sums:
    """The unit, with pairs of codes in consecutive cycles."""

    def __init__(self, dut):
        self.bench = Bench(dut)
        params = manifest().parameters
        self.widths = params["exponent_width"], params["mantissa_width"]
        self.codes = FloatCodes(self.bench.rng, *self.widths)

    async def check(self, pairs):
        """A sum a cycle, each after the latency."""
        await self.bench.reset()
        a, b = np.array([*pairs, *([(0, 0)] * LATENCY)], np.int64).T
        trace = await play(self.bench, {"a": a, "b": b})
        where = np.arange(len(a)) >= LATENCY
        trace.check("o", late(fp_add(a, b, *self.widths), LATENCY), where)


@cocotb.test()
async def specials(dut):
    """All pairs of zeros, subnormal numbers, limits, neighbours of ties, infinities, NaNs."""
    unit = Sums(dut)
    await unit.check(list(itertools.product(unit.codes.specials(), repeat=2)))


@cocotb.test()
async def distances(dut):
    """Exponents at every distance, and at both ends of the range."""
    unit = Sums(dut)
    await unit.check(list(unit.codes.distances()))


@cocotb.test()
async def cancellation(dut):
    """Sums of zero, and differences of few bits at every exponent."""
    unit = Sums(dut)
    await unit.check(list(unit.codes.cancelling(800)))


@cocotb.test()
async def random(dut):
    """Any codes, and exponents close to each other."""
    unit = Sums(dut)
    pairs = [(unit.codes.random(), unit.codes.random()) for _ in range(500)]
    pairs += [(code, unit.codes.near(code)) for code in [unit.codes.random() for _ in range(3000)]]
    await unit.check(pairs)


@cocotb.test()
async def outputs_come_from_registers(dut):
    unit = Sums(dut)
    await unit.bench.reset()
    for _ in range(10):
        await unit.bench.tick()
        await check_no_paths(unit.bench, ["a", "b"], ["o"])
