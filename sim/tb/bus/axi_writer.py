"""Testbench of the writer of memory."""

from collections import deque

import cocotb

from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Recorder, Sink, Source, always, never, stalls
from ._beats import BYTES_PER_PAGE, Beat, beats_in_memory, bursts
from ._mover import check_extents, check_resets

#: Bursts whose answers may be awaited.
UNANSWERED = 15
#: Cycles from a start to its first burst, and from a burst to the next, at least.
FIRST, NEXT = 5, 4
#: Most beats of a memory that is written whole.
MOST = 2048


class Memory:
    """Takes beats to where the bursts say, byte by byte, and answers.

    A burst that was announced has all of its data: no cycle passes without a beat of it.

    Attributes
    ----------
    bytes : dict
        Address to what was written there.
    asked : list of (int, int)
        First beat and number of beats of every burst.
    announced : int
        Beats of all bursts.
    answered : int
        Bursts.
    """

    def __init__(self, dut, bursts, beats, width, index_width, latency, gaps):
        self.dut, self.bursts, self.beats = dut, bursts, beats
        self.size, self.index_width = width // 8, index_width
        self.latency, self.gaps = latency, gaps
        self.bytes, self.asked, self.announced, self.answered = {}, [], 0, 0
        self.received = 0  # bursts
        self._beat = 0  # of all beats
        self._due = deque()
        self._ends = 0
        dut.answer.value = 0

    def step(self, cycle):
        self._offer(cycle)
        while len(self.asked) < len(self.bursts.words):
            word = self.bursts.words[len(self.asked)]
            index, length = word & ((1 << self.index_width) - 1), (word >> self.index_width) + 1
            self.asked.append((index, length))
            self.announced += length
        # Data may be ahead of the address that they belong to.
        while self.received < len(self.asked):
            index, length = self.asked[self.received]
            if self._beat + length > len(self.beats.words):
                break
            for n in range(length):
                word = self.beats.words[self._beat + n]
                assert word >> 9 * self.size == (n == length - 1), "the wrong beat is the last"
                for byte in range(self.size):
                    if word >> 8 * self.size + byte & 1:
                        address = (index + n) * self.size + byte
                        assert address not in self.bytes, f"{address:#x} was written twice"
                        self.bytes[address] = word >> 8 * byte & 0xFF
            self._beat += length
            self.received += 1
            self._due.append(cycle + self.latency)
        answers = bool(self._due) and self._due[0] <= cycle and not self.gaps()
        self.dut.answer.value = answers
        if answers:
            self._due.popleft()
            self.answered += 1

    def _offer(self, cycle):
        """Count the beats that were announced, and see that each is there."""
        dut = self.dut
        beats = len(self.beats.words) + bool(dut.o_valid.value)
        if dut.bursts_valid.value:
            length = (dut.bursts_payload.value.to_unsigned() >> self.index_width) + 1
            ends = self.announced + length
            assert beats > self.announced, f"cycle {cycle}: a burst waits for its first beat"
            self._ends = max(self._ends, ends)
        elif len(self.beats.words) < self._ends:
            assert dut.o_valid.value, f"cycle {cycle}: a burst waits for a beat"


