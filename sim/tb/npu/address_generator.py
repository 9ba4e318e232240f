"""Testbench of the addresses of nested loops."""

from dataclasses import dataclass
from itertools import pairwise

import cocotb
import numpy as np

from ...golden.npu.address_generator import address_generator
from ...host.packing import integers, pack_fields
from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Recorder, Scoreboard, Sink, Source, always, never, sparse, stalls

#: Cycles from loops to their first address.
LATENCY = 2


@dataclass(frozen=True, kw_only=True)
class Loops:
    """Loops as the unit takes them, counts and bounds less one; ``bounds`` by direction."""

    base: int
    counts: list[int]
    steps: list[int]
    bounds: dict[str, tuple[int, list[int], int]]

    @property
    def iterations(self):
        return int(np.prod(np.add(self.counts, 1)))


class Generator:
    """The unit between loops and a sink that compares their addresses."""

    def __init__(self, dut, stall_in=never, stall_out=never):
        unit = manifest()
        self.dut, self.bench, self.streams = dut, Bench(dut), unit.streams
        self.rng, self.params = self.bench.rng, unit.parameters
        self.stall_in, self.stall_out = stall_in, stall_out

    @property
    def directions(self):
        return {
            name: self.params[f"{name}_width"]
            for name in ("row", "column")
            if self.params[f"{name}_width"]
        }

    def random(self, iterations=40):
        """Loops with at most so many iterations, and bounds that cut some of them off."""
        rng, levels = self.rng, self.params["levels"]
        counts, left = [0] * levels, iterations
        for level in rng.sample(range(levels), levels):
            most = min(left, 1 << self.params["count_width"])
            counts[level] = rng.randint(1, rng.choice([1, most, most])) - 1
            left //= counts[level] + 1
        bounds = {}
        for name, width in self.directions.items():
            half = 1 << (width - 1)
            near = min(3, half - 1)
            bounds[name] = (
                rng.choice([rng.randint(-near, near), rng.randrange(-half, half)]),
                [rng.choice([0, 1, rng.randrange(-half, half)]) for _ in range(levels)],
                rng.choice([rng.randint(0, near), rng.randrange(half)]),
            )
        width = self.params["address_width"]
        return Loops(
            base=rng.getrandbits(width),
            counts=counts,
            steps=[rng.choice([0, 1, rng.getrandbits(width)]) for _ in range(levels)],
            bounds=bounds,
        )

    def _word(self, loops):
        values = {"base": loops.base, "counts": loops.counts, "steps": loops.steps}
        for name, (start, steps, bound) in loops.bounds.items():
            values |= {name: start, f"{name}_steps": steps, f"{name}s": bound}
        values = {name: np.array([value]) for name, value in values.items()}
        return integers(pack_fields(values, self.streams["i"]["fields"]))[0]

    def expect(self, loops):
        """The words that loops become."""
        bounds = [
            (start, steps, bound + 1, self.directions[name])
            for name, (start, steps, bound) in loops.bounds.items()
        ]
        counts, width = np.add(loops.counts, 1), self.params["address_width"]
        model = address_generator(loops.base, counts, loops.steps, width, bounds)
        return integers(pack_fields(model, self.streams["o"]["fields"]))

    async def start(self, jobs):
        self.jobs = jobs
        board = Scoreboard()
        for loops in jobs:
            for word in self.expect(loops):
                board.expect(word)
        words = [self._word(loops) for loops in jobs]
        self.source = Source(self.dut, self.streams["i"], words, self.stall_in)
        self.sink = Sink(self.dut, self.streams["o"], self.stall_out)
        self.i = Recorder(self.dut, "i", self.streams["i"])
        self.o = Recorder(self.dut, "o", self.streams["o"])
        self.o._transferred = lambda word: (self.o._keep(word), board.check(word))
        self.board = board
        await self.bench.reset()
        self.bench.agents = [self.source, self.sink, self.i, self.o]

    async def finish(self, limit):
        total = sum(loops.iterations for loops in self.jobs)
        await self.bench.run(lambda: self.o.count >= total, limit)
        for _ in range(10):
            await self.bench.tick()
        assert self.i.count == len(self.jobs)
        assert self.o.count == total
        self.board.finish()


