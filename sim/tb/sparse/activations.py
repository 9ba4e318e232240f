"""Testbench of the activations of an element."""

import cocotb

from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Recorder, Sink, always, never, stalls
from ._words import corner


class Memory:
    """The unit before a sink; knows what it has to hold.

    Values are random where nothing is written, and their numbers where nothing waits for them.
    """

    def __init__(self, dut, stall_out=never):
        unit = manifest()
        params = unit.parameters
        self.dut, self.bench = dut, Bench(dut)
        self.depth, self.width = params["depth"], params["width"]
        self.values = [0] * self.depth
        self.sink = Sink(dut, unit.streams["o"], stall_out)
        self.o = Recorder(dut, "o", unit.streams["o"])
        #: The number of the next activation of a scan, the one that was read, and words queued.
        self.at, self.read, self.queued = None, None, 0

    async def start(self):
        dut = self.dut
        dut.write.value = dut.scan.value = dut.filling.value = 0
        await self.bench.reset()
        self.bench.agents = [self.sink, self.o, self]

    def step(self, cycle):
        """What the unit shows in each cycle: it looks at an activation, reads it, and queues it."""
        dut = self.dut
        offered = self.queued > 0
        assert bool(dut.o_valid.value) == offered, f"cycle {cycle}: o_valid"
        busy = self.at is not None or self.read is not None or offered
        assert bool(dut.busy.value) == busy, f"cycle {cycle}: busy"
        queues = bool(self.read) and self.queued < 2
        if queues or not self.read:
            self.read = None
            waits = dut.filling.value and self.at == int(dut.index.value)
            if self.at is not None and not waits:
                self.read = self.values[self.at]
                self.at = None if self.at == int(dut.last.value) else self.at + 1
        self.queued += queues - bool(offered and dut.o_ready.value)
        if dut.scan.value:
            self.at = 0
        rng = self.bench.rng
        dut.value.value = rng.getrandbits(self.width)
        if not dut.filling.value:
            dut.index.value = rng.randrange(self.depth)

    def nonzero(self):
        """A value, which is seldom zero, often of one bit."""
        rng = self.bench.rng
        return rng.choice([corner(rng, self.width), 1 << rng.randrange(self.width - 1)])

    async def fill(self, zeros):
        """Write all, in any order; ``zeros`` is the share of zeros."""
        dut, rng = self.dut, self.bench.rng
        dut.write.value = 1
        for index in rng.sample(range(self.depth), self.depth):
            value = 0 if rng.random() < zeros else self.nonzero()
            self.values[index] = value
            dut.index.value, dut.value.value = index, value
            await self.bench.tick()
        dut.write.value = 0

    async def scan(self, last, limit):
        """Scan, and check what comes."""
        before = self.o.count
        mask = (1 << self.width) - 1
        actual = [
            index << self.width | value & mask
            for index, value in enumerate(self.values[: last + 1])
            if value
        ]
        self.dut.scan.value, self.dut.last.value = 1, last
        await self.bench.tick()
        begun = self.bench.cycle
        self.dut.scan.value = 0
        await self.bench.tick()
        await self.bench.run(lambda: not self.dut.busy.value, limit)
        for _ in range(5):
            await self.bench.tick()
        assert self.o.words[before:] == actual
        return [cycle - begun for cycle in self.o.accepted[before:]], actual


@cocotb.test()
@cocotb.parametrize(zeros=[0, 0.5, 0.9, 1])
async def throughput(dut, zeros):
    """An activation a cycle is looked at."""
    memory = Memory(dut)
    await memory.start()
    for _ in range(3):
        await memory.fill(zeros)
        accepted, actual = await memory.scan(memory.depth - 1, memory.depth + 10)
        assert accepted == [3 + (word >> memory.width) for word in actual]


@cocotb.test()
@cocotb.parametrize(zeros=[0, 0.6], output=[0, 30, 70])
async def random_stalls(dut, zeros, output):
    """Scans of any length, again and again."""
    memory = Memory(dut)
    rng = memory.bench.rng
    memory.sink._stall = stalls(output, rng)
    await memory.start()
    for _ in range(3):
        await memory.fill(zeros)
        lasts = {0, memory.depth - 1, *(rng.randrange(memory.depth) for _ in range(6))}
        for last in lasts:
            await memory.scan(last, 20 * memory.depth + 200)


