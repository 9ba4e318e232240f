"""Testbench of STORE."""

from collections import deque

import cocotb

from ...golden.npu.store_engine import store_engine
from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Monitor, Recorder, Sink, Source, always, never, stalls
from ..bus._beats import BYTES_PER_PAGE, memory_word
from ._moves import Instructions, fields_of, word_of


class Dram:
    """Takes beats to where the bursts say, byte by byte, and answers in order.

    Attributes
    ----------
    bytes : dict
        Address to what was written there last.
    asked : list of (int, int)
        First beat and number of beats of every burst.
    answered : int
        Bursts.
    errors : set of int
        Bursts, by their number, that are answered with an error.
    """

    def __init__(self, dut, asks, beats, layout, width, latency, gaps):
        self.dut, self.asks, self.beats, self.layout = dut, asks, beats, layout
        self.size, self.latency, self.gaps = width // 8, latency, gaps
        self.bytes, self.asked, self.answered, self.errors = {}, [], 0, set()
        self._announced = 0  # beats
        self._received = self._beat = 0  # bursts, and their beats
        self._due = deque()
        dut.answer.value = 0

    def step(self, cycle):
        while len(self.asked) < len(self.asks.words):
            burst = fields_of(self.layout, self.asks.words[len(self.asked)])
            index, length = burst["index"], burst["length"] + 1
            first = index * self.size % BYTES_PER_PAGE
            assert first + length * self.size <= BYTES_PER_PAGE, "a burst crosses a page"
            self.asked.append((index, length))
            self._announced += length
        self._check(cycle)
        while self._received < len(self.asked):
            index, length = self.asked[self._received]
            if self._beat + length > len(self.beats.words):
                break
            for n in range(length):
                self._write(index + n, self.beats.words[self._beat + n], n == length - 1)
            self._beat += length
            self._received += 1
            self._due.append(cycle + self.latency)
        answers = bool(self._due) and self._due[0] <= cycle and not self.gaps()
        self.dut.answer.value = answers
        self.dut.error.value = 0
        if answers:
            self._due.popleft()
            self.dut.error.value = self.answered in self.errors
            self.answered += 1

    def _write(self, index, word, last):
        assert word >> 9 * self.size == last, "the wrong beat is the last"
        for byte in range(self.size):
            if word >> 8 * self.size + byte & 1:
                self.bytes[index * self.size + byte] = word >> 8 * byte & 0xFF

    def _check(self, cycle):
        """No beat is ahead of a burst that is offered."""
        dut = self.dut
        announced = self._announced
        if dut.bursts_valid.value and not dut.bursts_ready.value:
            announced += (
                fields_of(self.layout, dut.bursts_payload.value.to_unsigned())["length"] + 1
            )
        beats = len(self.beats.words) + bool(dut.o_valid.value and not dut.o_ready.value)
        assert beats <= announced, f"cycle {cycle}: a beat without a burst"

    @property
    def pending(self):
        """Bursts without an answer, or beats without a burst."""
        return len(self.asked) - self.answered + len(self.beats.words) - self._beat


class Buffer:
    """Gives the words that are asked for, in order, each after ``latency`` cycles or later."""

    def __init__(self, dut, reads, word, latency, stall):
        self.dut, self.reads, self.word = dut, reads, word
        self.latency, self.stall = latency, stall
        self._asked = 0
        self._due = deque()
        self._offered = False
        dut.word_valid.value = 0

    def step(self, cycle):
        while self._asked < len(self.reads.words):
            self._due.append((cycle + self.latency - 1, self.reads.words[self._asked]))
            self._asked += 1
        if self._offered and not self.dut.word_ready.value:
            return
        self._offered = bool(self._due) and self._due[0][0] <= cycle and not self.stall()
        self.dut.word_valid.value = self._offered
        if self._offered:
            word = self.word(self._due.popleft()[1])
            self.dut.word_payload.value = int.from_bytes(word, "little")


