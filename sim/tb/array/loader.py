"""Testbench of the loader."""

import cocotb

from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Monitor, Source, never, stalls


class Chain:
    """The registers that the loader fills, and the wavefront that takes sets out of them.

    Knows in each cycle exactly what the loader has to do, and checks in the end what counts:
    that each register gave up its own word of each set.
    """

    def __init__(self, dut, wish):
        self.dut, self.wish = dut, wish
        self.steps = manifest().parameters["steps"]
        self.registers = [None] * self.steps
        self.held = self.word = None
        self.loaded, self.take, self.step_of_set = False, False, 0
        self.left = []  # (register, word) as the wavefront passes
        self.takes = []
        dut.take.value = 0

    def step(self, cycle):
        dut = self.dut
        if self.take:
            self.takes.append(cycle)
        if self.takes and cycle - self.takes[-1] < self.steps:
            register = cycle - self.takes[-1]
            self.left.append((register, self.registers[register]))
        # A word is moved one cycle after it was accepted, or once the old set has been taken.
        moves = self.held is not None and (not self.loaded or self.take)
        shift = (2 << self.step_of_set) - 1 if moves else 0
        assert int(dut.loaded.value) == self.loaded, f"cycle {cycle}: loaded"
        assert int(dut.shift.value) == shift, (
            f"cycle {cycle}: shift is {int(dut.shift.value):#x} instead of {shift:#x}"
        )
        assert int(dut.i_ready.value) == (self.held is None or moves), f"cycle {cycle}: i_ready"
        completes = moves and self.step_of_set == self.steps - 1
        soon = completes or (self.loaded and not self.take)
        assert bool(dut.soon.value) == soon, f"cycle {cycle}: soon"
        if moves:
            assert int(dut.word.value) == self.held, f"cycle {cycle}: another word"
        before = [self.held, *self.registers]
        self.registers = [
            before[n] if shift >> n & 1 else self.registers[n] for n in range(self.steps)
        ]
        if self.take:
            self.loaded = False
        if moves:
            self.step_of_set = (self.step_of_set + 1) % self.steps
            self.loaded = self.step_of_set == 0
        if dut.i_ready.value:
            self.held = int(dut.i_payload.value) if dut.i_valid.value else None
        self.take = self.loaded and not self.wish()
        dut.take.value = int(self.take)


async def run(dut, sets, stall_in, stall_out):
    bench = Bench(dut)
    unit = manifest()
    width, steps = unit.parameters["width"], unit.parameters["steps"]
    words = [bench.rng.getrandbits(width) for _ in range(sets * steps)]
    stream = unit.streams["i"]
    source = Source(dut, stream, words, stalls(stall_in, bench.rng))
    chain = Chain(dut, stalls(stall_out, bench.rng) if stall_out else never)
    await bench.reset()
    bench.agents = [source, Monitor(dut, "i", stream), chain]
    await bench.run(lambda: len(chain.left) >= sets * steps, 40 * len(words) + 200)
    for _ in range(steps + 5):
        await bench.tick()
    assert len(chain.takes) == sets
    actual = [[word for n, word in chain.left if n == register] for register in range(steps)]
    # The word for the last register comes first.
    assert actual == [words[steps - 1 - n :: steps] for n in range(steps)]
    return chain


@cocotb.test()
@cocotb.parametrize(inputs=[0, 30, 70], outputs=[0, 30, 70])
async def random_stalls(dut, inputs, outputs):
    """Every register gives up its word of every set, while the next are loaded behind it."""
    await run(dut, 25, inputs, outputs)


@cocotb.test()
async def throughput(dut):
    """Sets follow each other every ``steps`` cycles."""
    chain = await run(dut, 12, 0, 0)
    steps = chain.steps
    assert {b - a for a, b in zip(chain.takes, chain.takes[1:], strict=False)} == {steps}


@cocotb.test()
async def late_takes(dut):
    """A set is taken long after it was loaded; so long the next word waits."""
    chain = await run(dut, 8, 0, 90)
    assert max(b - a for a, b in zip(chain.takes, chain.takes[1:], strict=False)) > chain.steps


@cocotb.test()
async def reset(dut):
    """A reset forgets a set, or a part of one."""
    unit = manifest()
    stream = unit.streams["i"]
    for count in range(1, unit.parameters["steps"] + 2):
        bench = Bench(dut)
        chain = Chain(dut, lambda: True)
        source = Source(dut, stream, [0] * count)
        await bench.reset()
        bench.agents = [source, chain]
        for _ in range(count + 3):
            await bench.tick()
        await run(dut, 2, 0, 0)


@cocotb.test()
async def ready_depends_on_take_alone(dut):
    bench = Bench(dut)
    stream = manifest().streams["i"]
    width = manifest().parameters["width"]
    chain = Chain(dut, stalls(50, bench.rng))
    words = (bench.rng.getrandbits(width) for _ in range(1000))
    await bench.reset()
    bench.agents = [Source(dut, stream, words, stalls(30, bench.rng)), chain]
    for _ in range(60):
        await bench.tick()
        outputs = ["i_ready", "loaded", "soon", "shift", "word"]
        await check_no_paths(bench, ["i_valid", "i_payload"], outputs)
        await check_no_paths(bench, ["take"], ["loaded", "word"])
