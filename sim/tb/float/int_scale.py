"""Testbench of the product of an integer and a short number."""

import itertools

import cocotb
import numpy as np

from ...golden.float.int_scale import int_scale
from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.float_codes import FloatCodes
from ...lib.trace import late, play


class Products:
    """The unit, with pairs of an integer and a code in consecutive cycles."""

    def __init__(self, dut):
        self.bench = Bench(dut)
        self.width, self.unit, self.mantissa = manifest().parameters.values()
        self.latency = 4 if self.mantissa else 3
        self.scales = FloatCodes(self.bench.rng, 8, max(1, self.mantissa))
        self.lowest, self.highest = -1 << self.width - 1, (1 << self.width - 1) - 1

    def scale(self, sign, field, fraction):
        """A scale's code; without fraction bits the lowest bit is set in NaNs alone."""
        return self.scales.code(sign, field, fraction if self.mantissa else 0)

    def special_scales(self):
        codes = self.scales.specials()
        if self.mantissa:
            return codes
        return sorted({code for code in codes if not code & 1 or code >> 1 & 0xFF == 0xFF})

    def integer(self):
        """Any integer of any magnitude."""
        rng = self.bench.rng
        return rng.randint(self.lowest, self.highest) >> rng.randrange(self.width)

    async def check(self, pairs):
        """A product a cycle, each after the latency; the scale is a cycle late."""
        await self.bench.reset()
        pairs = [*pairs, *([(0, 0)] * self.latency)]
        i, scale = np.array([each[0] for each in pairs], object), np.array([s for _, s in pairs])
        trace = await play(self.bench, {"i": i, "scale": late(scale, 1)})
        expected = int_scale(i, scale, self.unit, self.mantissa)
        trace.check("o", late(expected, self.latency), np.arange(len(i)) >= self.latency)


@cocotb.test()
async def specials(dut):
    """Zero, limits, powers of two and their neighbours with special scales."""
    unit = Products(dut)
    powers = [s * ((1 << n) + d) for n in range(unit.width) for d in (-1, 0, 1) for s in (1, -1)]
    integers = [0, unit.lowest, unit.highest, *powers]
    integers = [each for each in integers if unit.lowest <= each <= unit.highest]
    await unit.check(list(itertools.product(integers, unit.special_scales()))[:40000])


@cocotb.test()
async def limits(dut):
    """Products next to overflow and underflow, at every magnitude of the integer."""
    unit = Products(dut)
    rng, pairs = unit.bench.rng, []
    for length in range(1, unit.width):
        for low, reached in itertools.product(unit.scales.fractions(), (1, 255)):
            for distance in range(-3, 2):
                # The top bit of an integer counts this much beside the exponent field.
                field = reached - (length - 1 + unit.unit) + distance
                if 1 <= field <= 254:
                    magnitude = (1 << length - 1) + rng.getrandbits(length - 1)
                    magnitude = rng.choice((magnitude, (1 << length) - 1))
                    sign = rng.choice((1, -1))
                    pairs.append((sign * magnitude, unit.scale(rng.getrandbits(1), field, low)))
    await unit.check(pairs)


@cocotb.test()
async def ties(dut):
    """Products whose bits below the last one are a half, its neighbours, or all ones."""
    unit = Products(dut)
    rng, pairs = unit.bench.rng, []
    for _ in range(3000):
        zeros = rng.randrange(unit.width)
        odd = unit.integer() >> zeros << zeros | 1 << zeros
        odd = min(max(odd, unit.lowest), unit.highest)
        fraction = rng.getrandbits(max(1, unit.mantissa)) | 1
        pairs.append((odd, unit.scale(rng.getrandbits(1), rng.randint(100, 150), fraction)))
    await unit.check(pairs)


@cocotb.test()
async def random(dut):
    """Any integers and codes."""
    unit = Products(dut)
    pairs = []
    for _ in range(3000):
        scale = unit.scales.random()
        if not unit.mantissa and scale >> 1 & 0xFF != 0xFF:
            scale &= ~1
        pairs.append((unit.integer(), scale))
    await unit.check(pairs)


@cocotb.test()
async def outputs_come_from_registers(dut):
    unit = Products(dut)
    await unit.bench.reset()
    for _ in range(10):
        await unit.bench.tick()
        await check_no_paths(unit.bench, ["i", "scale"], ["o"])
