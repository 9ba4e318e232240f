"""Testbench of the alignment of the floats of a word."""

import cocotb
import numpy as np

from ...golden import formats
from ...golden.float.align import aligned
from ...host.packing import integers, pack, unpack_fields
from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Recorder, Sink, Source, never, stalls


class Words:
    """The unit with words of codes."""

    def __init__(self, dut, stall_in=never, stall_out=never):
        self.dut, self.bench, unit = dut, Bench(dut), manifest()
        self.lanes, self.width = unit.parameters["lanes"], unit.parameters["width"]
        self.format = formats.get(unit.parameters["format"])
        self.streams = unit.streams
        self.stalls = stall_in, stall_out

    async def run(self, codes):
        await self.bench.reset()
        words = integers(pack(codes, self.format.bits))
        source = Source(self.dut, self.streams["i"], words, self.stalls[0])
        self.i = Recorder(self.dut, "i", self.streams["i"])
        self.o = Recorder(self.dut, "o", self.streams["o"])
        self.bench.agents = [source, Sink(self.dut, self.streams["o"], self.stalls[1])]
        self.bench.agents += [self.i, self.o]
        await self.bench.run(lambda: self.o.count >= len(words), 20 * len(words) + 100)
        for _ in range(5):
            await self.bench.tick()
        assert self.o.count == len(words)
        size = -(-self.streams["o"]["width"] // 8)
        packed = b"".join(word.to_bytes(size, "little") for word in self.o.words)
        fields = unpack_fields(
            np.frombuffer(packed, np.uint8).reshape(-1, size), self.streams["o"]["fields"]
        )
        numbers = formats.decode(codes, self.format.name)
        lanes, scale, _ = aligned(numbers, [slice(None)], self.width)
        found = fields["scale"].reshape(-1)
        assert np.array_equal(found, scale[:, 0]), f"{found} instead of {scale[:, 0]}"
        finite = scale[:, 0] != 255
        assert np.array_equal(fields["lane"][finite], lanes[finite])

    def random(self, count, spread):
        """Words of numbers whose exponents differ by up to so many."""
        random = self.bench.random
        size = count, self.lanes
        numbers = random.normal(size=size) * 2.0 ** random.integers(-spread, 1, size)
        numbers[random.random(size) < 0.1] = 0
        return formats.cast(numbers, self.format.name).astype(np.int64)


@cocotb.test()
@cocotb.parametrize(stall_in=[0, 60], stall_out=[0, 60])
async def random(dut, stall_in, stall_out):
    """Exponents that are near to each other, and far from each other."""
    unit = Words(dut)
    unit.stalls = stalls(stall_in, unit.bench.rng), stalls(stall_out, unit.bench.rng)
    for spread in (2, unit.width, 2 * unit.width + 3):
        await unit.run(unit.random(100, spread))


@cocotb.test()
async def any_codes(dut):
    """Also zeros of both signs, subnormal numbers, infinities and NaN."""
    unit = Words(dut)
    random, size = unit.bench.random, (600, unit.lanes)
    codes = random.integers(0, 1 << unit.format.bits, size)
    special = np.flatnonzero(unit.format.special)
    tiny = np.arange(0, 1 << 3), (1 << (unit.format.bits - 1)) + np.arange(0, 1 << 3)
    corners = np.concatenate([*tiny, special])
    chosen = random.random(size) < random.choice([0, 0.2, 1], (len(codes), 1))
    codes = np.where(chosen, random.choice(corners, size), codes)
    await unit.run(codes)


@cocotb.test()
async def every_distance(dut):
    """Ones below a lane of each larger exponent: nothing is rounded, all bits come last."""
    unit = Words(dut)
    exponents = np.arange(unit.width + 4)
    numbers = np.full((2 * len(exponents), unit.lanes), 2 - 2.0**-7)
    numbers[: len(exponents), 0] *= 2.0 ** exponents.clip(0, 14)
    numbers[len(exponents) :, -1] *= -(2.0 ** exponents.clip(0, 14))
    await unit.run(formats.cast(numbers, unit.format.name).astype(np.int64))


@cocotb.test()
async def latency_and_throughput(dut):
    unit = Words(dut)
    await unit.run(unit.random(50, 5))
    assert (np.diff(unit.i.accepted) == 1).all()
    assert (np.subtract(unit.o.accepted, unit.i.accepted) == 2).all()


@cocotb.test()
async def outputs_come_from_registers(dut):
    unit = Words(dut)
    await unit.bench.reset()
    for _ in range(20):
        await unit.bench.tick()
        await check_no_paths(unit.bench, ["i_payload", "i_valid"], ["o_payload", "o_valid"])