@cocotb.test()
async def corners(dut):
    """One iteration, each level alone up to its largest count, all steps, bounds at the ends."""
    unit = Generator(dut)
    levels, width = unit.params["levels"], unit.params["address_width"]
    most = (1 << unit.params["count_width"]) - 1
    ones = (1 << width) - 1
    jobs = []
    for level in range(levels):
        for count in {0, 1, most - 1, most}:
            for step in (0, 1, ones, 1 << (width - 1)) if count < 16 else (ones - level,):
                counts, steps = [0] * levels, [ones] * levels
                counts[level], steps[level] = count, step
                bounds = {}
                for name, bits in unit.directions.items():
                    half = 1 << (bits - 1)
                    strides = [1] * levels
                    bounds[name] = (-min(half, 3), strides, min(half - 1, max(0, count - 5)))
                jobs.append(
                    Loops(
                        base=unit.rng.getrandbits(width), counts=counts, steps=steps, bounds=bounds
                    )
                )
    for start, step, bound in ((-1, 1, 0), (0, -1, 0), (1, 0, 0), (1, 0, 1), (-2, 1, 1)):
        bounds = {name: (start, [step] * levels, bound) for name in unit.directions}
        jobs.append(Loops(base=0, counts=[1] * levels, steps=[1] * levels, bounds=bounds))
    await unit.start(jobs)
    await unit.finish(2 * sum(loops.iterations for loops in jobs) + 100)


@cocotb.test()
async def latency(dut):
    """The first address is offered 2 cycles after its loops."""
    unit = Generator(dut, stall_in=sparse(1, 40))
    await unit.start([unit.random(20) for _ in range(12)])
    await unit.finish(1000)
    firsts = np.cumsum([0, *(loops.iterations for loops in unit.jobs[:-1])])
    begins = [unit.o.offered[first] for first in firsts]
    late = [o - i for i, o in zip(unit.i.accepted, begins, strict=True)]
    assert set(late) == {LATENCY}, late


@cocotb.test()
async def throughput(dut):
    """An address a cycle, from loops to the next ones too, also of one iteration."""
    unit = Generator(dut)
    jobs = [unit.random(iterations) for iterations in [40, 1, 1, 1, 7, 2, 2, 1, 30, 1, 3]]
    await unit.start(jobs)
    await unit.finish(300)
    assert unit.o.accepted[0] - unit.i.accepted[0] == LATENCY
    assert {late - early for early, late in pairwise(unit.o.accepted)} == {1}


@cocotb.test()
@cocotb.parametrize(inputs=[0, 60], outputs=[0, 30, 80])
async def random_loops(dut, inputs, outputs):
    unit = Generator(dut)
    unit.stall_in, unit.stall_out = stalls(inputs, unit.rng), stalls(outputs, unit.rng)
    await unit.start([unit.random(unit.rng.choice([1, 4, 60])) for _ in range(80)])
    await unit.finish(40000)


@cocotb.test()
async def resets(dut):
    """At any moment: nothing of the loops is left."""
    for cycles in range(16):
        unit = Generator(dut, stall_out=always if cycles % 2 else never)
        await unit.start([unit.random(9) for _ in range(8)])
        for _ in range(cycles):
            await unit.bench.tick()
        unit = Generator(dut)
        await unit.start([unit.random(9) for _ in range(3)])
        await unit.bench.tick()
        assert not dut.o_valid.value
        assert dut.i_ready.value
        await unit.finish(100)


@cocotb.test()
async def outputs_come_from_registers(dut):
    unit = Generator(dut)
    unit.stall_in, unit.stall_out = stalls(40, unit.rng), stalls(40, unit.rng)
    await unit.start([unit.random(9) for _ in range(12)])
    for _ in range(60):
        await unit.bench.tick()
        inputs, outputs = ["i_payload", "i_valid", "o_ready"], ["i_ready", "o_valid", "o_payload"]
        await check_no_paths(unit.bench, inputs, outputs)
    await unit.finish(1000)