@cocotb.test()
@cocotb.parametrize(inputs=[0, 50], output=[0, 50])
async def scan_while_filling(dut, inputs, output):
    """A scan that begins with the first activation's writing never comes before the others'."""
    memory = Memory(dut)
    rng = memory.bench.rng
    late, full = stalls(inputs, rng), stalls(output, rng)
    # Sometimes nothing leaves until some are there.
    index = opens = 0
    memory.sink._stall = lambda: full() or index < opens
    await memory.start()
    # What is read too early is not zero.
    await memory.fill(0)
    times = 2 + 60 // memory.depth
    for last in (0, rng.randrange(memory.depth), *[memory.depth - 1] * times):
        before = memory.o.count
        opens = rng.randint(0, last) if output else 0
        dut.last.value = last
        dut.filling.value = 1
        for index in range(last + 1):
            dut.index.value = index
            while late():
                await memory.bench.tick()
            value = corner(rng, memory.width)
            memory.values[index] = value
            dut.write.value, dut.value.value, dut.scan.value = 1, value, index == 0
            await memory.bench.tick()
            dut.write.value = dut.scan.value = 0
        dut.filling.value = 0
        filled = memory.bench.cycle
        await memory.bench.tick()
        await memory.bench.run(lambda: not dut.busy.value, 20 * memory.depth + 50)
        if not output:
            assert memory.bench.cycle - filled <= 4, "the scan did not follow the activations"
        mask = (1 << memory.width) - 1
        values = enumerate(memory.values[: last + 1])
        words = [n << memory.width | value & mask for n, value in values if value]
        assert memory.o.words[before:] == words


@cocotb.test()
async def waits_for_the_sink(dut):
    """Words wait, however long, and ``busy`` shows it."""
    block = [always]
    memory = Memory(dut, lambda: block[0]())
    await memory.start()
    await memory.fill(0.2)
    memory.values[0] = 1
    dut.write.value, dut.index.value, dut.value.value = 1, 0, 1
    await memory.bench.tick()
    dut.write.value = 0
    dut.scan.value, dut.last.value = 1, memory.depth - 1
    await memory.bench.tick()
    dut.scan.value = 0
    for _ in range(3):
        await memory.bench.tick()
    for _ in range(2 * memory.depth + 5):
        await memory.bench.tick()
        assert dut.busy.value
        assert dut.o_valid.value
    block[0] = never
    await memory.bench.run(lambda: not dut.busy.value, memory.depth + 10)
    mask = (1 << memory.width) - 1
    values = enumerate(memory.values)
    assert memory.o.words == [n << memory.width | value & mask for n, value in values if value]


@cocotb.test()
async def reset(dut):
    """A reset ends a scan."""
    for cycles in range(6):
        memory = Memory(dut, always)
        await memory.start()
        await memory.fill(0.2)
        dut.scan.value, dut.last.value = 1, memory.depth - 1
        await memory.bench.tick()
        dut.scan.value = 0
        for _ in range(cycles):
            await memory.bench.tick()
        memory.bench.agents = []
        await memory.bench.reset()
        await memory.bench.tick()
        assert not dut.o_valid.value
        assert not dut.busy.value
        memory = Memory(dut)
        await memory.start()
        await memory.fill(0.2)
        await memory.scan(memory.depth - 1, memory.depth + 10)


@cocotb.test()
async def no_paths_within_a_cycle(dut):
    memory = Memory(dut)
    memory.sink._stall = stalls(40, memory.bench.rng)
    await memory.start()
    await memory.fill(0.2)
    dut.scan.value, dut.last.value = 1, memory.depth - 1
    await memory.bench.tick()
    dut.scan.value = 0
    for _ in range(20):
        await memory.bench.tick()
        inputs = ["write", "index", "value", "filling", "scan", "last", "o_ready"]
        await check_no_paths(memory.bench, inputs, ["busy", "o_valid", "o_payload"])