class Storer:
    """The engine between a source of instructions, the buffer and DRAM."""

    def __init__(self, dut, latency=5):
        self.unit = manifest()
        params = self.params = self.unit.parameters
        self.dut, self.bench = dut, Bench(dut)
        self.width, self.burst = params["data_width"], params["burst"]
        self.rows = params["rows"]
        self.random = Instructions(self.bench.rng, params["address_width"], [self.rows])
        self.stalls = dict.fromkeys(("ask", "beats", "answers", "read", "word", "source"), never)
        self.latency, self.read_latency = latency, 3
        self.connect()

    def connect(self):
        """Nothing is under way."""
        dut, streams, stall = self.dut, self.unit.streams, self.stalls
        self.asks = Sink(dut, streams["bursts"], stall["ask"])
        self.sink = Sink(dut, streams["o"], stall["beats"])
        self.reads = Sink(dut, streams["read"], stall["read"])
        self.bursts = Recorder(dut, "bursts", streams["bursts"])
        self.o = Recorder(dut, "o", streams["o"])
        self.read = Monitor(dut, "read", streams["read"])
        self.dram = Dram(
            dut,
            self.asks,
            self.sink,
            streams["bursts"],
            self.width,
            self.latency,
            stall["answers"],
        )
        self.buffer = Buffer(dut, self.reads, self.word, self.read_latency, stall["word"])
        self.expected = {}
        self.expected_bursts = []
        self.ends = []  # bursts of all instructions up to each
        self.done = self.fails = 0
        self.source = Source(dut, streams["instruction"], iter(()))
        dut.stop.value = 0
        self.stopping = False

    def word(self, address):
        """A word of the buffer."""
        return memory_word(address, 8 * self.rows).to_bytes(self.rows, "little")

    async def start(self):
        await self.bench.reset()
        size = self.params["address_width"]
        self.dut.bases.value = sum(base << n * size for n, base in enumerate(self.random.bases))
        self.attach()

    def attach(self):
        self.bench.agents = [self, self.source, self.asks, self.sink, self.reads, self.dram]
        self.bench.agents += [self.buffer, self.bursts, self.o, self.read]

    def give(self, instructions):
        """Instructions for the engine."""
        layout = self.unit.streams["instruction"]
        words = []
        for fields in instructions:
            self.expected |= dict(store_engine(fields, self.random.bases, self.word))
            self.expected_bursts += self.random.bursts(fields, self.width, self.burst)
            self.ends.append(len(self.expected_bursts))
            junk = {"op": 3, "wait": 5, "signal": 3, "mark": 1, "irq": 1}
            fields = {name: value for name, value in fields.items() if name != "fill"}
            words.append(word_of(layout, fields | junk))
        self.source = Source(self.dut, layout, words, self.stalls["source"])
        self.attach()

    def step(self, cycle):
        dut = self.dut
        self.fails += bool(dut.failed.value)
        if self.stopping:
            return
        idle = self.done == self.source.accepted
        assert bool(dut.idle.value) == idle, f"cycle {cycle}: idle is {not idle}"
        unanswered = len(self.dram.asked) - self.dram.answered
        assert unanswered <= self.params["outstanding"], f"cycle {cycle}: {unanswered} bursts"
        if dut.done.value:
            assert self.done < len(self.ends), "done without an instruction"
            assert self.dram.answered >= self.ends[self.done], f"{self.done} is not done"
            self.done += 1

    async def finish(self, limit=20000):
        await self.bench.run(lambda: self.done == len(self.ends), limit)
        for _ in range(6):
            await self.bench.tick()
        assert self.dram.bytes == self.expected
        assert self.dram.asked == self.expected_bursts
        assert not self.dram.pending
        assert self.done > 0
        assert self.source.done

    async def run(self, instructions, limit=20000):
        self.give(instructions)
        await self.finish(limit)


