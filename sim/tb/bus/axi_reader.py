"""Testbench of the reader of memory."""

from bisect import bisect_right
from collections import deque
from itertools import pairwise

import cocotb

from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Recorder, Sink, always, never, stalls
from ._beats import BYTES_PER_PAGE, Beat, beats_in_memory, bursts, memory_word
from ._mover import check_extents, check_resets

#: Most beats of a memory that is read whole.
MOST = 2048


class Memory:
    """Answers bursts in their order, with a beat a cycle, but for gaps.

    The first beat of a burst comes ``latency`` cycles after it was asked for, or later.

    Attributes
    ----------
    asked : list of (int, int)
        First beat and number of beats of every burst.
    ends : list of int
        All beats up to the end of each burst.
    given : int
        Beats that were answered.
    """

    def __init__(self, dut, sink, width, index_width, latency, gaps):
        self.dut, self.sink, self.width, self.index_width = dut, sink, width, index_width
        self.latency, self.gaps = latency, gaps
        self.asked, self.ends, self.given = [], [], 0
        self._due = deque()
        dut.valid.value = 0

    def step(self, cycle):
        while len(self.asked) < len(self.sink.words):
            word = self.sink.words[len(self.asked)]
            index, length = word & ((1 << self.index_width) - 1), (word >> self.index_width) + 1
            self.asked.append((index, length))
            self.ends.append(length + (self.ends[-1] if self.ends else 0))
            self._due += [(cycle + self.latency - 1, index + n) for n in range(length)]
        comes = bool(self._due) and self._due[0][0] <= cycle and not self.gaps()
        self.dut.valid.value = comes
        self.dut.data.value = 0
        if comes:
            self.dut.data.value = memory_word(self._due.popleft()[1], self.width)
            self.given += 1


