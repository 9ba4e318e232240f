"""Testbench of the memory of a bank."""

import cocotb

from ...golden.npu.ram import ram
from ...lib.bench import Bench, check_no_paths, manifest


class Memory:
    """Drives both ports, and knows the word that has to be read."""

    def __init__(self, dut):
        self.dut, self.bench = dut, Bench(dut)
        self.rng, params = self.bench.rng, manifest().parameters
        self.width, self.depth = params["width"], params["depth"]
        self.granularity = params["granularity"]
        self.groups = self.width // self.granularity
        self.words = [None] * self.depth
        self.expected = None
        self.checks = 0

    async def start(self):
        for name in ("read_address", "read_enable", "write_address", "write_data", "write_mask"):
            getattr(self.dut, name).value = 0
        await self.bench.reset()
        await self.bench.tick()

    async def cycle(self, read=None, write=None, data=0, mask=None):
        """A cycle with an address to read, or none, and one to write."""
        dut, mask = self.dut, (1 << self.groups) - 1 if mask is None else mask
        dut.read_enable.value = int(read is not None)
        dut.read_address.value = self.rng.randrange(self.depth) if read is None else read
        dut.write_mask.value = 0 if write is None else mask
        dut.write_address.value = self.rng.randrange(self.depth) if write is None else write
        dut.write_data.value = data
        await self.bench.tick()
        if self.expected is not None:
            assert int(dut.read_data.value) == self.expected
            self.checks += 1
        if read is not None:
            # A word that is written in the same cycle may be the old or the new one.
            self.expected = None if read == write else self.words[read]
        if write is not None:
            word = self.words[write]
            if word is not None or mask == (1 << self.groups) - 1:
                self.words[write] = ram(word or 0, data, mask, self.granularity)

    async def fill(self):
        for address in range(self.depth):
            await self.cycle(write=address, data=self.rng.getrandbits(self.width))


@cocotb.test()
async def every_word(dut):
    """Each word has its own place; a word a cycle is written, and read."""
    memory = Memory(dut)
    await memory.start()
    await memory.fill()
    for address in range(memory.depth):
        await memory.cycle(read=address)
    await memory.cycle()
    assert memory.checks == memory.depth


@cocotb.test()
async def masks(dut):
    """Each group of bits by itself, and no group."""
    memory = Memory(dut)
    await memory.start()
    await memory.fill()
    for group in range(memory.groups + 1):
        for data in (0, (1 << memory.width) - 1):
            address = memory.rng.randrange(memory.depth)
            mask = 1 << group & ((1 << memory.groups) - 1)
            await memory.cycle(write=address, data=data, mask=mask)
            await memory.cycle(read=address)
            await memory.cycle()
    assert memory.checks >= 2 * memory.groups


@cocotb.test()
async def holds_a_word(dut):
    """A word that was read stays while nothing is read, also when it is written."""
    memory = Memory(dut)
    await memory.start()
    await memory.fill()
    await memory.cycle(read=1)
    for _ in range(5):
        await memory.cycle(write=1, data=memory.rng.getrandbits(memory.width))
    await memory.cycle(read=1)
    await memory.cycle()


@cocotb.test()
async def random_accesses(dut):
    memory = Memory(dut)
    rng = memory.rng
    await memory.start()
    await memory.fill()
    for _ in range(2000):
        await memory.cycle(
            read=rng.choice([None, rng.randrange(memory.depth)]),
            write=rng.choice([None, rng.randrange(memory.depth)]),
            data=rng.getrandbits(memory.width),
            mask=rng.getrandbits(memory.groups),
        )
    assert memory.checks > 500


@cocotb.test()
async def read_data_come_from_a_register(dut):
    memory = Memory(dut)
    await memory.start()
    await memory.fill()
    await memory.cycle(read=0)
    for _ in range(10):
        await memory.cycle(read=memory.rng.randrange(memory.depth))
        inputs = ["read_address", "read_enable", "write_address", "write_data", "write_mask"]
        await check_no_paths(memory.bench, inputs, ["read_data"])
