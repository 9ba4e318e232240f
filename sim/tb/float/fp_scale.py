"""Testbench of the product of a binary32 number and a short one."""

import itertools

import cocotb
import numpy as np

from ...golden.float.fp_scale import fp_scale
from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.float_codes import FloatCodes
from ...lib.trace import late, play

LATENCY = 2


class Products:
    """The unit, with pairs of codes in consecutive cycles."""

    def __init__(self, dut):
        self.bench = Bench(dut)
        self.mantissa = manifest().parameters["mantissa"]
        self.stored = max(1, self.mantissa)
        self.a, self.scales = (FloatCodes(self.bench.rng, 8, bits) for bits in (23, self.stored))

    def scale(self, sign, field, fraction):
        """A scale's code; without fraction bits the lowest bit is set in NaNs alone."""
        return self.scales.code(sign, field, fraction if self.mantissa else 0)

    def special_scales(self):
        codes = self.scales.specials()
        if self.mantissa:
            return codes
        return sorted({code for code in codes if not code & 1 or code >> 1 & 0xFF == 0xFF})

    async def check(self, pairs):
        """A product a cycle, each after the latency."""
        await self.bench.reset()
        a, scale = np.array([*pairs, *([(0, 0)] * LATENCY)], np.int64).T
        trace = await play(self.bench, {"a": a, "scale": scale})
        where = np.arange(len(a)) >= LATENCY
        trace.check("o", late(fp_scale(a, scale, self.mantissa), LATENCY), where)


@cocotb.test()
async def specials(dut):
    """All pairs of zeros, subnormal numbers, limits, neighbours of 1, infinities, NaNs."""
    unit = Products(dut)
    await unit.check(list(itertools.product(unit.a.specials(), unit.special_scales())))


@cocotb.test()
async def limits(dut):
    """Exponents whose sum is next to those of overflow and underflow, and rounding across."""
    unit = Products(dut)
    rng, pairs = unit.bench.rng, []
    for total in (*range(124, 132), *range(378, 386)):
        for a, s in itertools.product(unit.a.fractions(), unit.scales.fractions()):
            field, signs = rng.randint(max(1, total - 254), min(254, total - 1)), rng.getrandbits(2)
            scale = unit.scale(signs >> 1, total - field, s)
            pairs.append((unit.a.code(signs & 1, field, a), scale))
        for _ in range(20 if unit.mantissa else 0):
            # Products of significands as close to 2 as the bits allow, below and above.
            s = rng.getrandbits(unit.mantissa)
            near = (1 << 24 + unit.mantissa) // ((1 << unit.mantissa) + s) - (1 << 23)
            for a in (near - 1, near, near + 1):
                if 0 <= a < 1 << 23:
                    field = rng.randint(max(1, total - 254), min(254, total - 1))
                    pairs.append((unit.a.code(0, field, a), unit.scale(0, total - field, s)))
    await unit.check(pairs)


@cocotb.test()
async def ties(dut):
    """Products whose bits below the last one are a half, its neighbours, or all ones."""
    unit = Products(dut)
    rng, pairs = unit.bench.rng, []
    for _ in range(2000):
        # A significand with zeros below leaves a tie for an odd factor.
        zeros = rng.randint(0, 23)
        a = rng.getrandbits(23) >> zeros << zeros
        s = rng.getrandbits(unit.stored) | 1
        sign, field = rng.getrandbits(1), rng.randint(64, 190)
        scale = unit.scale(rng.getrandbits(1), rng.randint(100, 150), s)
        pairs.append((unit.a.code(sign, field, a), scale))
    await unit.check(pairs)


@cocotb.test()
async def random(dut):
    """Any codes."""
    unit = Products(dut)
    pairs = []
    for _ in range(3000):
        scale = unit.scales.random()
        if not unit.mantissa and scale >> 1 & 0xFF != 0xFF:
            scale &= ~1
        pairs.append((unit.a.random(), scale))
    await unit.check(pairs)


@cocotb.test()
async def outputs_come_from_registers(dut):
    unit = Products(dut)
    await unit.bench.reset()
    for _ in range(10):
        await unit.bench.tick()
        await check_no_paths(unit.bench, ["a", "scale"], ["o"])
