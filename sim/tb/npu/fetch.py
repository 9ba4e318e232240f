"""Testbench of the fetch of instructions."""

from collections import deque
from random import Random

import cocotb

from ...golden.npu.fetch import fetch
from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Recorder, Sink, always, never, stalls

_BYTES = 32
_PAGE = 4096
#: Numbers of the errors.
READ, END = 4, 12


class Memory:
    """Answers bursts in their order, with a beat a cycle, but for gaps.

    The first beat of a burst comes ``latency`` cycles after it was asked for, or later.

    Attributes
    ----------
    asked : list of int
        Beats that were asked for, by their index.
    given : int
        Beats that have come.
    """

    def __init__(self, dut, content, first, size, burst, latency, gaps):
        self.dut, self.content, self.first, self.size = dut, content, first, size
        self.burst, self.latency, self.gaps = burst, latency, gaps
        self.asks = Sink(dut, manifest().streams["bursts"])
        self.bursts = Recorder(dut, "bursts", manifest().streams["bursts"])
        self.index_width = len(dut.bursts_payload) - 8
        self.bad = None  # index of a beat that comes with an error
        self.asked, self.given, self.came = [], 0, []
        self._due = deque()
        for name in ("valid", "data", "error"):
            getattr(dut, name).value = 0

    @property
    def pending(self):
        return len(self.asked) - self.given

    @property
    def sent(self):
        """Beats that have come, or come in this cycle."""
        return len(self.asked) - len(self._due)

    def step(self, cycle):
        dut = self.dut
        self.asks.step(cycle)
        self.bursts.step(cycle)
        if dut.valid.value:
            self.given += 1
            self.came.append(cycle)
        for word in self.asks.words:
            index, length = word & ((1 << self.index_width) - 1), (word >> self.index_width) + 1
            assert length <= self.burst
            assert index * self.size % _PAGE + length * self.size <= _PAGE, "a page is crossed"
            self.asked += range(index, index + length)
            self._due += [(cycle + self.latency - 1, index + n) for n in range(length)]
        self.asks.words.clear()
        comes = bool(self._due) and self._due[0][0] <= cycle and not self.gaps()
        dut.valid.value, dut.error.value, dut.data.value = comes, 0, 0
        if comes:
            index = self._due.popleft()[1]
            at = index * self.size - self.first
            beat = bytes(
                self.content[n] if 0 <= n < len(self.content) else 0xEE
                for n in range(at, at + self.size)
            )
            dut.data.value = int.from_bytes(beat, "little")
            dut.error.value = index == self.bad


