"""Testbench of the control of engines."""

from collections import Counter, deque
from itertools import pairwise
from random import Random

import cocotb

from ...golden.npu.control import control
from ...golden.npu.dispatch import ENGINES, FUNCTIONS, dispatch
from ...golden.npu.issue import issue
from ...golden.npu.tokens import CAPACITY, PEERS
from ...lib.bench import Bench, manifest
from ...lib.streams import Recorder, Sink, Source, never, stalls
from ._program import HALT, SYNC, legal

_OPCODES = {"load": 2, "store": 3, "matrix": 4, "vector": 5}
_TOKENS = 63 << 4


def functions():
    """The core's functions and their codes."""
    names = manifest().parameters["functions"].split(",")
    return {name: FUNCTIONS.index(name) for name in names}


def mask(engine, *peers):
    return sum(1 << PEERS[engine].index(peer) for peer in peers)


def instruction(rng, engine, wait=(), signal=(), flags=0, *, sync=False):
    """An instruction of an engine with those tokens and flags, and anything else."""
    if sync:
        word = SYNC | ENGINES.index(engine) << 12
    else:
        word = legal(rng, functions(), _OPCODES[engine]) & ~(255 << 4)
    return word | mask(engine, *wait) << 4 | mask(engine, *signal) << 7 | flags << 10


class Engine:
    """Ends each instruction in order, ``late`` cycles after it took it: least and most."""

    def __init__(self, dut, name, late, rng):
        self.sink = Sink(dut, manifest().streams[name])
        self.o = Recorder(dut, name, manifest().streams[name])
        self.late, self.rng = late, rng
        self.done = getattr(dut, f"done_{name}")
        self.done.value = 0
        self.ends, self._due = [], deque()

    def step(self, cycle):
        if self.done.value:
            self.ends.append(cycle)
        self.sink.step(cycle)
        self.o.step(cycle)
        while len(self.ends) + len(self._due) + bool(self.done.value) < self.o.count:
            self._due.append(cycle + self.rng.randint(*self.late) - 1)
        comes = bool(self._due) and self._due[0] <= cycle
        if comes:
            self._due.popleft()
        self.done.value = comes


class Controlling:
    """The unit between a source of a program and four engines."""

    def __init__(self, dut, words, *, late=(1, 1), stall=never):
        unit = manifest()
        self.dut, self.bench, self.words = dut, Bench(dut), words
        self.pc_width = unit.parameters["pc_width"]
        items = [word | index % (1 << self.pc_width) << 256 for index, word in enumerate(words)]
        self.source = Source(dut, unit.streams["i"], items, stall)
        self.i = Recorder(dut, "i", unit.streams["i"])
        self.engines = {name: Engine(dut, name, late, self.bench.rng) for name in ENGINES}
        self.marks = {name: [] for name in ENGINES}
        self.mark_ends, self.interrupts = dict.fromkeys(ENGINES, 0), 0
        self.halted = []
        self.unmarked = never
        dut.mark_room.value = 15

    async def start(self):
        await self.bench.reset()
        self.bench.agents = [self.source, self.i, *self.engines.values(), self]

    def step(self, cycle):
        dut = self.dut
        self.interrupts += bool(dut.interrupt.value)
        for number, name in enumerate(ENGINES):
            if dut.marks.value[number]:
                mark = getattr(dut, f"mark_pc_{name}"), getattr(dut, f"mark_op_{name}")
                self.marks[name].append(tuple(int(handle.value) for handle in mark))
            if dut.mark_ends.value[number]:
                assert dut.mark_room.value[number], f"cycle {cycle}: no room for a record"
                self.mark_ends[name] += 1
        dut.mark_room.value = sum((not self.unmarked()) << n for n in range(len(ENGINES)))
        if dut.done.value:
            assert dut.idle.value == 15
            self.halted.append(cycle)

    async def finish(self, limit):
        """To the HALT at the program's end."""
        await self.bench.run(lambda: self.halted, limit)
        for _ in range(5):
            await self.bench.tick()
        assert len(self.halted) == 1
        ended = {}
        everything = control(self.words, functions())
        for name, starts in everything.items():
            engine = self.engines[name]
            assert engine.o.words == [start.word for start in starts], f"words of {name}"
            ended |= {s.index: cycle for s, cycle in zip(starts, engine.ends, strict=True)}
        for name, starts in everything.items():
            for start, offered in zip(starts, self.engines[name].o.offered, strict=True):
                for index in start.after:
                    assert ended[index] < offered, f"{start.index} starts before {index} ends"
        marks, interrupts = {name: [] for name in ENGINES}, 0
        for name, index in dispatch(self.words, functions())[:-1]:
            issued = issue(self.words[index])
            interrupts += issued.irq
            if issued.mark:
                marks[name].append((index % (1 << self.pc_width), self.words[index] & 15))
        assert self.marks == marks
        assert self.mark_ends == {name: len(marks[name]) for name in ENGINES}
        # Engines may end instructions in the same cycle.
        assert min(interrupts, 1) <= self.interrupts <= interrupts
        assert not self.dut.failed.value


