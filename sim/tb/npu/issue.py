"""Testbench of the issue of instructions."""

from collections import deque
from itertools import pairwise
from random import Random

import cocotb

from ...golden.npu.issue import History
from ...lib.bench import Bench, check_no_paths, manifest, settle
from ...lib.streams import Recorder, Sink, Source, always, never, stalls

SYNC = 1
_OPCODES = {"load": 2, "store": 3, "matrix": 4, "vector": 5}


class Issuing:
    """The unit between a source of instructions, an engine, and a store of tokens.

    ``deny`` and ``full`` are the cycles in which no token is there, and no counter has room;
    ``late`` are the least and most cycles from the start of an instruction to its ``done``: None
    for an engine that ends it in the cycle in which it takes it.
    """

    def __init__(self, dut, words, *, stall=never, busy=never, deny=never, full=never, late=(1, 1)):
        unit = manifest()
        self.params = unit.parameters
        self.dut, self.bench = dut, Bench(dut)
        self.late, self.deny, self.full, self.unmarked = late, deny, full, never
        i, o = unit.streams["i"], unit.streams["o"]
        items = [word | (pc & self._mask()) << 256 for pc, word in enumerate(words)]
        self.source = Source(dut, i, items, stall)
        self.sink = Sink(dut, o, busy)
        self.i, self.o = Recorder(dut, "i", i), Recorder(dut, "o", o)
        self.history = History(words, self.params["flight"])
        self.takes, self.gives, self.marked = [], [], deque()
        self._due, self._open = deque(), (True, True, True)
        for name in ("done", "granted", "accepted", "mark_room"):
            getattr(dut, name).value = 0

    async def start(self):
        await self.bench.reset()
        self.bench.agents = [self, self.source, self.sink, self.i, self.o]
        await self._answer()

    async def _answer(self):
        """What the store of tokens, and an engine that ends at once, answer within the cycle."""
        dut = self.dut
        self._open = not self.deny(), not self.full(), not self.unmarked()
        dut.mark_room.value = self._open[2]
        await settle()
        if self.late is None:
            dut.done.value = dut.o_valid.value & dut.o_ready.value
            await settle()
        dut.granted.value = int(dut.request.value) & self._open[0]
        dut.accepted.value = int(dut.give.value) & self._open[1]
        await settle()

    async def tick(self):
        await self.bench.tick()
        await self._answer()

    def step(self, cycle):
        """The events of the cycle that ends."""
        dut, history = self.dut, self.history
        inside = self.source.accepted - history.ended
        assert bool(dut.idle.value) == (inside == 0), f"cycle {cycle}: idle with {inside} inside"
        if inside and history.taken > history.ended and not self._fresh():
            assert dut.pc.value == history.ended & self._mask(), "the wrong oldest instruction"
        waits = (dut.request.value and not dut.granted.value) or (
            dut.give.value and not dut.accepted.value
        )
        assert bool(dut.waiting.value) == bool(waits)
        if dut.o_valid.value and dut.o_ready.value:
            history.start(int(dut.o_payload.value))
            if self.late:
                self._due.append(cycle + self.bench.rng.randint(*self.late) - 1)
        if dut.done.value:
            history.end()
            if self.late:
                self._due.popleft()
        if dut.accepted.value:
            ended = history.give(int(dut.signal.value))
            self.gives.append(cycle)
            assert bool(dut.interrupt.value) == ended.irq
            assert bool(dut.mark_ends.value) == ended.mark
            if ended.mark:
                assert dut.mark_room.value, "a marked instruction ends without room"
                assert self.marked.popleft() == history.ended - 1
        else:
            assert not dut.interrupt.value
            assert not dut.mark_ends.value
        if dut.granted.value:
            number = history.taken
            begun = history.take(int(dut.wait.value))
            self.takes.append(cycle)
            assert bool(dut.marks.value) == begun.mark
            if begun.mark:
                self.marked.append(number)
                assert dut.mark_pc.value == number & self._mask()
                assert dut.mark_op.value == history.words[number] & 15
        else:
            assert not dut.marks.value
        if self.late:
            dut.done.value = bool(self._due) and self._due[0] <= cycle

    def _fresh(self):
        """The oldest instruction has only just begun."""
        begun = self.takes[self.history.ended]
        return self.bench.cycle - begun <= 2

    def _mask(self):
        return (1 << self.params["pc_width"]) - 1

    async def finish(self, limit):
        end = self.bench.cycle + limit
        while self.history.ended < len(self.history.words):
            assert self.bench.cycle < end, f"not done after {limit} cycles"
            await self.tick()
        for _ in range(5):
            await self.tick()
        history = self.history
        assert history.taken == history.ended == len(history.words)
        assert history.started == history.done == len(history.runs)
        assert not self.marked


