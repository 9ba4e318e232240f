"""Testbench of the narrowing of binary32."""

import cocotb
import numpy as np

from ...golden.float.narrow import narrow
from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.float_codes import FloatCodes
from ...lib.trace import late, play

LATENCY = 1
FRACTION = {"bf16": 7, "fp16": 10}


class Narrowings:
    """The unit, with codes in consecutive cycles."""

    def __init__(self, dut):
        self.bench = Bench(dut)
        self.format = manifest().parameters["format"]
        self.codes = FloatCodes(self.bench.rng, 8, 23)

    async def check(self, codes):
        """A number a cycle, each after the latency."""
        await self.bench.reset()
        codes = np.array([*codes, *[0] * LATENCY], np.int64)
        trace = await play(self.bench, {"i": codes})
        expected = late(narrow(codes, self.format), LATENCY)
        trace.check("o", expected, np.arange(len(codes)) >= LATENCY)


@cocotb.test()
async def specials(dut):
    """Zeros, subnormal numbers, limits, infinities, and a single one in each bit of NaNs."""
    unit = Narrowings(dut)
    nans = [sign << 31 | 0x7F800000 | 1 << bit for sign in (0, 1) for bit in range(23)]
    await unit.check([*unit.codes.specials(), *nans])


@cocotb.test()
async def ties(dut):
    """At every exponent ties of each subnormal and normal last bit, neighbours, and carries."""
    unit = Narrowings(dut)
    rng, fraction, codes = unit.bench.rng, FRACTION[unit.format], []
    for field in range(1, 255):
        dropped = {23 - fraction}
        if unit.format == "fp16":
            # The last bit of subnormal numbers is higher by their distance to the normal ones.
            dropped |= {min(max(13 + 113 - field, 13), 24)}
        for bits in dropped:
            half = 1 << bits - 1
            tails = (0, half - 1, half, half + 1, half | 1 << rng.randrange(bits))
            for kept in (0, 1, 2, (1 << 23 >> bits) - 1, rng.getrandbits(23) >> bits):
                for tail in tails:
                    low = (kept << bits | tail) & (1 << 23) - 1
                    codes.append(unit.codes.code(rng.getrandbits(1), field, low))
    await unit.check(codes)


@cocotb.test()
async def random(dut):
    """Any codes, and those in the range of fp16."""
    unit = Narrowings(dut)
    codes = [unit.codes.random() for _ in range(1000)]
    for _ in range(3000):
        field = unit.bench.rng.randint(98, 145)
        sign, fraction = unit.bench.rng.getrandbits(1), unit.bench.rng.getrandbits(23)
        codes.append(unit.codes.code(sign, field, fraction))
    await unit.check(codes)


@cocotb.test()
async def outputs_come_from_registers(dut):
    unit = Narrowings(dut)
    await unit.bench.reset()
    for _ in range(10):
        await unit.bench.tick()
        await check_no_paths(unit.bench, ["i"], ["o"])
