"""Testbench of LOAD."""

from collections import deque

import cocotb

from ...golden.npu.load_engine import load_engine
from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Monitor, Recorder, Sink, Source, always, never, stalls
from ..bus._beats import BYTES_PER_PAGE, memory_word
from ._moves import Instructions, fields_of, word_of

BUFFER, WEIGHTS, CHANNELS, TABLES = range(4)
#: Most cycles from a beat to its word.
LATENCY = 6
MEMORIES = ("buffer", "weights", "channels", "tables")
#: Memories that tell when an instruction's last word is there.
TELLS = {BUFFER: "written", CHANNELS: "channels_written"}


class Dram:
    """Answers bursts in their order, with a beat a cycle, but for gaps.

    Attributes
    ----------
    asked : list of (int, int)
        First beat and number of beats of every burst.
    given : list of int
        Cycles in which beats came.
    errors : set of int
        Beats whose read fails.
    """

    def __init__(self, dut, sink, layout, width, latency, gaps):
        self.dut, self.sink, self.layout, self.width = dut, sink, layout, width
        self.latency, self.gaps = latency, gaps
        self.asked, self.given, self.errors = [], [], set()
        self._due = deque()
        dut.valid.value = 0

    def read(self, address, length):
        """Bytes from an address on."""
        size = self.width // 8
        first, last = address // size, (address + length - 1) // size
        beats = b"".join(
            memory_word(index, self.width).to_bytes(size, "little")
            for index in range(first, last + 1)
        )
        return beats[address % size :][:length]

    def step(self, cycle):
        while len(self.asked) < len(self.sink.words):
            burst = fields_of(self.layout, self.sink.words[len(self.asked)])
            index, length = burst["index"], burst["length"] + 1
            first = index * self.width // 8 % BYTES_PER_PAGE
            assert first + length * self.width // 8 <= BYTES_PER_PAGE, "a burst crosses a page"
            self.asked.append((index, length))
            self._due += [(cycle + self.latency - 1, index + n) for n in range(length)]
        comes = bool(self._due) and self._due[0][0] <= cycle and not self.gaps()
        self.dut.valid.value = comes
        self.dut.error.value = 0
        if comes:
            index = self._due.popleft()[1]
            self.dut.data.value = memory_word(index, self.width)
            self.dut.error.value = index in self.errors
            self.given.append(cycle)

    @property
    def pending(self):
        return len(self._due)