@cocotb.test()
async def edges(dut):
    """Runs that begin and end at each byte of a beat."""
    storer = Storer(dut)
    storer.random.bases = [0] * 8
    await storer.start()
    size, rows, whole = storer.width // 8, storer.rows, storer.random.whole
    offsets = range(size) if size < 8 else (0, 1, size // 2, size - 1)
    lengths = sorted({1, 2, rows - 1, rows, rows + 1, size, 2 * size + 1} - {0})
    instructions = [
        whole(length, offset=1000 * number + offset, base=7)
        for number, length in enumerate(lengths)
        for offset in offsets
    ]
    await storer.run(instructions, 60000)


@cocotb.test()
async def pages(dut):
    """Runs across pages, and up to the end of memory; segments anywhere."""
    storer = Storer(dut)
    end = storer.random.room
    bases = [BYTES_PER_PAGE - 3, 0, end - 100, 1, end - 8192, 5, 77, end // 2 - 9]
    storer.random.bases = bases
    await storer.start()
    whole = storer.random.whole
    await storer.run(
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
    """Lanes from ``tail`` on are not written."""
    storer = Storer(dut)
    storer.random.bases = [0] * 8
    await storer.start()
    rows = storer.rows
    tails = sorted({0, 1, rows - 1, rows, rows + 1, 63} & set(range(64)))
    await storer.run(
        [
            storer.random.whole(3 * rows + extra, tail=tail, offset=300 * number, base=5)
            for number, tail in enumerate(tails)
            for extra in (-1, 0, 1)
        ]
    )


@cocotb.test()
async def longest_run(dut):
    """As long as 4096 words and beats allow."""
    storer = Storer(dut)
    storer.random.bases = [0] * 8
    await storer.start()
    run = min(1 << 16, storer.random.room, 4096 * min(storer.rows, storer.width // 8))
    await storer.run([storer.random.whole(run), storer.random.whole(1)], 40000)


@cocotb.test()
@cocotb.parametrize(ask=[0, 60], beats=[0, 60], word=[0, 60], latency=[1, 60])
async def random_stalls(dut, ask, beats, word, latency):
    storer = Storer(dut, latency)
    rng = storer.bench.rng
    storer.stalls = {"ask": stalls(ask, rng), "beats": stalls(beats, rng)}
    storer.stalls |= {"word": stalls(word, rng), "read": stalls(rng.choice([0, 60]), rng)}
    storer.stalls |= {name: stalls(rng.choice([0, 80]), rng) for name in ("source", "answers")}
    storer.read_latency = rng.choice([1, 2, 9])
    storer.connect()
    await storer.start()
    instructions = [storer.random.random(most_run=300, memory=0) for _ in range(9)]
    await storer.run(instructions)


@cocotb.test()
async def slow_memory(dut):
    storer = Storer(dut, 300)
    await storer.start()
    await storer.run([storer.random.random(most_run=50, memory=0) for _ in range(5)])


@cocotb.test()
async def errors(dut):
    """Each answer with an error is told once; the instructions go on."""
    storer = Storer(dut)
    await storer.start()
    storer.give([storer.random.random(memory=0) for _ in range(12)])
    count = len(storer.expected_bursts)
    storer.dram.errors = set(storer.bench.rng.sample(range(count), min(count, 3)))
    await storer.finish()
    assert storer.fails == len(storer.dram.errors) > 0


@cocotb.test()
async def answers(dut):
    """So many bursts may wait for their answers, and no more; ``done`` waits for the last."""
    storer = Storer(dut)
    blocked = [always]
    storer.stalls["answers"] = lambda: blocked[0]()
    storer.random.bases = [0] * 8
    storer.connect()
    await storer.start()
    outstanding = storer.params["outstanding"]
    storer.give([storer.random.whole(1, n1=2 * outstanding, stride1=128)] * 2)
    for _ in range(8 * outstanding + 60):
        await storer.bench.tick()
    assert len(storer.dram.asked) == outstanding
    assert storer.done == 0
    blocked[0] = never
    await storer.finish()


@cocotb.test()
@cocotb.parametrize(length=[256, 1024], offset=[0, 5])
async def throughput(dut, length, offset):
    """A beat or a word in every cycle, whichever limits, also at latency 60."""
    storer = Storer(dut)
    # A run that is not aligned has bursts of half the length, and as many may be unanswered.
    storer.latency = min(60, max(1, (storer.params["outstanding"] - 4) * storer.burst // 2))
    storer.random.bases = [0] * 8
    storer.connect()
    await storer.start()
    fields = {"offset": offset, "n1": 3, "n2": 0, "stride1": length, "stride2": 4096}
    fields |= {"base1": -(-length // storer.rows), "base2": 1000}
    await storer.run([storer.random.whole(length, **fields) for _ in range(2)])
    report(storer, 8 * length, 0.97)


@cocotb.test()
@cocotb.parametrize(length=[16, 64], offset=[0, 5], apart=[0, 200])
async def short_runs(dut, length, offset, apart):
    """Short runs: a burst, a beat and a word a cycle, whichever limits."""
    storer = Storer(dut)
    storer.latency = min(60, max(1, storer.params["outstanding"] - 4))
    storer.random.bases = [0] * 8
    storer.connect()
    await storer.start()
    fields = {"offset": offset, "n1": 31, "n2": 1, "stride1": length + apart}
    fields |= {"stride2": 32 * (length + apart), "base1": 1, "base2": 32}
    await storer.run([storer.random.whole(length, **fields) for _ in range(2)])
    report(storer, 128 * length, 0.9)


def report(storer, length, least):
    """Log the cycles, and fail if they are more than what limits them."""
    beats, words = len(storer.sink.words), len(storer.reads.words)
    cycles = storer.o.accepted[-1] - storer.o.accepted[0] + 1
    share = length / (storer.width // 8) / cycles
    cocotb.log.info(
        "%d bursts, %d beats and %d words in %d cycles, %.0f %% of the bus",
        len(storer.dram.asked),
        beats,
        words,
        cycles,
        100 * share,
    )
    assert max(beats, words) >= least * cycles, (cycles, beats, words)


@cocotb.test()
@cocotb.parametrize(ask=[0, 80], beats=[0, 70], word=[0, 70])
async def stop(dut, ask, beats, word):
    """At any moment; complete bursts come to their end, and the next instructions are right."""
    storer = Storer(dut, 9)
    rng, tick = storer.bench.rng, storer.bench.tick
    storer.stalls |= {"ask": stalls(ask, rng), "beats": stalls(beats, rng)}
    storer.stalls["word"] = stalls(word, rng)
    storer.connect()
    await storer.start()
    for cycles in [*rng.sample(range(14), 4), *(rng.randrange(200) for _ in range(4))]:
        storer.give([storer.random.random(most_run=500, memory=0) for _ in range(8)])
        for _ in range(cycles):
            await tick()
        storer.stopping = True
        # The buffer is reset, and whoever gives the instructions.
        for agent in (storer.read, storer.reads, storer.buffer, storer.source):
            agent.step = lambda cycle: None
        dut.instruction_valid.value = 0
        dut.word_valid.value = 0
        dut.stop.value = 1
        for _ in range(rng.choice([1, 2, 20])):
            await tick()
        await storer.bench.run(lambda: dut.idle.value, 12000)
        assert not storer.dram.pending
        assert storer.dram.asked == storer.expected_bursts[: len(storer.dram.asked)]
        storer.connect()
        storer.attach()
        await tick()
        assert not dut.done.value
        assert dut.idle.value
        await storer.run([storer.random.random(most_run=60, memory=0) for _ in range(2)])
        storer.connect()


@cocotb.test()
async def resets(dut):
    """At any moment; the next instructions are right."""
    for cycles in (0, 1, 2, 3, 5, 8, 13, 21, 40):
        storer = Storer(dut, 4)
        await storer.start()
        storer.give([storer.random.random(memory=0) for _ in range(9)])
        for _ in range(cycles):
            await storer.bench.tick()
        storer = Storer(dut, 4)
        await storer.start()
        await storer.run([storer.random.random(memory=0) for _ in range(2)])


@cocotb.test()
async def outputs_come_from_registers(dut):
    storer = Storer(dut, 3)
    rng = storer.bench.rng
    storer.stalls |= {"ask": stalls(50, rng), "beats": stalls(50, rng)}
    storer.connect()
    await storer.start()
    storer.give([storer.random.random(memory=0) for _ in range(9)])
    inputs = ["bursts_ready", "o_ready", "read_ready", "answer", "error", "word_valid"]
    inputs += ["word_payload", "instruction_valid", "instruction_payload", "bases"]
    outputs = ["bursts_valid", "bursts_payload", "o_valid", "o_payload", "read_valid", "idle"]
    outputs += ["read_payload", "instruction_ready", "done", "failed"]
    for _ in range(60):
        await storer.bench.tick()
        await check_no_paths(storer.bench, inputs, outputs)