class Writer:
    """The writer between a source of beats and a memory."""

    def __init__(self, dut, latency=3, asks=never, beats=never, gaps=never, stall=never):
        self.unit = manifest()
        params = self.given = self.unit.parameters
        self.dut, self.bench = dut, Bench(dut)
        self.burst, self.width = params["burst"], params["data_width"]
        self.size = self.width // 8
        self.all = (1 << params["address_width"]) // self.size
        self.depth = max(2 * self.burst, 8)
        self.layout = {
            name: params[name] for name in ("data_width", "words_per_beat", "beats_per_word")
        }
        self.facts = self.unit.streams
        self._connect(latency, asks, beats, gaps, stall)

    def _connect(self, latency, asks, beats, gaps, stall):
        dut = self.dut
        self.bursts = Recorder(dut, "bursts", self.facts["bursts"])
        self.o = Recorder(dut, "o", self.facts["o"])
        self.i = Recorder(dut, "i", self.facts["i"])
        self.asks = Sink(dut, self.facts["bursts"], asks)
        self.sink = Sink(dut, self.facts["o"], beats)
        index_width = self.all.bit_length() - 1
        self.memory = Memory(dut, self.asks, self.sink, self.width, index_width, latency, gaps)
        self.given_words = deque()
        self.stall = stall
        self.source = Source(dut, self.facts["i"], iter(()), stall)
        self.beats = 0  # of all jobs that have started
        self.job_beats = 0
        self.stopped = False
        self.stop = self.waits = False  # in the cycle before: ``stop``, and a burst on offer
        dut.start.value = 0
        dut.stop.value = 0

    async def start(self, *, any_state=True):
        await self.bench.reset(any_state=any_state)
        self.bench.agents = [self, self.asks, self.sink, self.memory, self.bursts, self.o, self.i]
        self.bench.agents.append(self.source)

    async def restart(self):
        """A reset in the middle of everything; the memory forgets what it was told."""
        memory = self.memory
        stalls = self.asks._stall, self.sink._stall, memory.gaps, self.stall
        self._connect(memory.latency, *stalls)
        await self.start(any_state=False)

    def step(self, cycle):
        """Before the others: what was known at the beginning of the cycle."""
        memory = self.memory
        offered = len(self.bursts.offered)
        # What is offered in this very cycle has been counted by the unit.
        now = bool(self.dut.bursts_valid.value)
        offered += now and offered == len(memory.asked)
        assert self.waits or not (self.stop and now), f"cycle {cycle}: a burst after stop"
        self.stop = bool(self.dut.stop.value)
        self.waits = now and not self.dut.bursts_ready.value
        waits = offered - memory.answered
        assert waits <= UNANSWERED, f"cycle {cycle}: {waits} answers are awaited"
        if self.stopped:
            if self.dut.idle.value:
                assert not waits, f"cycle {cycle}: idle while answers are awaited"
                assert not self.dut.o_valid.value, f"cycle {cycle}: idle with a beat"
        else:
            idle = memory.announced == self.beats and memory.answered == len(memory.asked)
            # An answer is on the line for a cycle before it is heard.
            idle = idle and not self.dut.answer.value
            assert bool(self.dut.idle.value) == idle, f"cycle {cycle}: idle is {not idle}"
            if idle:
                assert len(self.sink.words) == self.beats
        if self.dut.start.value:
            self.beats += self.job_beats

    def words(self, beats, short=0):
        """A number of words that takes so many beats, ``short`` of it in the last one missing."""
        if self.given["beats_per_word"] > 1:
            return max(1, beats // self.given["beats_per_word"])
        return beats * self.given["words_per_beat"] - short

    def send(self, beats):
        """Has the source offer more beats."""
        assert self.source.done
        words = [beat.payload(self.width) for beat in beats]
        self.bench.agents[-1] = self.source = Source(self.dut, self.facts["i"], words, self.stall)

    def packet(self, count):
        """Beats of so many words with random data, also where they have no ``keep``."""
        rng = self.bench.rng
        return [
            beat._replace(data=rng.getrandbits(self.width))
            for beat in beats_in_memory(count, **self.layout)
        ]

    async def begin(self, address, count, beats=0):
        """Starts a job; ``beats`` is the number of its beats, if there are too many to list."""
        dut, tick = self.dut, self.bench.tick
        dut.address.value = address
        dut.count.value = count
        await tick()
        await tick()
        dut.start.value = 1
        self.job_beats = beats or len(beats_in_memory(count, **self.layout))
        await tick()
        assert bool(dut.none.value) == (count == 0)
        assert dut.aligned.value
        assert dut.fits.value
        dut.start.value = 0
        # What was given is needed no longer.
        dut.address.value = self.bench.rng.getrandbits(self.given["address_width"])
        dut.count.value = self.bench.rng.getrandbits(32)

    def expected(self, address, beats: list[Beat]):
        """What is written: address to byte."""
        return {
            address + n * self.size + byte: beat.data >> 8 * byte & 0xFF
            for n, beat in enumerate(beats)
            for byte in range(self.size)
            if beat.has(byte)
        }

    async def idle(self, limit=1000):
        """Waits until all that was taken so far is written, or dropped."""
        await self.bench.tick()
        await self.bench.run(lambda: self.dut.idle.value, limit)

    async def job(self, address, count, early=0, limit=4000):
        """A whole job, and whether the right bytes were written; beats come before or after."""
        beats = self.packet(count)
        first = len(self.memory.asked)
        self.memory.bytes.clear()
        if early:
            self.send(beats)
            for _ in range(early):
                await self.bench.tick()
            await self.begin(address, count)
        else:
            await self.begin(address, count)
            self.send(beats)
        await self.idle(limit)
        assert self.memory.asked[first:] == bursts(address // self.size, len(beats), self.burst)
        assert self.memory.bytes == self.expected(address, beats)
        assert self.dut.empty.value


def corners(writer):
    """Addresses and counts, with which bursts begin and end next to each edge there is."""
    page = BYTES_PER_PAGE // writer.size
    burst, slots = writer.burst, writer.given["words_per_beat"]
    starts = {0, 1, burst - 1, burst, page - 1, page - 2, page - burst, writer.all - 1}
    starts |= {writer.all - burst, writer.all - burst - 1}
    lengths = {1, 2, burst - 1, burst, burst + 1, 2 * burst + 1}
    if burst > 32:
        starts, lengths = {0, page - 1, writer.all - burst - 1}, {1, burst, burst + 1}
    for index in sorted(starts):
        for length in sorted(lengths):
            for short in sorted({0, 1, slots - 1} if slots > 1 else {0}):
                count = writer.words(length, short)
                if count > 0 and index + len(writer.packet(count)) <= writer.all:
                    yield index * writer.size, count


@cocotb.test()
async def edges(dut):
    """Jobs next to ends of bursts, of pages and of memory; nothing else is written."""
    writer = Writer(dut)
    await writer.start()
    for number, (address, count) in enumerate(corners(writer)):
        await writer.job(address, count, early=number % 3 * 7)


@cocotb.test()
async def whole_memory(dut):
    """As many beats as there are, and one fewer, where memory is small."""
    writer = Writer(dut)
    await writer.start()
    if writer.all <= MOST:
        for missing in (0, 1):
            beats = (writer.all - missing) // writer.given["beats_per_word"]
            beats *= writer.given["beats_per_word"]
            await writer.job(0, writer.words(beats), limit=5 * writer.all)


@cocotb.test()
async def magnitudes(dut):
    """Counts of each magnitude: one beat by itself, and as many as a single bit says."""
    writer = Writer(dut)
    await writer.start()
    factor = writer.given["beats_per_word"]
    first = writer.burst - 1
    for bit in range(writer.all.bit_length()):
        beats = 1 + (1 << bit)
        count = writer.words(beats)
        if beats % factor or count >= 1 << 32 or first + beats > writer.all:
            continue
        asked = bursts(first, min(beats, 2 * writer.burst), writer.burst)[:2]
        data = writer.packet(writer.words(writer.burst + factor))[: sum(n for _, n in asked)]
        await writer.begin(first * writer.size, count, beats)
        writer.send(data)
        await writer.bench.run(lambda: len(writer.memory.asked) == 2, writer.burst + 40)
        await writer.bench.run(lambda: writer.memory.answered == 2, 2 * writer.burst + 40)
        for _ in range(4):
            await writer.bench.tick()
            assert not writer.dut.idle.value or len(data) == beats
        assert writer.memory.asked == asked
        assert writer.memory.bytes == writer.expected(first * writer.size, data)
        await writer.restart()


@cocotb.test()
async def resets(dut):
    """At any moment of a job: nothing is written any more, and the next job is right."""
    writer = Writer(dut, 9)
    rng = writer.bench.rng
    await writer.start()

    async def begin(number, count):
        writer.stall = stalls(rng.choice([0, 60]), rng)
        await writer.begin(0, count)
        writer.send(writer.packet(count)[number % 3 :])

    await check_resets(writer, begin, 12, {"bursts_valid": 0, "o_valid": 0, "empty": 1})


@cocotb.test()
async def earliest(dut):
    """Cycles to the first burst, and from one to the next, with beats that are there."""
    writer = Writer(dut)
    await writer.start()
    first = writer.burst - 1
    factor = writer.given["beats_per_word"]
    beats = -(-(writer.burst + 1) // factor) * factor
    for _ in range(3):
        before = len(writer.bursts.offered)
        early = writer.depth + 2
        start = writer.bench.cycle + early + 3
        await writer.job(first * writer.size, writer.words(beats), early=early)
        offered = writer.bursts.offered[before:]
        assert offered[:2] == [start + FIRST, start + FIRST + NEXT]


@cocotb.test()
@cocotb.parametrize(asks=[0, 70], beats=[0, 60], inputs=[0, 60], latency=[1, 60])
async def random_stalls(dut, asks, beats, inputs, latency):
    writer = Writer(dut, latency)
    rng = writer.bench.rng
    writer.asks._stall, writer.sink._stall = stalls(asks, rng), stalls(beats, rng)
    writer.memory.gaps, writer.stall = stalls(50, rng), stalls(inputs, rng)
    await writer.start()
    for _ in range(6):
        most = min(5 * writer.burst, 70, writer.all - 1)
        count = rng.randint(1, writer.words(most))
        index = rng.randrange(min(writer.all, 1 << 40) - len(writer.packet(count)))
        await writer.job(index * writer.size, count, rng.choice([0, 30]), 20000)


@cocotb.test()
async def holes(dut):
    """Bytes without ``keep`` anywhere in a beat are left as they are."""
    writer = Writer(dut)
    await writer.start()
    rng = writer.bench.rng
    beats = [
        Beat(rng.getrandbits(writer.width), rng.getrandbits(writer.size), 0)
        for _ in range(writer.given["beats_per_word"] * 10)
    ]
    await writer.begin(0, writer.words(len(beats)))
    writer.send(beats)
    await writer.idle()
    assert writer.memory.bytes == writer.expected(0, beats)


@cocotb.test()
async def nothing(dut):
    """A job without words is no job."""
    writer = Writer(dut)
    await writer.start()
    await writer.begin(0, 0)
    for _ in range(20):
        await writer.bench.tick()
        assert dut.idle.value
        assert dut.empty.value
    assert not writer.memory.asked
    await writer.job(0, 1)


@cocotb.test()
async def waits_for_whole_bursts(dut):
    """Nothing is announced before the last beat of the burst is there."""
    writer = Writer(dut)
    await writer.start()
    step = writer.given["beats_per_word"]
    length = max(writer.burst, 2) // step * step or step
    beats = writer.packet(writer.words(length))
    first = bursts(0, length, writer.burst)[0][1]
    await writer.begin(0, writer.words(length))
    if first > 1:
        writer.send(beats[: first - 1])
        for _ in range(first + 20):
            await writer.bench.tick()
            assert not dut.bursts_valid.value
        assert not dut.empty.value
        writer.send(beats[first - 1 :])
    else:
        writer.send(beats)
    await writer.idle()
    assert writer.memory.bytes == writer.expected(0, beats)


@cocotb.test()
async def left_over(dut):
    """Beats beyond the job's are not written; they stay until a stop drops them."""
    writer = Writer(dut)
    await writer.start()
    await writer.begin(0, writer.words(1))
    beats = writer.packet(writer.words(1))
    job = len(beats)
    beats += writer.packet(writer.words(3))
    writer.send(beats)
    for _ in range(60):
        await writer.bench.tick()
    assert dut.idle.value
    assert not dut.empty.value
    assert writer.memory.bytes == writer.expected(0, beats[:job])
    writer.stopped = True
    dut.stop.value = 1
    await writer.idle(100)
    assert dut.empty.value
    dut.stop.value = 0
    await writer.bench.tick()
    writer.stopped = False
    await writer.job(0, writer.words(2))


@cocotb.test()
async def throughput(dut):
    """A beat a cycle in bursts of 4 beats and more."""
    writer = Writer(dut)
    await writer.start()
    beats = max(12 * writer.burst, 32) if writer.burst < 64 else 3 * writer.burst
    beats -= beats % writer.given["beats_per_word"]
    for early in (0, 40):
        first = len(writer.o.accepted)
        await writer.job(0, writer.words(beats), early=early)
        accepted = writer.o.accepted[first:]
        assert len(accepted) == beats
        if writer.burst >= 4:
            # From when the second burst was complete.
            accepted = accepted[-(beats - writer.burst) :]
            assert accepted[-1] - accepted[0] == len(accepted) - 1
        else:
            apart = 4 * -(-beats // writer.burst)
            assert accepted[-1] - accepted[0] < apart


@cocotb.test()
async def answers(dut):
    """So many may be awaited, and no more."""
    writer = Writer(dut, gaps=always)
    await writer.start()
    count = writer.words((UNANSWERED + 3) * writer.burst)
    beats = writer.packet(count)
    await writer.begin(0, count)
    writer.send(beats)
    for _ in range((UNANSWERED + 4) * max(writer.burst, 5) + 20):
        await writer.bench.tick()
    assert len(writer.memory.asked) == UNANSWERED
    writer.memory.gaps = never
    await writer.idle(20 * writer.burst + 200)
    assert writer.memory.bytes == writer.expected(0, beats)


@cocotb.test()
@cocotb.parametrize(asks=[0, 80], beats=[0, 70], inputs=[0, 70])
async def stop(dut, asks, beats, inputs):
    """At any moment of a job; the burst on its way comes to its end, and the next job is right."""
    writer = Writer(dut, 9)
    rng, tick = writer.bench.rng, writer.bench.tick
    writer.asks._stall, writer.sink._stall = stalls(asks, rng), stalls(beats, rng)
    writer.stall = stalls(inputs, rng)
    await writer.start()
    moments = [0, 1, 2, 3, 4, 5, 8, 12, *(rng.randrange(100) for _ in range(8))]
    for cycles in moments if writer.burst < 64 else rng.sample(moments, 5):
        writer.memory.bytes.clear()
        count = writer.words(max(2 * writer.burst, 24))
        await writer.begin(0, count)
        writer.send(writer.packet(count))
        for _ in range(cycles):
            await tick()
        writer.stopped = True
        dut.stop.value = 1
        await tick()
        asked = len(writer.memory.asked) + int(dut.bursts_valid.value)
        await writer.bench.run(lambda: writer.source.done, 5000)
        await writer.idle(5000)
        assert len(writer.memory.asked) <= asked + 1
        assert writer.memory.answered == len(writer.memory.asked)
        assert writer.memory.announced == len(writer.sink.words)
        for _ in range(rng.choice([0, 3])):
            await tick()
        dut.stop.value = 0
        await tick()
        writer.stopped, writer.beats = False, len(writer.sink.words)
        assert dut.idle.value
        assert dut.empty.value
        index = rng.randrange(writer.all - 4 * writer.burst)
        await writer.job(index * writer.size, rng.randint(1, writer.words(2)))


@cocotb.test()
async def outputs_come_from_registers(dut):
    """But for ``idle`` and ``i.ready``, which know of ``stop``."""
    writer = Writer(dut, 3)
    rng = writer.bench.rng
    writer.asks._stall, writer.sink._stall = stalls(50, rng), stalls(50, rng)
    await writer.start()
    await writer.begin(0, writer.words(4 * writer.burst))
    writer.send(writer.packet(writer.words(4 * writer.burst)))
    inputs = ["bursts_ready", "o_ready", "i_payload", "i_valid", "start", "address", "answer"]
    outputs = ["bursts_valid", "bursts_payload", "o_valid", "o_payload", "i_ready", "idle"]
    for _ in range(40):
        await writer.bench.tick()
        await check_no_paths(writer.bench, inputs, outputs)


@cocotb.test()
async def checks(dut):
    """What it says of addresses and counts is what :class:`TransferChecker` says of them."""
    writer = Writer(dut)
    await writer.start()
    await check_extents(writer)