class Reader:
    """The reader between a memory and a sink, and checks of every cycle."""

    def __init__(self, dut, latency=5, asks=never, gaps=never, out=never):
        self.unit = manifest()
        params = self.given = self.unit.parameters
        self.dut, self.bench = dut, Bench(dut)
        self.burst, self.outstanding = params["burst"], params["outstanding"]
        self.depth = self.burst * self.outstanding
        self.most_bursts = self.outstanding
        self.width = params["data_width"]
        self.size = self.width // 8
        self.all = (1 << params["address_width"]) // self.size
        self.layout = {
            name: params[name] for name in ("data_width", "words_per_beat", "beats_per_word")
        }
        self._connect(latency, asks, gaps, out)

    def _connect(self, latency, asks, gaps, out):
        dut = self.dut
        asked, o = self.unit.streams["bursts"], self.unit.streams["o"]
        self.asks, self.sink = Sink(dut, asked, asks), Sink(dut, o, out)
        index_width = self.all.bit_length() - 1
        self.memory = Memory(dut, self.asks, self.width, index_width, latency, gaps)
        self.bursts, self.o = Recorder(dut, "bursts", asked), Recorder(dut, "o", o)
        self.expected = 0  # beats of all jobs so far
        self.stopped = False
        self.stop = self.waits = False  # in the cycle before: ``stop``, and a burst on offer
        self.job_beats = 0  # of the job that is to start
        dut.start.value = 0
        dut.stop.value = 0

    async def start(self, *, any_state=True):
        await self.bench.reset(any_state=any_state)
        # Before the others, so that it knows what was known at the beginning of the cycle.
        self.bench.agents = [self, self.asks, self.memory, self.sink, self.bursts, self.o]

    async def restart(self):
        """A reset in the middle of everything; the memory forgets what it was asked for."""
        self._connect(self.memory.latency, self.asks._stall, self.memory.gaps, self.sink._stall)
        await self.start(any_state=False)

    def step(self, cycle):
        ends = self.memory.ends
        pending = ends[-1] - self.o.count if ends else 0
        assert pending <= self.depth, f"cycle {cycle}: {pending} beats have no room"
        left = len(ends) - bisect_right(ends, self.o.count)
        assert left <= self.most_bursts, f"cycle {cycle}: {left} bursts are on their way"
        offered = bool(self.dut.bursts_valid.value)
        assert self.waits or not (self.stop and offered), f"cycle {cycle}: a burst after stop"
        self.stop = bool(self.dut.stop.value)
        self.waits = offered and not self.dut.bursts_ready.value
        if self.stopped:
            if self.dut.idle.value:
                assert not pending, f"cycle {cycle}: idle with {pending} beats to come"
                assert not self.dut.bursts_valid.value, f"cycle {cycle}: idle with a burst to come"
        else:
            idle = self.o.count == self.expected
            assert bool(self.dut.idle.value) == idle, f"cycle {cycle}: idle is {not idle}"
        if self.dut.start.value:
            self.expected += self.job_beats

    def beats(self, count):
        return beats_in_memory(count, **self.layout)

    def words(self, beats, short=0):
        """A number of words that takes so many beats, ``short`` of it in the last one missing."""
        if self.given["beats_per_word"] > 1:
            return -(-beats // self.given["beats_per_word"])
        return beats * self.given["words_per_beat"] - short

    async def begin(self, address, count):
        """Starts a job; returns the bursts and beats that it consists of."""
        dut, tick = self.dut, self.bench.tick
        dut.address.value = address
        dut.count.value = count
        await tick()
        await tick()
        dut.start.value = 1
        beats = self.beats(count)
        self.job_beats = len(beats)
        await tick()
        assert bool(dut.none.value) == (count == 0)
        assert dut.aligned.value
        assert dut.fits.value
        dut.start.value = 0
        # What was given is needed no longer.
        dut.address.value = self.bench.rng.getrandbits(self.given["address_width"])
        dut.count.value = self.bench.rng.getrandbits(32)
        index = address // self.size
        full = [
            beat._replace(data=memory_word(index + n, self.width)) for n, beat in enumerate(beats)
        ]
        return bursts(index, len(beats), self.burst), full

    async def job(self, address, count, limit=3000):
        """A whole job, and whether everything came."""
        first, accepted = len(self.memory.asked), self.o.count
        asked, beats = await self.begin(address, count)
        await self.bench.run(lambda: self.o.count >= self.expected, limit)
        for _ in range(4):
            await self.bench.tick()
        assert self.memory.asked[first:] == asked
        actual = [Beat.of(word, self.width) for word in self.o.words[accepted:]]
        assert [beat.kept() for beat in actual] == [beat.kept() for beat in beats]
        assert [beat[1:] for beat in actual] == [beat[1:] for beat in beats]


def corners(reader):
    """Addresses and counts, with which bursts begin and end next to each edge there is."""
    page = BYTES_PER_PAGE // reader.size
    burst, slots = reader.burst, reader.given["words_per_beat"]
    starts = {0, 1, burst - 1, burst, page - 1, page - 2, page - burst, reader.all - 1}
    starts |= {reader.all - burst, reader.all - burst - 1}
    lengths = {1, 2, burst - 1, burst, burst + 1, 2 * burst + 1}
    if burst > 64:
        starts, lengths = {0, page - 1, reader.all - burst - 1}, {1, burst, burst + 1}
    for index in sorted(starts):
        for length in sorted(lengths):
            for short in sorted({0, 1, slots - 1} if slots > 1 else {0}):
                count = reader.words(length, short)
                if count > 0 and index + len(reader.beats(count)) <= reader.all:
                    yield index * reader.size, count


@cocotb.test()
async def edges(dut):
    """Jobs next to ends of bursts, of pages and of memory; none is another's part."""
    reader = Reader(dut)
    await reader.start()
    for address, count in corners(reader):
        await reader.job(address, count)


@cocotb.test()
async def whole_memory(dut):
    """As many beats as there are, and one fewer, where memory is small."""
    reader = Reader(dut)
    await reader.start()
    if reader.all <= MOST:
        for missing in (0, 1):
            beats = (reader.all - missing) // reader.given["beats_per_word"]
            beats *= reader.given["beats_per_word"]
            await reader.job(0, reader.words(beats), 4 * reader.all)


@cocotb.test()
async def magnitudes(dut):
    """Counts of each magnitude: one beat by itself, and as many as a single bit says."""
    open_ = [True]
    reader = Reader(dut, asks=lambda: not open_[0])
    await reader.start()
    factor = reader.given["beats_per_word"]
    first = reader.burst - 1
    for bit in range(reader.all.bit_length()):
        beats = 1 + (1 << bit)
        count = reader.words(beats)
        if beats % factor or count >= 1 << 32 or first + beats > reader.all:
            continue
        open_[0] = True
        asked = bursts(first, min(beats, 2 * reader.burst), reader.burst)
        dut.address.value, dut.count.value = first * reader.size, count
        await reader.bench.tick()
        await reader.bench.tick()
        dut.start.value, reader.job_beats = 1, beats
        await reader.bench.tick()
        dut.start.value = 0
        # Just the first beat is asked for.
        await reader.bench.run(lambda: reader.bursts.offered, 4)
        open_[0] = False
        await reader.bench.run(lambda: reader.o.count, 20)
        for _ in range(4):
            await reader.bench.tick()
        assert reader.memory.asked == asked[:1]
        assert not Beat.of(reader.o.words[0], reader.width).last
        assert dut.bursts_valid.value
        word = dut.bursts_payload.value.to_unsigned()
        width = reader.memory.index_width
        assert (word & ((1 << width) - 1), (word >> width) + 1) == asked[1]
        await reader.restart()


@cocotb.test()
async def resets(dut):
    """At any moment of a job: nothing is asked for any more, and the next job is right."""
    reader = Reader(dut, 9)
    await reader.start()

    async def begin(number, count):
        await reader.begin(0, count)

    await check_resets(reader, begin, 8, {"bursts_valid": 0, "o_valid": 0})


@cocotb.test()
@cocotb.parametrize(asks=[0, 60], gaps=[0, 60], outputs=[0, 60], latency=[1, 40])
async def random_stalls(dut, asks, gaps, outputs, latency):
    reader = Reader(dut, latency)
    rng = reader.bench.rng
    reader.asks._stall, reader.memory.gaps = stalls(asks, rng), stalls(gaps, rng)
    reader.sink._stall = stalls(outputs, rng)
    await reader.start()
    for _ in range(8):
        count = rng.randint(1, reader.words(3 * reader.burst if reader.burst < 64 else 70))
        index = rng.randrange(min(reader.all, 1 << 40) - len(reader.beats(count)))
        await reader.job(index * reader.size, count, 20000)


@cocotb.test()
async def nothing(dut):
    """A job without words is no job: it is idle, and asks for nothing."""
    reader = Reader(dut)
    await reader.start()
    for _ in range(2):
        await reader.begin(0, 0)
        for _ in range(20):
            await reader.bench.tick()
            assert dut.idle.value
    assert not reader.memory.asked
    await reader.job(0, 1)


@cocotb.test()
async def room(dut):
    """When nobody takes what comes, it asks for as much as it has room for, and loses nothing."""
    blocked = [always]
    reader = Reader(dut, 2, out=lambda: blocked[0]())
    await reader.start()
    count = reader.words(reader.depth + 3 * reader.burst)
    before = reader.o.count
    _, beats = await reader.begin(0, count)
    for _ in range(3 * reader.depth + 60):
        await reader.bench.tick()
    assert reader.memory.given == reader.depth
    blocked[0] = never
    await reader.bench.run(lambda: reader.o.count >= reader.expected, 20 * len(beats))
    actual = [Beat.of(word, reader.width) for word in reader.o.words[before:]]
    assert [beat.kept() for beat in actual] == [beat.kept() for beat in beats]


@cocotb.test()
async def throughput(dut):
    """A beat a cycle when the memory answers within the cycles that bursts on their way last."""
    reader = Reader(dut)
    soon = (reader.outstanding - 1) * reader.burst - 3
    await reader.start()
    beats = 4 * reader.depth if reader.burst < 64 else 3 * reader.burst
    for latency in {1, max(1, soon // 2), max(1, soon)}:
        reader.memory.latency = latency
        first = reader.o.count
        await reader.job(0, reader.words(beats))
        accepted = reader.o.accepted[first:]
        cycles = accepted[-1] - accepted[0] + 1
        if reader.burst > 1:
            assert cycles == len(accepted), f"{cycles} cycles for {len(accepted)} beats"
    offered = [late - early for early, late in pairwise(reader.bursts.offered)]
    assert min(offered) >= 2, "bursts were asked for one after the other"
    if reader.burst == 1:
        reader.memory.latency = 1
        first = len(reader.bursts.accepted)
        await reader.job(0, reader.words(beats))
        accepted = reader.bursts.accepted[first:]
        assert accepted == list(range(accepted[0], accepted[0] + 2 * len(accepted), 2))


@cocotb.test()
@cocotb.parametrize(asks=[0, 80], gaps=[0, 70], outputs=[0, 70])
async def stop(dut, asks, gaps, outputs):
    """At any moment of a job; what was asked for comes to its end, and the next job is right."""
    reader = Reader(dut, 9)
    rng, tick = reader.bench.rng, reader.bench.tick
    reader.asks._stall, reader.memory.gaps = stalls(asks, rng), stalls(gaps, rng)
    reader.sink._stall = stalls(outputs, rng)
    await reader.start()
    moments = [0, 1, 2, 3, 4, 5, 8, *(rng.randrange(60) for _ in range(6))]
    for cycles in moments if reader.burst < 64 else rng.sample(moments, 5):
        await reader.begin(0, reader.words(min(reader.all, 4 * reader.depth)))
        for _ in range(cycles):
            await tick()
        reader.stopped = True
        dut.stop.value = 1
        await tick()
        # Of this cycle's burst the memory has heard, and of one that waits it will.
        offered, asked = len(reader.bursts.offered), len(reader.memory.asked)
        await tick()
        await reader.bench.run(lambda: dut.idle.value, 12000)
        assert len(reader.bursts.offered) == len(reader.memory.asked)
        assert len(reader.memory.asked) <= max(offered, asked) + 1
        assert reader.memory.given == reader.o.count
        for _ in range(rng.choice([0, 1, 5])):
            await tick()
        dut.stop.value = 0
        for _ in range(rng.choice([1, 3])):
            await tick()
        assert dut.idle.value
        reader.stopped, reader.expected = False, reader.o.count
        index = rng.randrange(reader.all - 3 * reader.words(2)) & ((1 << 40) - 1)
        await reader.job(index * reader.size, rng.randint(1, reader.words(2)), 3000)


@cocotb.test()
async def stop_asks_for_no_more(dut):
    """However much there would be room for; a burst that was offered is not taken back."""
    blocked = [always]
    reader = Reader(dut, asks=lambda: blocked[0]())
    await reader.start()
    for offered in (0, 1):
        blocked[0] = always
        asked = len(reader.memory.asked)
        await reader.begin(0, reader.words(4 * reader.depth))
        if offered:
            await reader.bench.run(lambda: dut.bursts_valid.value, 5)
        reader.stopped = True
        dut.stop.value = 1
        for _ in range(20):
            await reader.bench.tick()
            assert bool(dut.bursts_valid.value) == offered or not offered
        blocked[0] = never
        for _ in range(20 + reader.burst):
            await reader.bench.tick()
        assert dut.idle.value
        assert len(reader.memory.asked) <= asked + 1
        dut.stop.value = 0
        await reader.bench.tick()
        reader.stopped, reader.expected = False, reader.o.count


@cocotb.test()
async def outputs_come_from_registers(dut):
    reader = Reader(dut, 3)
    rng = reader.bench.rng
    reader.asks._stall, reader.sink._stall = stalls(50, rng), stalls(50, rng)
    await reader.start()
    await reader.begin(0, reader.words(reader.depth))
    inputs = ["bursts_ready", "o_ready", "data", "start", "stop", "address", "count"]
    outputs = ["bursts_valid", "bursts_payload", "o_valid", "o_payload", "idle"]
    while reader.o.count < min(reader.expected, 30):
        await reader.bench.tick()
        await check_no_paths(reader.bench, inputs, outputs)


@cocotb.test()
async def checks(dut):
    """What it says of addresses and counts is what :class:`TransferChecker` says of them."""
    reader = Reader(dut)
    await reader.start()
    await check_extents(reader)
