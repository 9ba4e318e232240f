"""Testbench of the reader of blocks."""

from itertools import pairwise

import cocotb

from ...lib.bench import check_no_paths
from ...lib.streams import Source, always, never, stalls
from ._beats import Beat, beat_count, bursts, memory_word
from ._mover import check_extents
from .axi_reader import Reader


class Blocks(Reader):
    """The reader between numbers of blocks, a memory and a sink.

    Attributes
    ----------
    failed : list of int
        Blocks that were told to be wrong, by their position among all of the job.
    """

    def __init__(self, dut, latency=5, asks=never, gaps=never, out=never, numbers=never):
        self.numbers_stall = numbers
        super().__init__(dut, latency, asks, gaps, out)
        self.most = self.given["most"]
        self.most_bursts = self.depth  # those of small blocks are short

    def _connect(self, latency, asks, gaps, out):
        super()._connect(latency, asks, gaps, out)
        self.numbers = Source(self.dut, self.unit.streams["blocks"], iter(()))
        self.block = []  # the beats of a block of the job
        self.failed = 0
        self.first = 0  # beats of jobs before

    async def start(self, *, any_state=True):
        await super().start(any_state=any_state)
        self.bench.agents.append(self.numbers)

    def step(self, cycle):
        # A block is promised from its number on.
        self.expected = self.first + self.numbers.accepted * len(self.block)
        self.failed += bool(self.dut.failed.value)
        super().step(cycle)

    async def begin_blocks(self, address, count, size, numbers):
        """Starts a job; returns the bursts and beats of its blocks, and how many are wrong."""
        dut, rng = self.dut, self.bench.rng
        beats = beat_count(size, **self.layout)
        total = beat_count(count, **self.layout)
        dut.size.value = size
        dut.address.value, dut.count.value = address, count
        await self.bench.tick()
        await self.bench.tick()
        self.job_beats = 0
        dut.start.value = 1
        await self.bench.tick()
        assert bool(dut.short.value) == (beats > total)
        dut.start.value = 0
        # What was given is needed no longer.
        dut.address.value = rng.getrandbits(self.given["address_width"])
        dut.count.value = rng.getrandbits(32)
        dut.size.value = rng.randint(0, self.most)
        self.block, self.first, self.failed = self.beats(size), self.o.count, 0
        self.numbers = Source(dut, self.unit.streams["blocks"], numbers, self.numbers_stall)
        self.bench.agents[-1] = self.numbers
        asked, full, wrong = [], [], 0
        for number in numbers:
            inside = (number + 1) * beats <= total
            wrong += not inside
            index = address // self.size + number * beats * inside
            asked += bursts(index, beats, self.burst)
            full += [
                beat._replace(data=memory_word(index + n, self.width))
                for n, beat in enumerate(self.block)
            ]
        return asked, full, wrong

    async def blocks(self, address, count, size, numbers, limit=6000):
        """A whole job, and whether everything came."""
        first, accepted = len(self.memory.asked), self.o.count
        asked, beats, wrong = await self.begin_blocks(address, count, size, numbers)
        end = accepted + len(beats)
        await self.bench.run(lambda: self.o.count >= end, limit)
        for _ in range(4):
            await self.bench.tick()
        assert self.dut.idle.value
        assert self.memory.asked[first:] == asked
        actual = [Beat.of(word, self.width) for word in self.o.words[accepted:]]
        assert [beat.kept() for beat in actual] == [beat.kept() for beat in beats]
        assert [beat[1:] for beat in actual] == [beat[1:] for beat in beats]
        assert self.failed == wrong

    def place(self, count):
        """A random address for so many words."""
        beats = beat_count(count, **self.layout)
        rng = self.bench.rng
        last = self.all - beats
        return self.size * rng.choice([0, last, rng.randint(0, last), rng.randint(0, last)])

    def some(self, size=None):
        """Words of a block, and the count of all blocks, the last one perhaps cut to its words."""
        rng = self.bench.rng
        size = size or rng.randint(1, self.most)
        beats = beat_count(size, **self.layout)
        blocks = rng.randint(1, max(1, min(20, self.all // beats)))
        words = beats * self.given["words_per_beat"] // self.given["beats_per_word"]
        return size, (blocks - 1) * words + rng.choice([words, size]), blocks


@cocotb.test()
@cocotb.parametrize(asks=[0, 60], gaps=[0, 60], outputs=[0, 60], numbers=[0, 70])
async def jobs(dut, asks, gaps, outputs, numbers):
    """Blocks in any order, one after the other."""
    reader = Blocks(dut)
    rng = reader.bench.rng
    reader.asks._stall, reader.memory.gaps = stalls(asks, rng), stalls(gaps, rng)
    reader.sink._stall, reader.numbers_stall = stalls(outputs, rng), stalls(numbers, rng)
    await reader.start()
    for _ in range(4):
        reader.memory.latency = rng.choice([1, 2, 30])
        size, count, blocks = reader.some()
        numbers = [rng.randrange(blocks) for _ in range(rng.randint(1, 12))]
        await reader.blocks(reader.place(count), count, size, numbers, 20000)


@cocotb.test()
async def every_size(dut):
    """Each size of a block, or some of many, first and last of all."""
    reader = Blocks(dut)
    await reader.start()
    sizes = range(1, reader.most + 1)
    if reader.most > 24:
        sizes = [1, 2, 3, reader.most - 1, reader.most, *reader.bench.rng.sample(sizes, 8)]
    for size in sizes:
        _, count, blocks = reader.some(size)
        await reader.blocks(reader.place(count), count, size, [blocks - 1, 0, blocks - 1])


@cocotb.test()
async def wrong_blocks(dut):
    """A block beyond the last one is told, and block 0 comes in its place."""
    reader = Blocks(dut)
    rng = reader.bench.rng
    await reader.start()
    for _ in range(6):
        size, count, blocks = reader.some()
        far = [blocks, blocks + 1, (1 << 32) - 1, *(1 << bit for bit in range(32))]
        numbers = [*far, *(rng.getrandbits(32) for _ in range(8)), 0, blocks - 1]
        rng.shuffle(numbers)
        numbers = numbers if beat_count(size, **reader.layout) < 20 else numbers[:12]
        await reader.blocks(reader.place(count), count, size, numbers, 20000)
    # Counts that end in a block's last beat, and before.
    words, factor = reader.given["words_per_beat"], reader.given["beats_per_word"]
    for size in {reader.most, *(rng.randint(1, reader.most) for _ in range(4))}:
        beats = beat_count(size, **reader.layout)
        for less in {0, 1, 2, 3, 4, 8, beats - 1, beats}:
            count = (3 * beats - less) // factor * words
            if less <= beats <= 24:
                await reader.blocks(0, count, size, [2, 0, 1, 2, 3])


@cocotb.test()
async def magnitudes(dut):
    """Blocks of a beat in all of memory: numbers of each bit."""
    reader = Blocks(dut)
    rng = reader.bench.rng
    await reader.start()
    beats = reader.beats(1)
    count = min(reader.words(reader.all) // len(beats) * len(beats), (1 << 32) - 1)
    blocks = beat_count(count, **reader.layout) // len(beats)
    numbers = [1 << bit for bit in range(32) if 1 << bit < blocks]
    numbers += [blocks - 1, *(rng.randrange(blocks) for _ in range(20)), blocks]
    await reader.blocks(0, count, 1, numbers)
    # As many blocks as have each bit, even and odd: just the last one is inside.
    for bit in range(1, blocks.bit_length() - 1):
        even = 1 << bit | rng.getrandbits(bit) & ~1
        for number in (even, even + 1):
            count = reader.words(number * len(beats))
            await reader.blocks(0, count, 1, [number - 1, number])


@cocotb.test()
async def short(dut):
    """Whether all words are fewer than a block's."""
    reader = Blocks(dut)
    await reader.start()
    rng, most = reader.bench.rng, reader.most
    for size in {0, 1, most, *(rng.randint(1, most) for _ in range(20))}:
        for count in {
            1,
            max(1, size),
            max(1, size - 1),
            max(1, size - reader.given["words_per_beat"]),
        }:
            dut.size.value, dut.count.value = size, count
            dut.address.value = 0
            for _ in range(3):
                await reader.bench.tick()
            beats = [beat_count(words, **reader.layout) for words in (size, count)]
            few = beats[0] > beats[1] or not size
            assert bool(dut.short.value) == few, (size, count)
            # Words that do not fit are another error.
            dut.address.value = (reader.all - 1) * reader.size
            for _ in range(3):
                await reader.bench.tick()
            fits = beats[1] == 1
            assert bool(dut.short.value) == (fits and few), (size, count)


@cocotb.test()
async def throughput(dut):
    """A beat a cycle from block to block when the memory answers in time."""
    reader = Blocks(dut)
    await reader.start()
    soon = (reader.outstanding - 1) * reader.burst - 3
    words, factor = reader.given["words_per_beat"], reader.given["beats_per_word"]
    for beats in {5, 6, 8, reader.burst, 2 * reader.burst + 1}:
        size = beats * words // factor
        if beats < 5 or reader.burst < 4 or beats % factor or size > reader.most:
            continue
        for latency in (1, max(1, soon // 3)):
            reader.memory.latency = latency
            first = reader.o.count
            # Every block lies within the fewest bursts.
            pitch = -(-reader.burst // beats)
            numbers = [pitch * (n % 2) for n in range(30)] if beats <= reader.burst else [0] * 12
            await reader.blocks(0, (pitch + 1) * size, size, numbers)
            accepted = reader.o.accepted[first:]
            if beats % reader.burst == 0 or latency == 1:
                cycles = accepted[-1] - accepted[0] + 1
                assert cycles == len(accepted), f"{cycles} cycles for {len(accepted)} beats"
    gaps = [late - early for early, late in pairwise(reader.bursts.offered)]
    assert min(gaps, default=2) >= 2, "bursts were asked for one after the other"


@cocotb.test()
@cocotb.parametrize(asks=[0, 80], outputs=[0, 70])
async def stop(dut, asks, outputs):
    """At any moment of a job: what was asked for comes to its end, and the next job is right."""
    reader = Blocks(dut, 9)
    rng, tick = reader.bench.rng, reader.bench.tick
    reader.asks._stall, reader.sink._stall = stalls(asks, rng), stalls(outputs, rng)
    await reader.start()
    for cycles in [*range(12), *(rng.randrange(60) for _ in range(8))]:
        size, count, blocks = reader.some()
        numbers = [rng.randrange(blocks) for _ in range(200)]
        await reader.begin_blocks(reader.place(count), count, size, numbers)
        for _ in range(cycles):
            await tick()
        dut.stop.value = 1
        reader.stopped = True
        await tick()
        # Numbers that come now are of no job.
        reader.numbers = Source(dut, reader.unit.streams["blocks"], [1, 2, 3] * cycles)
        reader.bench.agents[-1] = reader.numbers
        await tick()
        asked = len(reader.bursts.offered)
        await reader.bench.run(lambda: dut.idle.value and reader.numbers.done, 12000)
        for _ in range(3):
            await tick()
            assert dut.idle.value
        assert len(reader.bursts.offered) == asked == len(reader.memory.asked)
        assert reader.memory.given == reader.o.count
        dut.stop.value = 0
        await tick()
        reader.stopped, reader.block, reader.first = False, [], reader.o.count
        size, count, blocks = reader.some()
        await reader.blocks(reader.place(count), count, size, [blocks - 1, 0])


@cocotb.test()
async def resets(dut):
    """At any moment of a job: nothing is asked for any more, and the next job is right."""
    reader = Blocks(dut, 9)
    await reader.start()
    rng = reader.bench.rng
    quiet = {"bursts_valid": 0, "o_valid": 0, "failed": 0, "idle": 1, "blocks_ready": 1}
    for cycles in range(24):
        size, count, blocks = reader.some()
        numbers = [rng.randrange(blocks) for _ in range(30)]
        await reader.begin_blocks(reader.place(count), count, size, numbers)
        for _ in range(cycles):
            await reader.bench.tick()
        await reader.restart()
        for _ in range(rng.choice([1, 3, 5])):
            await reader.bench.tick()
            assert {name: int(getattr(dut, name).value) for name in quiet} == quiet
        if cycles % 4 == 3:
            await reader.blocks(reader.place(count), count, size, [blocks - 1, 0])


@cocotb.test()
async def room(dut):
    """When nobody takes what comes, it asks for as much as it has room for, and loses nothing."""
    blocked = [always]
    reader = Blocks(dut, 2, out=lambda: blocked[0]())
    await reader.start()
    size, count, blocks = reader.some(reader.most)
    beats = beat_count(size, **reader.layout)
    numbers = [n % blocks for n in range(reader.depth // beats + 3)]
    _, beats, _ = await reader.begin_blocks(reader.place(count), count, size, numbers)
    for _ in range(3 * reader.depth + 60):
        await reader.bench.tick()
    assert reader.memory.given <= reader.depth
    assert reader.memory.given > reader.depth - reader.burst
    blocked[0] = never
    await reader.bench.run(lambda: reader.o.count >= len(beats), 20 * len(beats))
    actual = [Beat.of(word, reader.width) for word in reader.o.words]
    assert [beat.kept() for beat in actual] == [beat.kept() for beat in beats]


@cocotb.test()
async def checks(dut):
    """What it says of addresses and counts is what :class:`TransferChecker` says of them."""
    reader = Blocks(dut)
    await reader.start()
    await check_extents(reader)


@cocotb.test()
async def outputs_come_from_registers(dut):
    reader = Blocks(dut, 3)
    rng = reader.bench.rng
    reader.asks._stall, reader.sink._stall = stalls(50, rng), stalls(50, rng)
    await reader.start()
    size, count, blocks = reader.some()
    numbers = [rng.randrange(blocks + 1) for _ in range(30)]
    await reader.begin_blocks(reader.place(count), count, size, numbers)
    inputs = ["bursts_ready", "o_ready", "data", "start", "address", "count", "size"]
    inputs += ["blocks_valid", "blocks_payload"]
    outputs = ["bursts_valid", "bursts_payload", "o_valid", "o_payload", "idle", "failed", "short"]
    while reader.o.count < 20:
        await reader.bench.tick()
        await check_no_paths(reader.bench, inputs, [*outputs, "blocks_ready"])