def program(length, most=CAPACITY):
    """A program that runs in its own order, so in every order that its tokens allow.

    ``most`` is how many tokens it leaves from an engine to another.
    """
    rng = Random(cocotb.RANDOM_SEED)
    level = Counter()
    words = []
    for _ in range(length):
        engine = rng.choice(ENGINES)
        wait = [p for p in PEERS[engine] if level[p, engine] and rng.random() < 0.6]
        level.subtract([(peer, engine) for peer in wait])
        signal = [p for p in PEERS[engine] if level[engine, p] < most and rng.random() < 0.4]
        level.update([(engine, peer) for peer in signal])
        flags = rng.randrange(4)
        words.append(instruction(rng, engine, wait, signal, flags, sync=rng.random() < 0.15))
    return [*words, HALT]


@cocotb.test()
async def round_trip(dut):
    """Each pair of engines, in turns: 6 cycles for two instructions that end at once."""
    rng = Random(cocotb.RANDOM_SEED)
    for first, peers in PEERS.items():
        for second in peers:
            words = [instruction(rng, first, signal=[second])]
            for _ in range(10):
                words += [
                    instruction(rng, second, wait=[first], signal=[first]),
                    instruction(rng, first, wait=[second], signal=[second]),
                ]
            controlling = Controlling(dut, [*words, HALT])
            await controlling.start()
            await controlling.finish(200)
            for name in (first, second):
                cycles = {late - early for early, late in pairwise(controlling.engines[name].ends)}
                assert cycles == {6}, (first, second, cycles)


@cocotb.test()
async def throughput(dut):
    """An instruction a cycle, of one engine and of all in turn."""
    params = manifest().parameters
    rng = Random(cocotb.RANDOM_SEED)
    latency = 1 + (1 if params["queue"] <= 4 else 2) + 1
    choices = [(name,) for name in ENGINES if params["flight"] > 2] + [ENGINES]
    for names in choices:
        words = [instruction(rng, names[n % len(names)]) for n in range(60)]
        controlling = Controlling(dut, [*words, HALT])
        await controlling.start()
        await controlling.finish(120)
        accepted = controlling.i.accepted
        assert accepted == list(range(accepted[0], accepted[0] + 61))
        offered = sorted(c for e in controlling.engines.values() for c in e.o.offered)
        assert offered == [cycle + latency for cycle in accepted[:-1]], (names, offered)


@cocotb.test()
async def full_counters(dut):
    """An engine runs ahead of another until a counter is full."""
    rng = Random(cocotb.RANDOM_SEED)
    for giver, peers in PEERS.items():
        taker = peers[CAPACITY % 3]
        words = [instruction(rng, giver, signal=[taker]) for _ in range(CAPACITY)]
        for _ in range(20):
            words += [
                instruction(rng, taker, wait=[giver]),
                instruction(rng, giver, signal=[taker]),
            ]
        words += [instruction(rng, taker, wait=[giver]) for _ in range(CAPACITY)]
        controlling = Controlling(dut, [*words, HALT], late=(2, 5))
        controlling.engines[giver].late = 1, 1
        await controlling.start()
        await controlling.finish(600)


@cocotb.test()
async def waits_for_ever(dut):
    """A token that nobody gives: the engine tells that it waits, where, and HALT waits, too."""
    rng = Random(cocotb.RANDOM_SEED)
    for number, (engine, peers) in enumerate(PEERS.items()):
        words = [instruction(rng, name) for name in ENGINES]
        words += [instruction(rng, engine, wait=[peers[0]]), HALT]
        controlling = Controlling(dut, words)
        await controlling.start()
        for _ in range(60):
            await controlling.bench.tick()
        assert not controlling.halted
        assert dut.waiting.value == 1 << number
        assert dut.idle.value == 15 ^ 1 << number
        assert getattr(dut, f"pc_{engine}").value == len(ENGINES)


@cocotb.test()
async def fails(dut):
    """What comes before an instruction that is not legal runs; nothing behind it does."""
    rng = Random(cocotb.RANDOM_SEED)
    words = [instruction(rng, name) for name in ENGINES]
    controlling = Controlling(dut, [*words, 6, *words])
    await controlling.start()
    for _ in range(40):
        await controlling.bench.tick()
    assert dut.failed.value
    assert dut.failed_kind.value == 8
    assert dut.failed_pc.value == len(ENGINES)
    for engine in controlling.engines.values():
        assert len(engine.ends) == 1
    assert not controlling.halted


@cocotb.test()
@cocotb.parametrize(most=[1, 3, CAPACITY], inputs=[0, 50], engines=[0, 60])
async def random(dut, most, inputs, engines):
    controlling = Controlling(dut, program(300, most), late=(1, 1 + engines // 4))
    rng = controlling.bench.rng
    controlling.source._stall = stalls(inputs, rng)
    controlling.unmarked = stalls(engines, rng)
    for engine in controlling.engines.values():
        engine.sink._stall = stalls(engines, rng)
    await controlling.start()
    await controlling.finish(20000)


@cocotb.test()
async def reset(dut):
    """Neither instructions nor tokens are left."""
    for cycles in (1, 3, 4, 5, 8, 20):
        controlling = Controlling(dut, program(60), late=(1, 9))
        await controlling.start()
        for _ in range(cycles):
            await controlling.bench.tick()
        controlling = Controlling(dut, program(20))
        await controlling.start()
        await controlling.finish(400)