class Loader:
    """The engine between a source of instructions, DRAM and memories."""

    def __init__(self, dut, latency=5, ask=never, gaps=never, write=never, source=never):
        self.unit = manifest()
        params = self.params = self.unit.parameters
        self.dut, self.bench = dut, Bench(dut)
        self.width, self.burst = params["data_width"], params["burst"]
        self.depth = self.burst * params["outstanding"]
        self.sizes = [params["rows"], params["weight_bytes"], 12, 4]
        self.random = Instructions(self.bench.rng, params["address_width"], self.sizes)
        self.stalls = {"ask": ask, "gaps": gaps, "write": write, "source": source}
        self.latency = latency
        self.most_wait = 3  # cycles until the buffer has a word
        self.connect()

    def connect(self):
        """Nothing is under way."""
        dut, streams = self.dut, self.unit.streams
        self.asks = Sink(dut, streams["bursts"], self.stalls["ask"])
        self.sinks = [Sink(dut, streams[name], self.stalls["write"]) for name in MEMORIES]
        self.bursts = Recorder(dut, "bursts", streams["bursts"])
        self.writes = [Monitor(dut, name, streams[name]) for name in MEMORIES]
        self.dram = Dram(
            dut, self.asks, streams["bursts"], self.width, self.latency, self.stalls["gaps"]
        )
        self.expected = [[], [], [], []]  # words of each memory
        self.ends = []  # of each instruction, how many words its memory has then
        self.expected_bursts = []
        self.actual = [[], [], [], []]
        self.cycles = []  # in which words came, of all memories
        self.done = 0
        self.fails = 0
        self._written = {memory: deque() for memory in TELLS}
        self._taken = [0, 0, 0, 0]
        self._held = {memory: [] for memory in TELLS}  # of an instruction that has not ended
        self.source = Source(dut, streams["instruction"], iter(()))
        dut.stop.value = 0
        for name in TELLS.values():
            getattr(dut, name).value = 0
        self.stopping = False

    async def start(self):
        await self.bench.reset()
        size = self.params["address_width"]
        self.dut.bases.value = sum(base << n * size for n, base in enumerate(self.random.bases))
        self.attach()

    def attach(self):
        self.bench.agents = [self, self.source, self.asks, self.dram, *self.sinks]
        self.bench.agents += [self.bursts, *self.writes]

    def give(self, instructions):
        """Instructions for the engine."""
        layout = self.unit.streams["instruction"]
        words = []
        for fields in instructions:
            writes = load_engine(fields, self.random.bases, self.dram.read, self.sizes)
            for memory, address, word in writes:
                self.expected[memory].append((address, int.from_bytes(word, "little")))
            memory = fields["memory"]
            self.ends.append((memory, len(self.expected[memory])))
            self.expected_bursts += self.random.bursts(fields, self.width, self.burst)
            junk = {"op": 2, "wait": 5, "signal": 3, "mark": 1, "irq": 1}
            words.append(word_of(layout, fields | junk))
        self.source = Source(self.dut, layout, words, self.stalls["source"])
        self.attach()

    def step(self, cycle):
        dut = self.dut
        if not self.stopping:
            idle = self.done == self.source.accepted
            assert bool(dut.idle.value) == idle, f"cycle {cycle}: idle is {not idle}"
        self._end(dut)
        for memory, name in TELLS.items():
            queue = self._written[memory]
            written = bool(queue) and queue[0][0] <= cycle
            getattr(dut, name).value = written
            if written:
                self.actual[memory] += queue.popleft()[1]
        for memory in range(4):
            self._take(memory, cycle)
        self.fails += bool(dut.failed.value)
        assert self.dram.pending <= self.depth, f"cycle {cycle}: beats without room"

    def _end(self, dut):
        if dut.done.value and not self.stopping:
            assert self.done < len(self.ends), "done without an instruction"
            memory, words = self.ends[self.done]
            assert len(self.actual[memory]) >= words, f"instruction {self.done} is not done"
            self.done += 1

    def _take(self, memory, cycle):
        words = self.sinks[memory].words
        stream = self.unit.streams[MEMORIES[memory]]
        for taken in words[self._taken[memory] :]:
            word = fields_of(stream, taken)
            lanes = self.params["rows"] if memory == BUFFER else 1
            assert word["mask"] == (1 << lanes) - 1
            self._taken[memory] += 1
            self.cycles.append(cycle)
            entry = word["address"], word["data"]
            if memory not in TELLS:
                self.actual[memory].append(entry)
                continue
            self._held[memory].append(entry)
            if word["last"]:
                queue = self._written[memory]
                wait = cycle + self.bench.rng.randint(1, self.most_wait)
                wait = max(wait, queue[-1][0] + 1 if queue else 0)
                queue.append((wait, self._held[memory]))
                self._held[memory] = []

    async def finish(self, limit=20000):
        await self.bench.run(lambda: self.done == len(self.ends), limit)
        for _ in range(6):
            await self.bench.tick()
        assert self.actual == self.expected
        assert self.dram.asked == self.expected_bursts
        assert not self.dram.pending
        assert self.done > 0
        assert self.source.done

    async def run(self, instructions, limit=20000):
        self.give(instructions)
        await self.finish(limit)