class Fetching:
    """The unit between a memory and a sink of instructions."""

    def __init__(self, dut, *, latency=4, gaps=never, asks=never, out=never):
        unit = manifest()
        self.params = params = unit.parameters
        self.dut, self.bench = dut, Bench(dut)
        self.rng = self.bench.rng
        self.size = params["data_width"] // 8
        self.depth = params["burst"] * params["outstanding"]
        self.most = (1 << params["pc_width"]) - 1
        self.memory = Memory(dut, b"", 0, self.size, params["burst"], latency, gaps)
        self.memory.asks._stall = asks
        self.sink = Sink(dut, unit.streams["o"], out)
        self.o = Recorder(dut, "o", unit.streams["o"])
        self.starts = []
        for name in ("start", "stop"):
            getattr(dut, name).value = 0

    async def start(self):
        await self.bench.reset()
        self.bench.agents = [self, self.memory, self.sink, self.o]
        await self.bench.tick()

    def step(self, cycle):
        # A beat that comes, or has not left, takes room in the queue.
        assert self.memory.pending <= self.depth

    def address(self, length):
        """A place for a program; also beside the ends of memory and of a page."""
        unit = min(self.size, _BYTES)
        top = (1 << self.params["address_width"]) - length * _BYTES
        page = self.rng.randrange(top // _PAGE + 1) * _PAGE
        choices = [0, top, min(page, top), self.rng.randint(0, top)]
        choices.append(max(0, page - self.rng.randrange(length) * _BYTES))
        return self.rng.choice(choices) // unit * unit

    async def begin(self, words, address=None):
        """Start a program of these words; returns what is expected of it."""
        dut = self.dut
        address = self.address(len(words)) if address is None else address
        content = b"".join(word.to_bytes(_BYTES, "little") for word in words)
        self.memory.content, self.memory.first = content, address
        self.beats = range(address // self.size, -(-(address + len(content)) // self.size))
        dut.address.value, dut.length.value = address, len(words)
        for _ in range(3):
            await self.bench.tick()
        assert dut.idle.value
        assert dut.aligned.value
        assert dut.fits.value
        assert not dut.none.value
        self.first, self.first_ask = self.o.count, len(self.memory.asked)
        dut.start.value = 1
        await self.bench.tick()
        dut.start.value = 0
        self.starts.append(self.bench.cycle)
        return fetch(content, 0, len(words))

    def check(self, words):
        """Exactly these instructions came, in order, each with its index."""
        expected = [word | index << 256 for index, word in enumerate(words)]
        assert self.o.words[self.first :] == expected
        asked = self.memory.asked[self.first_ask :]
        assert asked == list(self.beats[: len(asked)]), "beats were not asked for in order"

    async def program(self, words, address=None, limit=4000):
        """A whole program; returns the cycles in which its instructions were taken."""
        words, halts = await self.begin(words, address)
        await self.bench.run(lambda: self.o.count - self.first >= len(words), limit)
        await self.bench.run(lambda: self.dut.idle.value, limit)
        self.check(words)
        assert not self.memory.pending
        assert bool(self.dut.failed.value) != halts
        if not halts:
            assert self.dut.failed_kind.value == END
            assert self.dut.failed_pc.value == len(words)
        return self.o.accepted[self.first :]


def program(length, halt=None):
    """Words, of which the last is a HALT, or that at ``halt``; none with -1."""
    rng = Random(f"{length} {halt} {cocotb.RANDOM_SEED}")
    words = [rng.getrandbits(252) << 4 | rng.randrange(1, 16) for _ in range(length)]
    if halt != -1:
        words[length - 1 if halt is None else halt] &= ~15
    return words


@cocotb.test()
async def throughput(dut):
    """An instruction in as many cycles as its beats take; the latency of the first one."""
    fetching = Fetching(dut, latency=1)
    await fetching.start()
    length = min(fetching.most, 12 * max(1, fetching.depth * fetching.size // _BYTES))
    # Cycles within which the first beat of a burst has to come for a beat a cycle.
    soon = (fetching.params["outstanding"] - 1) * fetching.params["burst"] - 3
    for latency in sorted({1, max(soon, 1)}):
        fetching.memory.latency = latency
        first = len(fetching.memory.came)
        accepted = await fetching.program(program(length), address=0)
        beats = max(1, _BYTES // fetching.size)
        came = fetching.memory.came[first:][beats - 1]
        assert accepted[0] == came + (2 if fetching.depth <= 4 else 3)
        if soon >= latency:
            assert accepted == [accepted[0] + n * beats for n in range(length)], accepted


@cocotb.test()
async def lengths(dut):
    """Programs of each length, one after the other, also without HALT."""
    fetching = Fetching(dut)
    await fetching.start()
    for length in range(1, min(fetching.most, 20) + 1):
        await fetching.program(program(length))
        await fetching.program(program(length, halt=-1))


@cocotb.test()
async def halts(dut):
    """Nothing behind a HALT is offered, wherever it is; the next program is whole."""
    fetching = Fetching(dut)
    await fetching.start()
    length = min(fetching.most, 24)
    for halt in range(length):
        fetching.memory.latency = fetching.rng.choice((1, 3, 9))
        await fetching.program(program(length, halt))


@cocotb.test()
async def stops_after_halt(dut):
    """No burst begins once a HALT was taken, but for one that is on offer."""
    fetching = Fetching(dut)
    await fetching.start()
    length = min(fetching.most, 200)
    await fetching.program(program(length, 0))
    asked = len(fetching.memory.asked) - fetching.first_ask
    most = max(1, _BYTES // fetching.size) + fetching.depth + 2 * fetching.params["burst"]
    assert asked <= most < len(fetching.beats)


@cocotb.test()
async def prefetch(dut):
    """As many beats come as there is room for, while no instruction is taken."""
    blocked = [always]
    fetching = Fetching(dut, out=lambda: blocked[0]())
    await fetching.start()
    words = program(min(fetching.most, 150))
    expected, _ = await fetching.begin(words, address=0)
    for _ in range(200):
        await fetching.bench.tick()
    room = fetching.depth + max(1, _BYTES // fetching.size)
    # A burst is asked for when all of it has room.
    most = min(room, len(fetching.beats))
    assert most - fetching.params["burst"] < fetching.memory.given <= most
    blocked[0] = never
    await fetching.bench.run(lambda: dut.idle.value, 4000)
    fetching.check(expected)


@cocotb.test()
@cocotb.parametrize(out=[0, 70])
async def read_errors(dut, out):
    """At each beat: what comes is a beginning of the program, without the bad beat's word."""
    fetching = Fetching(dut)
    rng = fetching.rng
    fetching.sink._stall = stalls(out, rng)
    await fetching.start()
    length = min(fetching.most, 10)
    words = program(length)
    beats = -(-length * _BYTES // fetching.size)
    for bad in range(beats):
        fetching.memory.gaps = stalls(rng.choice((0, 60)), rng)
        fetching.memory.bad = bad
        await fetching.begin(words, address=0)
        await fetching.bench.run(lambda: dut.failed.value, 2000)
        await fetching.bench.run(lambda: dut.idle.value, 2000)
        count = fetching.o.count - fetching.first
        assert count <= bad * fetching.size // _BYTES
        fetching.check(words[:count])
        assert dut.failed_kind.value == READ
        assert dut.failed_pc.value == count
        assert not fetching.memory.pending
        fetching.memory.bad = None
        await fetching.program(program(3))


@cocotb.test()
async def errors_behind_halt(dut):
    """An error behind a HALT that was taken is none."""
    fetching = Fetching(dut, latency=3)
    await fetching.start()
    length = min(fetching.most, 40)
    words = program(length, 0)
    beats = max(1, _BYTES // fetching.size)
    memory = fetching.memory
    memory.gaps = lambda: memory.sent >= beats and fetching.o.count == fetching.first
    expected, _ = await fetching.begin(words, address=0)
    memory.bad = beats
    await fetching.bench.run(lambda: fetching.o.count > fetching.first, 200)
    await fetching.bench.run(lambda: dut.idle.value, 1000)
    assert not dut.failed.value
    assert memory.sent > beats
    fetching.check(expected)


@cocotb.test()
@cocotb.parametrize(asks=[0, 70], gaps=[0, 60], out=[0, 70])
async def stop(dut, asks, gaps, out):
    """At any moment: nothing more is offered, all beats come, and the next program is right."""
    fetching = Fetching(dut, latency=7)
    rng, tick = fetching.rng, fetching.bench.tick
    fetching.memory.asks._stall, fetching.memory.gaps = stalls(asks, rng), stalls(gaps, rng)
    fetching.sink._stall = stalls(out, rng)
    await fetching.start()
    for cycles in [0, 1, 2, 3, 4, 5, 8, *(rng.randrange(80) for _ in range(8))]:
        expected, _ = await fetching.begin(program(min(fetching.most, 30)))
        for _ in range(cycles):
            await tick()
        dut.stop.value = 1
        await tick()
        # An offer may be taken back.
        fetching.o._waiting = None
        count = fetching.o.count - fetching.first
        for _ in range(3):
            await tick()
            assert not dut.o_valid.value
        await fetching.bench.run(lambda: dut.idle.value, 2000)
        assert not fetching.memory.pending
        fetching.check(expected[:count])
        for _ in range(rng.choice((0, 2))):
            await tick()
        dut.stop.value = 0
        await tick()
        await fetching.program(program(rng.randint(1, 4)))


@cocotb.test()
@cocotb.parametrize(asks=[0, 70], gaps=[0, 60], out=[0, 70])
async def random(dut, asks, gaps, out):
    fetching = Fetching(dut)
    rng = fetching.rng
    fetching.memory.asks._stall, fetching.memory.gaps = stalls(asks, rng), stalls(gaps, rng)
    fetching.sink._stall = stalls(out, rng)
    await fetching.start()
    for _ in range(12):
        fetching.memory.latency = rng.choice((1, 4, 20))
        length = rng.randint(1, min(fetching.most, 60))
        await fetching.program(program(length, rng.choice((None, -1, rng.randrange(length)))))


@cocotb.test()
async def reset(dut):
    """Nothing is left of a program, at whatever moment."""
    for cycles in (0, 1, 2, 3, 5, 8, 13, 21, 40):
        fetching = Fetching(dut, out=always if cycles % 2 else never)
        await fetching.start()
        await fetching.begin(program(min(fetching.most, 30)))
        for _ in range(cycles):
            await fetching.bench.tick()
        fetching = Fetching(dut)
        await fetching.start()
        assert dut.idle.value
        assert not dut.failed.value
        await fetching.program(program(3))


@cocotb.test()
async def checks(dut):
    """Addresses and lengths that cannot be."""
    fetching = Fetching(dut)
    await fetching.start()
    unit = min(fetching.size, _BYTES)
    space = 1 << fetching.params["address_width"]
    trials = [(1 << bit, 1) for bit in range(fetching.params["address_width"])]
    trials += [(0, 0), (32, 0), (space - 32, 1), (space - 32, 2), (space - 64, 2), (space - 64, 3)]
    for address, length in trials:
        dut.address.value, dut.length.value = address, length
        for _ in range(3):
            await fetching.bench.tick()
        assert bool(dut.none.value) == (length == 0)
        assert bool(dut.aligned.value) == (address % unit == 0)
        if length and address % unit == 0:
            assert bool(dut.fits.value) == (address + length * _BYTES <= space)


@cocotb.test()
async def outputs_come_from_registers(dut):
    fetching = Fetching(dut)
    rng = fetching.rng
    fetching.memory.asks._stall, fetching.sink._stall = stalls(50, rng), stalls(50, rng)
    await fetching.start()
    expected, _ = await fetching.begin(program(min(fetching.most, 12)))
    inputs = ["bursts_ready", "o_ready", "data", "valid", "error", "start", "stop", "address"]
    outputs = ["bursts_valid", "bursts_payload", "o_valid", "o_payload", "idle", "failed"]
    while fetching.o.count - fetching.first < len(expected):
        await fetching.bench.tick()
        await check_no_paths(fetching.bench, inputs, outputs)
