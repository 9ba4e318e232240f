"""Testbench of the conversion of integers to floating point."""

import cocotb
import numpy as np

from ...golden.float.to_float import to_float
from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.trace import late, play

LATENCY = 3
FRACTION = {"fp32": 23, "bf16": 7, "fp16": 10}


class Conversions:
    """The unit, with integers in consecutive cycles."""

    def __init__(self, dut):
        self.bench = Bench(dut)
        self.width, self.unit, self.format = manifest().parameters.values()
        self.fraction = FRACTION[self.format]
        self.lowest, self.highest = -1 << self.width - 1, (1 << self.width - 1) - 1

    def kept(self, magnitudes):
        """The numbers of both signs that the unit's integers hold."""
        both = [sign * each for each in magnitudes for sign in (1, -1)]
        return [each for each in both if self.lowest <= each <= self.highest]

    async def check(self, integers):
        """A number a cycle, each after the latency."""
        await self.bench.reset()
        integers = [*integers, *[0] * LATENCY]
        codes = to_float(np.array(integers, object), self.unit, self.format)
        trace = await play(self.bench, {"i": integers})
        trace.check("o", late(codes, LATENCY), np.arange(len(integers)) >= LATENCY)


@cocotb.test()
async def magnitudes(dut):
    """Powers of two and their neighbours: each number of leading zeros, the lowest integer."""
    unit = Conversions(dut)
    powers = [(1 << n) + d for n in range(unit.width + 1) for d in (-2, -1, 0, 1, 2)]
    await unit.check([0, unit.lowest, unit.highest, *unit.kept(powers)])


@cocotb.test()
async def ties(dut):
    """Ties at every magnitude, and neighbours that one bit anywhere below makes; carries."""
    unit = Conversions(dut)
    integers = []
    for length in range(1, unit.width + 1):
        # Bits of significands of subnormal numbers are fewer.
        for bits in {unit.fraction + 1, unit.bench.rng.randint(1, unit.fraction + 1)}:
            below = length - bits
            if below < 1:
                continue
            top, half = 1 << bits - 1, 1 << below - 1
            tails = {half, half - 1, half + 1, half + (1 << unit.bench.rng.randrange(below))}
            for significand in {top, top + 1, (top << 1) - 1, (top << 1) - 2, top | top >> 1}:
                integers += [(significand << below) + tail for tail in tails]
    await unit.check(unit.kept(integers or [1]))


@cocotb.test()
async def lone_bits(dut):
    """Ties but for a one anywhere below, next to an even number: no bit is overlooked."""
    unit = Conversions(dut)
    integers = []
    for length in range(unit.fraction + 3, unit.width + 1):
        top, below = length - 1, length - unit.fraction - 2
        tie = (1 << top) + (1 << below)
        signs = unit.bench.rng.choices((1, -1), k=below + 1)
        integers += [sign * (tie + (1 << n if n < below else 0)) for n, sign in enumerate(signs)]
    await unit.check([each for each in integers if unit.lowest <= each <= unit.highest] or [1])


@cocotb.test()
async def limits(dut):
    """Next to overflow, to the smallest normal and the smallest subnormal number."""
    unit = Conversions(dut)
    bias, most = (15, 16) if unit.format == "fp16" else (127, 128)
    integers = [0]
    for exponent in (most, 1 - bias, -bias, 1 - bias - unit.fraction, -bias - unit.fraction):
        place = exponent - unit.unit
        for distance in range(unit.fraction + 4):
            if place >= distance:
                integers += [(1 << place) + d * (1 << place - distance) for d in (-1, 1)]
        integers += [1 << place, (1 << place) - 1, (1 << place) + 1] if place >= 0 else []
    await unit.check(unit.kept(integers))


@cocotb.test()
async def random(dut):
    """Any integers of all magnitudes."""
    unit = Conversions(dut)
    rng = unit.bench.rng
    integers = [rng.randint(unit.lowest, unit.highest) for _ in range(3000)]
    await unit.check([each >> rng.randrange(unit.width) for each in integers])


@cocotb.test()
async def outputs_come_from_registers(dut):
    unit = Conversions(dut)
    await unit.bench.reset()
    for _ in range(10):
        await unit.bench.tick()
        await check_no_paths(unit.bench, ["i"], ["o"])
