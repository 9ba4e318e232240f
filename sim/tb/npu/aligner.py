"""Testbench of a word at any byte."""

import cocotb
import numpy as np

from ...golden.npu.aligner import aligner
from ...host.packing import integers, pack
from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Recorder, Sink, Source, always, never, sparse, stalls

#: Cycles from two words to the word out of them.
LATENCY = 1


class Pairs:
    """The unit between pairs of words and a sink."""

    def __init__(self, dut, stall_in=never, stall_out=never):
        unit = manifest()
        self.dut, self.bench, self.streams = dut, Bench(dut), unit.streams
        self.lanes = unit.parameters["lanes"]
        self.patterns = stall_in, stall_out

    async def start(self, low, high, offset):
        stall_in, stall_out = self.patterns
        halves = {
            name: np.array([[int.from_bytes(word.tobytes(), "little")] for word in words], object)
            for name, words in (("low", low), ("high", high))
        }
        fields = {field["name"]: field["offset"] for field in self.streams["i"]["fields"]}
        words = [
            int(halves["low"][n, 0]) << fields["low"]
            | int(halves["high"][n, 0]) << fields["high"]
            | int(offset[n]) << fields["offset"]
            for n in range(len(offset))
        ]
        self.expected = integers(pack(aligner(low, high, offset), 8))
        self.source = Source(self.dut, self.streams["i"], words, stall_in)
        self.sink = Sink(self.dut, self.streams["o"], stall_out)
        self.i, self.o = (Recorder(self.dut, name, self.streams[name]) for name in ("i", "o"))
        await self.bench.reset()
        self.bench.agents = [self.source, self.sink, self.i, self.o]

    async def random(self, count):
        random = self.bench.random
        low, high = random.integers(0, 256, (2, count, self.lanes), np.uint8)
        await self.start(low, high, random.integers(0, self.lanes, count))

    async def finish(self, limit):
        await self.bench.run(lambda: self.o.count >= len(self.expected), limit)
        for _ in range(10):
            await self.bench.tick()
        assert self.o.words == self.expected


@cocotb.test()
async def every_offset(dut):
    """Bytes that count up, at each offset."""
    pairs = Pairs(dut)
    offset = np.arange(pairs.lanes)
    low = np.tile(np.arange(pairs.lanes, dtype=np.uint8), (pairs.lanes, 1))
    await pairs.start(low, low + np.uint8(pairs.lanes), offset)
    await pairs.finish(4 * pairs.lanes + 40)


@cocotb.test()
async def latency(dut):
    pairs = Pairs(dut, sparse(1, 5))
    await pairs.random(20)
    await pairs.finish(300)
    late = [o - i for i, o in zip(pairs.i.accepted, pairs.o.offered, strict=True)]
    assert set(late) == {LATENCY}


@cocotb.test()
async def throughput(dut):
    """A word a cycle."""
    pairs = Pairs(dut)
    await pairs.random(60)
    await pairs.finish(100)
    for recorder in (pairs.i, pairs.o):
        assert recorder.accepted == list(range(recorder.accepted[0], recorder.accepted[0] + 60))


@cocotb.test()
@cocotb.parametrize(inputs=[0, 60], outputs=[0, 30, 80])
async def random_words(dut, inputs, outputs):
    pairs = Pairs(dut)
    rng = pairs.bench.rng
    pairs.patterns = stalls(inputs, rng), stalls(outputs, rng)
    await pairs.random(300)
    await pairs.finish(8000)


@cocotb.test()
async def resets(dut):
    for cycles in range(6):
        pairs = Pairs(dut, stall_out=always)
        await pairs.random(9)
        for _ in range(cycles):
            await pairs.bench.tick()
        pairs = Pairs(dut)
        await pairs.random(9)
        await pairs.finish(60)


@cocotb.test()
async def outputs_come_from_registers(dut):
    pairs = Pairs(dut)
    rng = pairs.bench.rng
    pairs.patterns = stalls(40, rng), stalls(40, rng)
    await pairs.random(60)
    for _ in range(40):
        await pairs.bench.tick()
        inputs, outputs = ["i_payload", "i_valid", "o_ready"], ["i_ready", "o_valid", "o_payload"]
        await check_no_paths(pairs.bench, inputs, outputs)
    await pairs.finish(1000)