def program(length, syncs=0.0, tokens=True, flags=True):
    """Random instructions of the engine, with SYNCs among them."""
    rng = Random(cocotb.RANDOM_SEED)
    opcode = _OPCODES[manifest().parameters["engine"]]
    words = []
    for _ in range(length):
        word = rng.getrandbits(244) << 12
        word |= SYNC if rng.random() < syncs else opcode
        if tokens:
            word |= rng.choice((0, 0, *range(8))) << 4
            word |= rng.choice((0, 0, *range(8))) << 7
        if flags:
            word |= rng.randrange(4) << 10
        words.append(word)
    return words


@cocotb.test()
async def latency(dut):
    """An instruction by itself: offered, and its tokens given, as soon as may be."""
    params = manifest().parameters
    first = (1 if params["queue"] <= 4 else 2) + 1
    for late in (None, 1, 4):
        issuing = Issuing(dut, program(1), late=late and (late, late))
        await issuing.start()
        await issuing.finish(30)
        assert issuing.o.offered[0] - issuing.i.accepted[0] == first
        assert issuing.takes[0] == issuing.o.offered[0] - 1
        entry = 1 if params["flight"] <= 4 else 2
        end = max(issuing.o.accepted[0] + (late or 0), issuing.takes[0] + entry)
        assert issuing.gives[0] == end, (late, issuing.gives, issuing.o.accepted)


@cocotb.test()
async def throughput(dut):
    """An instruction a cycle, if the engine ends each soon enough."""
    flight = manifest().parameters["flight"]
    for late in {None, (flight - 2) or None}:
        issuing = Issuing(dut, program(60), late=late and (late, late))
        await issuing.start()
        await issuing.finish(100)
        for cycles in (issuing.takes, issuing.o.accepted, issuing.gives):
            assert cycles == list(range(cycles[0], cycles[0] + 60)), (late, cycles)


@cocotb.test()
async def flight(dut):
    """Just ``flight`` instructions begin before the first ends, and the queue fills behind them."""
    params = manifest().parameters
    blocked = [always]
    words = program(60, tokens=False, flags=False)
    issuing = Issuing(dut, words, full=lambda: blocked[0]())
    await issuing.start()
    for _ in range(params["queue"] + params["flight"] + 20):
        await issuing.tick()
    assert issuing.history.taken == params["flight"]
    assert issuing.source.accepted == params["queue"] + params["flight"]
    assert dut.waiting.value
    blocked[0] = never
    await issuing.finish(400)


@cocotb.test()
async def sync(dut):
    """It waits for all that is in flight, and nothing behind it waits for more."""
    words = program(40, syncs=0.5)
    for late in (None, 1, 3, 9):
        issuing = Issuing(dut, words, late=late and (late, late))
        await issuing.start()
        await issuing.finish(1500)
        history = issuing.history
        for number, instruction in enumerate(history.issued):
            if number and not instruction.runs:
                assert issuing.takes[number] > issuing.gives[number - 1]


@cocotb.test()
async def back_to_back(dut):
    """SYNCs alone, without tokens: one every 3 cycles at most, or 2 with few in flight."""
    entry = 1 if manifest().parameters["flight"] <= 4 else 2
    words = [word & ~15 | SYNC for word in program(20, tokens=False, flags=False)]
    issuing = Issuing(dut, words)
    await issuing.start()
    await issuing.finish(100)
    gaps = {late - early for early, late in pairwise(issuing.takes)}
    assert gaps == {entry + 1}, gaps


@cocotb.test()
@cocotb.parametrize(inputs=[0, 60], engine=[0, 60], store=[0, 40, 80])
async def random(dut, inputs, engine, store):
    issuing = Issuing(dut, program(300, syncs=0.1))
    rng = issuing.bench.rng
    issuing.source._stall, issuing.sink._stall = stalls(inputs, rng), stalls(engine, rng)
    issuing.deny, issuing.full = stalls(store, rng), stalls(store, rng)
    issuing.unmarked = stalls(store, rng)
    issuing.late = 1, rng.choice((1, 3, 12))
    await issuing.start()
    await issuing.finish(12000)


@cocotb.test()
async def reset(dut):
    """Nothing is left of instructions at any stage."""
    for cycles in (1, 2, 3, 4, 6, 9, 30):
        issuing = Issuing(dut, program(60), full=always if cycles % 2 else never)
        await issuing.start()
        for _ in range(cycles):
            await issuing.tick()
        issuing = Issuing(dut, program(10, syncs=0.2))
        await issuing.start()
        assert dut.idle.value
        assert not dut.request.value
        assert not dut.give.value
        await issuing.finish(200)


@cocotb.test()
async def offers_come_from_registers(dut):
    issuing = Issuing(dut, program(60, syncs=0.1))
    rng = issuing.bench.rng
    issuing.source._stall, issuing.sink._stall = stalls(40, rng), stalls(40, rng)
    await issuing.start()
    for _ in range(50):
        await issuing.bench.tick()
        inputs = ["i_payload", "i_valid", "o_ready", "done", "granted", "accepted", "mark_room"]
        await check_no_paths(issuing.bench, inputs, ["i_ready", "o_valid", "o_payload", "idle"])
        await issuing._answer()
