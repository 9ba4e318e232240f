"""Testbench of the trace."""

from collections import deque
from itertools import pairwise

import cocotb

from ...golden.npu.trace import ENGINES, trace
from ...lib.bench import Bench, check_no_paths, manifest, settle
from ...lib.streams import Recorder, Sink, always, never, stalls


class Tracing:
    """The unit between four engines, whose instructions begin and end, and a sink.

    In each cycle an instruction of each engine begins if ``begins()`` says so, and one that has
    begun ends if ``ends()`` does, and there is room for its record.
    """

    def __init__(self, dut, *, begins, ends, out=never, engines=ENGINES):
        unit = manifest()
        self.dut, self.bench = dut, Bench(dut)
        self.rng = self.bench.rng
        self.flight, self.pc_width = unit.parameters["flight"], unit.parameters["pc_width"]
        # Cycles from the begin to the end of an instruction at least.
        self.shortest = 1 if self.flight <= 4 else 2
        self.begins, self.ends, self.engines = begins, ends, engines
        self.sink = Sink(dut, unit.streams["o"], out)
        self.o = Recorder(dut, "o", unit.streams["o"])
        self.running = {engine: deque() for engine in ENGINES}
        self.cycles, self.ended = [], []

    async def start(self, *, clear=False):
        """Cycle 0 is the first one after the reset, or after ``clear``."""
        await self.bench.reset()
        for name in ("marks", "mark_ends", "waits", "stalls"):
            getattr(self.dut, name).value = 0
        self.dut.clear.value = clear
        self.bench.agents = [self.sink, self.o]
        if clear:
            for _ in range(self.rng.randint(2, 9)):
                await self.bench.tick()
                self.dut.waits.value = self.dut.stalls.value = 15
            await self.bench.tick()
            self.dut.waits.value = self.dut.stalls.value = 0
            self.dut.clear.value = 0
        else:
            await self.bench.tick()
            self.cycles.append({"begin": {}, "end": {}, "waits": {}, "stalls": {}})

    async def tick(self):
        """A cycle with random events."""
        dut, now = self.dut, len(self.cycles)
        await settle()
        room = int(dut.mark_room.value)
        events = {"begin": {}, "end": {}, "waits": {}, "stalls": {}}
        for number, engine in enumerate(ENGINES):
            pc, op = self.rng.getrandbits(self.pc_width), self.rng.getrandbits(4)
            getattr(dut, f"mark_pc_{engine}").value = pc
            getattr(dut, f"mark_op_{engine}").value = op
            if engine not in self.engines:
                continue
            running = self.running[engine]
            old = bool(running) and now - running[0] >= self.shortest
            free = len(running) + (not room >> number & 1) < self.flight
            if self.begins() and free:
                events["begin"][engine] = pc, op
                running.append(now)
            if old and room >> number & 1 and self.ends():
                events["end"][engine] = None
                running.popleft()
                self.ended.append(self.bench.cycle + 1)
            for name in ("waits", "stalls"):
                if self.rng.randrange(2):
                    events[name][engine] = None
        ports = {"begin": "marks", "end": "mark_ends", "waits": "waits", "stalls": "stalls"}
        for event, port in ports.items():
            bits = sum(1 << ENGINES.index(engine) for engine in events[event])
            getattr(dut, port).value = bits
        self.cycles.append(events)
        await self.bench.tick()

    def turns(self):
        """The engines of the records, in the order in which they left."""
        return [word >> 32 & 0xFF for word in self.o.words]

    async def finish(self, limit=400):
        """All that has begun ends."""
        self.begins, self.ends = (lambda: False), (lambda: True)
        end = self.bench.cycle + limit
        while self.o.count < len(self.ended) or any(self.running.values()):
            assert self.bench.cycle < end, "records do not come"
            await self.tick()
        for _ in range(5):
            await self.tick()
        records = {engine: [] for engine in ENGINES}
        for number, word in zip(self.turns(), self.o.words, strict=True):
            records[ENGINES[number]].append(word)
        assert records == trace(self.cycles)
        assert self.o.count


def yes():
    return True


@cocotb.test()
async def alone(dut):
    """Each engine by itself: a record in 2 cycles, each 2 cycles after the end."""
    for engine in ENGINES:
        tracing = Tracing(dut, begins=yes, ends=yes, engines=(engine,))
        await tracing.start()
        for _ in range(40):
            await tracing.tick()
        await tracing.finish()
        assert tracing.o.offered == [cycle + 2 for cycle in tracing.ended]
        gaps = {late - early for early, late in pairwise(tracing.ended)}
        if tracing.flight > 2:
            assert min(gaps) == 2


@cocotb.test()
async def throughput(dut):
    """A record a cycle, of all engines in turn."""
    tracing = Tracing(dut, begins=yes, ends=yes)
    await tracing.start()
    for _ in range(80):
        await tracing.tick()
    taken = tracing.o.accepted[4:60]
    assert taken == list(range(taken[0], taken[0] + len(taken)))
    assert tracing.turns()[:40] == [0, 1, 2, 3] * 10
    await tracing.finish()


@cocotb.test()
async def room(dut):
    """An engine without room for its record ends nothing more, and loses nothing."""
    blocked = [always]
    tracing = Tracing(dut, begins=yes, ends=yes, out=lambda: blocked[0]())
    await tracing.start()
    for _ in range(30):
        await tracing.tick()
    assert len(tracing.ended) == len(ENGINES) + 1
    assert dut.mark_room.value == 0
    blocked[0] = never
    await tracing.finish()
    assert tracing.turns()[:5] == [0, 1, 2, 3, 0]


@cocotb.test()
@cocotb.parametrize(begins=[20, 80], ends=[20, 80], out=[0, 70], clear=[0, 1])
async def random(dut, begins, ends, out, clear):
    tracing = Tracing(dut, begins=yes, ends=yes)
    rng = tracing.rng
    tracing.begins, tracing.ends = (
        (lambda share=share: rng.randrange(100) < share) for share in (begins, ends)
    )
    tracing.sink._stall = stalls(out, rng)
    await tracing.start(clear=bool(clear))
    for _ in range(300):
        await tracing.tick()
    await tracing.finish(2000)


@cocotb.test()
async def outputs_come_from_registers(dut):
    tracing = Tracing(dut, begins=yes, ends=yes)
    tracing.sink._stall = stalls(50, tracing.rng)
    await tracing.start()
    inputs = ["marks", "mark_ends", "waits", "stalls", "clear", "o_ready"]
    for _ in range(30):
        await tracing.tick()
        await check_no_paths(tracing.bench, inputs, ["mark_room", "o_valid", "o_payload"])
    await tracing.finish()


@cocotb.test()
async def reset(dut):
    """Neither instructions nor records are left, and cycles begin at 0."""
    for cycles in (1, 2, 3, 5, 9, 30):
        tracing = Tracing(dut, begins=yes, ends=yes, out=always if cycles % 2 else never)
        await tracing.start()
        for _ in range(cycles):
            await tracing.tick()
        tracing = Tracing(dut, begins=yes, ends=yes)
        await tracing.start()
        for _ in range(10):
            await tracing.tick()
        await tracing.finish()
