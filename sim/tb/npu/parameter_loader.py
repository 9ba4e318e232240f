"""Testbench of the loading of parameters."""

import cocotb

from ...golden.npu.parameter_loader import parameter_sets
from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Recorder, Source, never, stalls
from ...lib.trace import split
from ._fields import pack
from ._memory import ReadPort


class Loader:
    """The unit with a memory of random words, and a user that takes each set.

    ``blocks`` are triples (base, number of blocks, shared); ``use`` holds back the taking of sets.
    """

    def __init__(self, dut, blocks, stall=0, use=never):
        unit = manifest()
        self.dut, self.bench = dut, Bench(dut)
        self.lanes, self.width, address_width, self.hold = unit.parameters.values()
        memory = [self.bench.rng.getrandbits(self.width) for _ in range(1 << address_width)]
        self.expected = [
            [memory[channel] for channel in channels]
            for base, count, shared in blocks
            for channels in parameter_sets(base, count, shared, self.lanes, address_width)
        ]
        words = [
            pack(unit.streams["i"], {"base": base, "count": count - 1, "shared": shared})
            for base, count, shared in blocks
        ]
        pattern = (lambda: stalls(stall, self.bench.rng)) if stall else (lambda: never)
        self.i = Source(dut, unit.streams["i"], words, pattern())
        self.memory = ReadPort(
            dut,
            unit.streams,
            "channels",
            "words",
            memory.__getitem__,
            stall_ask=pattern(),
            stall_answer=pattern(),
        )
        self.accepted = Recorder(dut, "words", unit.streams["words"])
        self._use = use
        self._taking = False
        self.sets, self.takes, self.loads = [], [], []
        dut.take.value = 0

    async def start(self):
        await self.bench.reset()
        self.bench.agents = [self.i, self.memory, self.accepted, self]

    def values(self):
        return split(int(self.dut.values.value), self.width, self.lanes)

    def step(self, cycle):
        """Takes sets, and looks whether those that were taken stay."""
        loaded = bool(self.dut.loaded.value)
        if loaded and len(self.loads) == len(self.takes):
            self.loads.append(cycle)
        if self.takes and cycle - self.takes[-1] <= self.hold:
            assert self.values() == self.sets[-1], "a set in use was replaced"
        if self._taking:
            assert loaded, "a set vanished"
            self.sets.append(self.values())
            self.takes.append(cycle)
        self._taking = loaded and not self._taking and not self._use()
        self.dut.take.value = self._taking

    async def finish(self, limit=4000):
        await self.bench.run(lambda: len(self.sets) >= len(self.expected), limit)
        for _ in range(self.lanes + self.hold + 10):
            await self.bench.tick()
        assert self.sets == self.expected
        assert self.i.done
        assert not self.dut.loaded.value


def random_blocks(rng, count):
    _, _, address_width, _ = manifest().parameters.values()
    return [
        (rng.getrandbits(address_width), rng.randint(1, 4), rng.random() < 0.3)
        for _ in range(count)
    ]


@cocotb.test()
async def throughput(dut):
    """A set every ``lanes + hold + 1`` cycles and the cycle of its user, over all blocks."""
    loader = Loader(dut, [(3, 4, False), (1, 3, True), (0, 1, False), (2, 2, False)])
    await loader.start()
    await loader.finish()
    period = loader.lanes + loader.hold + 2
    assert loader.takes == list(range(loader.takes[0], loader.takes[0] + 8 * period, period))
    words = loader.accepted.accepted[loader.lanes - 1 :: loader.lanes]
    assert loader.loads == [cycle + 1 for cycle in words]


@cocotb.test()
async def many_blocks(dut):
    """As many blocks as there can be; channels wrap."""
    _, _, address_width, _ = manifest().parameters.values()
    loader = Loader(dut, [((1 << address_width) - 1, 256, False), (5, 256, True)])
    await loader.start()
    await loader.finish(100_000)


@cocotb.test()
@cocotb.parametrize(stall=[0, 40, 80], use=[0, 60])
async def random_stalls(dut, stall, use):
    loader = Loader(dut, random_blocks(Bench(dut).rng, 20), stall)
    loader._use = stalls(use, loader.bench.rng)
    await loader.start()
    await loader.finish(20_000)


@cocotb.test()
async def reset(dut):
    """A reset at any time; the next sets are right."""
    rng = Bench(dut).rng
    for cycles in (2, 5, 9, 14, 30):
        loader = Loader(dut, random_blocks(rng, 4), 20)
        await loader.start()
        for _ in range(cycles):
            await loader.bench.tick()
        loader = Loader(dut, random_blocks(rng, 3))
        await loader.start()
        await loader.finish()


@cocotb.test()
async def outputs_come_from_registers(dut):
    loader = Loader(dut, random_blocks(Bench(dut).rng, 10), 30)
    await loader.start()
    for _ in range(60):
        await loader.bench.tick()
        inputs = ["i_payload", "i_valid", "words_payload", "words_valid", "take"]
        outputs = ["channels_payload", "channels_valid", "words_ready", "values", "loaded"]
        await check_no_paths(loader.bench, inputs, outputs)
    await loader.finish()