@cocotb.test()
async def edges(dut):
    """Runs that begin and end at each byte of a beat, in words of each memory."""
    loader = Loader(dut)
    await loader.start()
    size = loader.width // 8
    whole = loader.random.whole
    loader.random.bases[0] = 0
    dut.bases.value = 0
    instructions = []
    for memory, word in enumerate(loader.sizes):
        offsets = range(size) if size < 8 else (0, 1, size // 2, size - 1)
        for offset in offsets:
            for length in {1, 2, word - 1, word, word + 1, size, 2 * size + 1} - {0}:
                instructions.append(whole(length, memory=memory, offset=offset, base=7, fill=9))
    loader.random.bases = [0] * 8
    await loader.run(instructions, 60000)


@cocotb.test()
async def pages(dut):
    """Runs across pages, and up to the end of memory; segments anywhere."""
    loader = Loader(dut)
    end = loader.random.room
    loader.random.bases = [BYTES_PER_PAGE - 3, 0, end - 100, 1, end - 4096, 5, 77, end // 2 - 9]
    await loader.start()
    whole = loader.random.whole
    await loader.run(
        [
            whole(300, segment=0, offset=0),
            whole(300, segment=7, base=3),
            whole(100, segment=2, base=9),
            whole(1, segment=2, offset=99),
            whole(4096, segment=4, base=1),
            whole(700, segment=6, offset=3 * BYTES_PER_PAGE - 400, n1=1, stride1=BYTES_PER_PAGE),
        ]
    )


@cocotb.test()
async def lanes(dut):
    """Lanes from ``tail`` on have ``fill``, those of the buffer alone."""
    loader = Loader(dut)
    await loader.start()
    whole = loader.random.whole
    rows = loader.params["rows"]
    tails = sorted({0, 1, rows - 1, rows, rows + 1, 63} & set(range(64)))
    await loader.run(
        [
            whole(3 * loader.sizes[memory] + extra, memory=memory, tail=tail, fill=0x80 + tail)
            for memory in range(4)
            for tail in tails
            for extra in (-1, 0, 1)
        ]
    )


@cocotb.test()
async def longest_run(dut):
    """As long as 4096 words and beats allow."""
    loader = Loader(dut)
    loader.random.bases = [0] * 8
    await loader.start()
    run = min(1 << 16, loader.random.room, 4096 * min(loader.params["rows"], loader.width // 8))
    await loader.run([loader.random.whole(run), loader.random.whole(1)], 40000)


@cocotb.test()
@cocotb.parametrize(ask=[0, 60], gaps=[0, 60], write=[0, 60], latency=[1, 60])
async def random_stalls(dut, ask, gaps, write, latency):
    loader = Loader(dut, latency)
    rng = loader.bench.rng
    loader.stalls = {"ask": stalls(ask, rng), "gaps": stalls(gaps, rng)}
    loader.stalls |= {"write": stalls(write, rng), "source": stalls(rng.choice([0, 80]), rng)}
    loader.most_wait = rng.choice([1, 3, 20])
    loader.connect()
    await loader.start()
    await loader.run([loader.random.random(most_run=300) for _ in range(9)])


@cocotb.test()
async def slow_memory(dut):
    loader = Loader(dut, 300)
    await loader.start()
    await loader.run([loader.random.random(most_run=50) for _ in range(5)])


@cocotb.test()
async def errors(dut):
    """Each beat with an error is told once; its bytes are written all the same."""
    loader = Loader(dut)
    await loader.start()
    instructions = [loader.random.random() for _ in range(12)]
    loader.give(instructions)
    beats = sorted({index for index, _ in loader.expected_bursts})
    loader.dram.errors = set(loader.bench.rng.sample(beats, min(3, len(beats))))
    await loader.finish()
    read = [first + n for first, length in loader.dram.asked for n in range(length)]
    assert loader.fails == sum(index in loader.dram.errors for index in read) > 0


@cocotb.test()
async def room(dut):
    """When the buffer takes nothing, no more is asked for than there is room for."""
    loader = Loader(dut, 2)
    blocked = [always]
    loader.stalls["write"] = lambda: blocked[0]()
    loader.connect()
    await loader.start()
    size = loader.width // 8
    loader.random.bases = [0] * 8
    dut.bases.value = 0
    loader.give([loader.random.whole(min(3 * loader.depth * size, 1 << 16))])
    for _ in range(2 * loader.depth + 60):
        await loader.bench.tick()
    asked = sum(length for _, length in loader.dram.asked)
    inside = -(-(loader.params["rows"] * 3 + size) // size) + 1
    assert loader.depth - loader.burst < asked <= loader.depth + inside
    blocked[0] = never
    await loader.finish()


@cocotb.test()
@cocotb.parametrize(length=[256, 1024], offset=[0, 5], memory=[BUFFER, WEIGHTS])
async def throughput(dut, length, offset, memory):
    """A beat or a word in every cycle, whichever limits, also at latency 60."""
    loader = Loader(dut)
    covered = loader.depth - 2 * loader.burst
    loader.latency = min(60, max(1, covered))
    loader.random.bases = [0] * 8
    loader.connect()
    await loader.start()
    word = loader.sizes[memory]
    fields = {"memory": memory, "offset": offset, "n1": 3, "n2": 0}
    fields |= {"stride1": length, "stride2": 4096, "base1": -(-length // word), "base2": 1000}
    instructions = [loader.random.whole(length, **fields) for _ in range(2)]
    loader.give(instructions)
    await loader.finish()
    beats, words = len(loader.dram.given), sum(map(len, loader.actual))
    cycles = loader.cycles[-1] - loader.dram.given[0]
    cocotb.log.info("%d beats and %d words in %d cycles", beats, words, cycles)
    assert cycles <= max(beats, words) + LATENCY, (cycles, beats, words)


@cocotb.test()
@cocotb.parametrize(length=[16, 64], offset=[0, 5], apart=[0, 200])
async def short_runs(dut, length, offset, apart):
    """Short runs: a burst, a beat and a word a cycle, whichever limits."""
    loader = Loader(dut)
    loader.latency = min(60, max(1, loader.depth - 2 * loader.burst))
    loader.random.bases = [0] * 8
    loader.connect()
    await loader.start()
    fields = {"offset": offset, "n1": 31, "n2": 1, "stride1": length + apart}
    fields |= {"stride2": 32 * (length + apart), "base1": 1, "base2": 32}
    loader.give([loader.random.whole(length, **fields) for _ in range(2)])
    await loader.finish()
    beats, words = len(loader.dram.given), len(loader.actual[BUFFER])
    asked = len(loader.dram.asked)
    cycles = loader.cycles[-1] - loader.dram.given[0]
    share = 128 * length / (loader.width // 8) / cycles
    cocotb.log.info(
        "%d bytes: %d cycles for %d bursts of %d beats, %.0f %% of the bus",
        length,
        cycles,
        asked,
        beats,
        100 * share,
    )
    assert cycles <= max(beats, words) + LATENCY, (cycles, beats, words)


@cocotb.test()
@cocotb.parametrize(ask=[0, 80], gaps=[0, 70], write=[0, 70])
async def stop(dut, ask, gaps, write):
    """At any moment; what was asked for comes to its end, and the next instructions are right."""
    loader = Loader(dut, 9)
    rng, tick = loader.bench.rng, loader.bench.tick
    loader.stalls |= {"ask": stalls(ask, rng), "gaps": stalls(gaps, rng)}
    loader.stalls["write"] = stalls(write, rng)
    loader.connect()
    await loader.start()
    for cycles in [*rng.sample(range(10), 4), *(rng.randrange(200) for _ in range(4))]:
        loader.give([loader.random.random(most_run=500) for _ in range(8)])
        for _ in range(cycles):
            await tick()
        loader.stopping = True
        for agent in (*loader.writes, *loader.sinks):
            agent.step = lambda cycle: None
        loader.source.valid.value = 0
        loader.source.step = lambda cycle: None
        dut.stop.value = 1
        await tick()
        offered = len(loader.bursts.offered)
        for _ in range(rng.choice([1, 2, 20])):
            await tick()
        await loader.bench.run(lambda: dut.idle.value, 12000)
        assert len(loader.bursts.offered) == offered == len(loader.dram.asked)
        assert loader.dram.asked == loader.expected_bursts[:offered]
        assert not loader.dram.pending
        loader.connect()
        loader.attach()
        await tick()
        assert not dut.done.value
        assert dut.idle.value
        await loader.run([loader.random.random(most_run=60) for _ in range(2)])
        loader.connect()


@cocotb.test()
async def resets(dut):
    """At any moment; the next instructions are right."""
    for cycles in (0, 1, 2, 3, 5, 8, 13, 21, 40):
        loader = Loader(dut, 4)
        await loader.start()
        loader.give([loader.random.random() for _ in range(9)])
        for _ in range(cycles):
            await loader.bench.tick()
        loader = Loader(dut, 4)
        await loader.start()
        await loader.run([loader.random.random() for _ in range(2)])


@cocotb.test()
async def outputs_come_from_registers(dut):
    loader = Loader(dut, 3)
    rng = loader.bench.rng
    loader.stalls |= {"ask": stalls(50, rng), "write": stalls(50, rng)}
    loader.connect()
    await loader.start()
    loader.give([loader.random.random() for _ in range(9)])
    inputs = ["bursts_ready", "data", "valid", "error", *TELLS.values()]
    inputs += [f"{name}_ready" for name in MEMORIES]
    inputs += ["instruction_valid", "instruction_payload", "bases"]
    outputs = ["bursts_valid", "bursts_payload", "idle", "done", "instruction_ready", "failed"]
    outputs += [f"{name}_{part}" for name in MEMORIES for part in ("valid", "payload")]
    for _ in range(60):
        await loader.bench.tick()
        await check_no_paths(loader.bench, inputs, outputs)
