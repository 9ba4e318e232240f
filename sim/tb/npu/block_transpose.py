"""Testbench of the transposition of blocks."""

import cocotb
import numpy as np

from ...golden.npu.block_transpose import block_transpose
from ...host.packing import integers, pack
from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Recorder, Sink, Source, always, never, sparse, stalls

#: Cycles from the last word of a block to its first one.
LATENCY = 2


class Blocks:
    """The unit between words of blocks and a sink."""

    def __init__(self, dut, stall_in=never, stall_out=never):
        unit = manifest()
        self.dut, self.bench, self.streams = dut, Bench(dut), unit.streams
        self.lanes, self.width = unit.parameters["lanes"], unit.parameters["width"]
        self.patterns = stall_in, stall_out

    async def start(self, words):
        stall_in, stall_out = self.patterns
        self.expected = integers(pack(block_transpose(words), self.width))
        words = integers(pack(words, self.width))
        self.source = Source(self.dut, self.streams["i"], words, stall_in)
        self.sink = Sink(self.dut, self.streams["o"], stall_out)
        self.i, self.o = (Recorder(self.dut, name, self.streams[name]) for name in ("i", "o"))
        await self.bench.reset()
        self.bench.agents = [self.source, self.sink, self.i, self.o]

    async def random(self, blocks):
        shape = blocks * self.lanes, self.lanes
        await self.start(self.bench.random.integers(0, 1 << self.width, shape))

    async def finish(self, limit):
        await self.bench.run(lambda: self.o.count >= len(self.expected), limit)
        for _ in range(10):
            await self.bench.tick()
        assert self.o.words == self.expected


@cocotb.test()
async def every_place(dut):
    """A block for each place in it, with ones there and zeros elsewhere, and the opposite."""
    blocks = Blocks(dut)
    places = np.eye(blocks.lanes**2, dtype=np.int64)[:: max(1, blocks.lanes**2 // 100)]
    ones = places.reshape(-1, blocks.lanes) * ((1 << blocks.width) - 1)
    await blocks.start(np.concatenate([ones, (1 << blocks.width) - 1 - ones]))
    await blocks.finish(10 * len(ones) + 100)


@cocotb.test()
async def latency(dut):
    """Of blocks by themselves: the first word comes 2 cycles after the last one."""
    blocks = Blocks(dut)
    lanes = blocks.lanes
    blocks.patterns = sparse(lanes, 3 * lanes + 10), never
    await blocks.random(6)
    await blocks.finish(60 * lanes + 200)
    ends, begins = blocks.i.accepted[lanes - 1 :: lanes], blocks.o.offered[::lanes]
    assert {o - i for i, o in zip(ends, begins, strict=True)} == {LATENCY}


@cocotb.test()
async def throughput(dut):
    """A word in and a word out a cycle, also from a block to the next."""
    blocks = Blocks(dut)
    await blocks.random(8)
    count = 8 * blocks.lanes
    await blocks.finish(2 * count + 60)
    for recorder in (blocks.i, blocks.o):
        assert recorder.accepted == list(range(recorder.accepted[0], recorder.accepted[0] + count))
    assert blocks.o.accepted[0] - blocks.i.accepted[0] == blocks.lanes - 1 + LATENCY


@cocotb.test()
@cocotb.parametrize(inputs=[0, 60], outputs=[0, 30, 80])
async def random_blocks(dut, inputs, outputs):
    blocks = Blocks(dut)
    rng = blocks.bench.rng
    blocks.patterns = stalls(inputs, rng), stalls(outputs, rng)
    await blocks.random(20 + 200 // blocks.lanes)
    await blocks.finish(20000)


@cocotb.test()
async def resets(dut):
    """At any moment of a block: the next word begins one."""
    for cycles in range(12):
        blocks = Blocks(dut, stall_out=always if cycles % 3 else never)
        await blocks.random(4)
        for _ in range(cycles):
            await blocks.bench.tick()
        blocks = Blocks(dut)
        await blocks.random(3)
        await blocks.bench.tick()
        assert not dut.o_valid.value
        await blocks.finish(10 * blocks.lanes + 60)


@cocotb.test()
async def outputs_come_from_registers(dut):
    blocks = Blocks(dut)
    rng = blocks.bench.rng
    blocks.patterns = stalls(40, rng), stalls(40, rng)
    await blocks.random(4 + 60 // blocks.lanes)
    for _ in range(60):
        await blocks.bench.tick()
        inputs, outputs = ["i_payload", "i_valid", "o_ready"], ["i_ready", "o_valid", "o_payload"]
        await check_no_paths(blocks.bench, inputs, outputs)
    await blocks.finish(3000)
