"""Testbench of the datapath of depthwise windows."""

import cocotb
import numpy as np

from ...golden.npu.depthwise_mac import depthwise_mac
from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Recorder, Sink, Source, always, never, stalls
from ...lib.trace import join
from ._fields import pack

#: Cycles in the queue of steps.
QUEUE = 2
LEVELS = {1: 0, 2: 1, 3: 1, 4: 2, 6: 2, 9: 2}


class Steps:
    """Steps with their words and taps, one by one."""

    def __init__(self, bench, parameters):
        self.rng, self.random = bench.rng, bench.random
        self.lanes, self.depth = parameters["lanes"], parameters["depth"]
        self.dw_x, self.dw_y = parameters["dw_x"], parameters["dw_y"]
        self.steps, self.tap_sets, self.taps = [], [], []
        self.words = [[] for _ in range(self.dw_y)]
        self._window, self._partial = [], set()

    def codes(self, *shape):
        return self.random.integers(-128, 128, (*shape, self.lanes))

    def step(self, *, reads=None, emit=1, inside=1, x=0, first=1, last=1, switch=0, **values):
        """A step; the window has what there is of columns that were read, if it is ``inside``."""
        reads = [1] * self.dw_y if reads is None else reads
        words = values.get("words", self.codes(self.dw_y))
        for k, read in enumerate(reads):
            if read:
                self.words[k].append(words[k])
        self._window = [reads, *self._window][: self.dw_x]
        rows = [int(self.rng.random() < inside) for _ in range(self.dw_y)]
        columns = []
        for age in range(self.dw_x):
            there = age < len(self._window) and all(
                self._window[age][k] for k in range(self.dw_y) if rows[k]
            )
            columns.append(int(there and self.rng.random() < inside))
        if emit and not last:
            self._partial.add(x)
        step = dict(reads=reads, emit=emit, columns=columns, rows=rows, x=x)
        step |= dict(first=first, last=last, switch=switch)
        self.steps.append(step | {"a_zero": values.get("a_zero", -7)})

    def load(self, count=None, taps=None):
        """Taps for the next step with ``switch``: so many of them in any order, others are 0."""
        places = [(k, age) for k in range(self.dw_y) for age in range(self.dw_x)]
        self.rng.shuffle(places)
        places = places[: count or len(places)]
        values = np.zeros((self.dw_y, self.dw_x, self.lanes), np.int64)
        for number, place in enumerate(places):
            values[place] = self.codes() if taps is None else taps
            last = number == len(places) - 1
            self.taps.append((dict(row=place[0], age=place[1], last=last), values[place]))
        self.tap_sets.append(values)

    def some(self, count):
        """Steps of any order that the datapath allows."""
        rng = self.rng
        for number in range(count):
            switch = number == 0 or rng.random() < 0.15
            emit = switch or rng.random() < 0.8
            if switch:
                self.load(rng.randint(1, self.dw_x * self.dw_y))
            first = rng.random() < 0.5 or not self._partial
            x = rng.randrange(min(self.depth, 4))
            if not first:
                x = rng.choice(sorted(self._partial))
            self.step(
                reads=[int(rng.random() < 0.8) for _ in range(self.dw_y)],
                emit=emit,
                inside=rng.choice((0.3, 0.9, 1)),
                x=x,
                first=first,
                last=rng.random() < 0.6,
                switch=switch,
                a_zero=rng.randint(-128, 127),
            )
        self.step()


class Datapath:
    """The unit between sources of steps, words and taps, and a sink; stalls in percent."""

    def __init__(self, dut, steps, bench, *, stall_in=0, stall_words=0, stall_out=0):
        unit = manifest()
        self.bench, self.steps = bench, steps
        streams = unit.streams
        rng = bench.rng
        self.block = never

        def pattern(percent):
            return stalls(percent, rng) if percent else never

        def word(values):
            return join(values, 8)

        self.expected = [
            join(sums, 24)
            for sums in depthwise_mac(
                steps.steps,
                [np.array(w).reshape(-1, steps.lanes) for w in steps.words],
                steps.tap_sets,
            )
        ]
        packed = [
            pack(
                streams["steps"],
                step | {name: join(step[name], 1) for name in ("reads", "columns", "rows")},
            )
            for step in steps.steps
        ]
        out = pattern(stall_out)
        self.sink = Sink(dut, streams["o"], lambda: self.block() or out())
        self.agents = [
            Source(dut, streams["steps"], packed, pattern(stall_in)),
            *(
                Source(dut, streams[f"data_{k}"], map(word, words), pattern(stall_words))
                for k, words in enumerate(steps.words)
            ),
            Source(
                dut,
                streams["taps"],
                [pack(streams["taps"], tap) for tap, _ in steps.taps],
                pattern(stall_words),
            ),
            Source(
                dut,
                streams["data_taps"],
                [word(values) for _, values in steps.taps],
                pattern(stall_words),
            ),
            self.sink,
        ]
        names = ("steps", *(f"data_{k}" for k in range(steps.dw_y)), "taps", "data_taps", "o")
        self.recorders = {name: Recorder(dut, name, streams[name]) for name in names}
        self.o = self.recorders["o"]

    async def start(self):
        await self.bench.reset()
        self.bench.agents = [*self.agents, *self.recorders.values()]

    async def finish(self, limit=20_000):
        await self.bench.run(lambda: self.o.count >= len(self.expected), limit)
        for _ in range(30):
            await self.bench.tick()
        assert len(self.o.words) == len(self.expected), "too many sums"
        assert self.expected, "nothing was checked"
        for number, (actual, right) in enumerate(zip(self.o.words, self.expected, strict=True)):
            assert actual == right, f"sum {number}: {actual:#x} instead of {right:#x}"
        assert self.recorders["steps"].count == len(self.steps.steps)


def begin(dut):
    bench = Bench(dut)
    return bench, Steps(bench, manifest().parameters)


async def run(dut, steps, bench, **options):
    datapath = Datapath(dut, steps, bench, **options)
    await datapath.start()
    await datapath.finish()
    return datapath


@cocotb.test()
async def throughput(dut):
    """A step a cycle, and a sum with exact latency; words of all rows with each."""
    bench, steps = begin(dut)
    steps.load()
    for number in range(100):
        steps.step(switch=number == 0)
    datapath = await run(dut, steps, bench)
    count = steps.dw_x * steps.dw_y
    first = datapath.recorders["data_taps"].accepted[0] + count + 5 + LEVELS[count]
    first = max(first, datapath.recorders["steps"].accepted[0] + QUEUE + 5 + LEVELS[count])
    assert datapath.o.accepted == list(range(first, first + 100))


@cocotb.test()
async def exchange(dut):
    """Of n taps each n + 1 cycles; steps between take none of these."""
    for count in range(1, manifest().parameters["dw_x"] * manifest().parameters["dw_y"] + 1):
        for length in (1, count, count + 1, count + 5):
            bench, steps = begin(dut)
            for _ in range(6):
                steps.load(count)
                for number in range(length):
                    steps.step(switch=number == 0)
            datapath = await run(dut, steps, bench)
            firsts = np.diff(datapath.o.accepted[::length])
            assert set(firsts) == {max(length, count + 1)}, (count, length, firsts)


@cocotb.test()
async def partial_sums(dut):
    """Of one pixel 3 cycles apart, of three a step a cycle; the last pixel, too."""
    bench, steps = begin(dut)
    steps.load()
    depth = steps.depth
    for pixels in ([0], [depth - 1], [0, min(1, depth - 1)], list(range(min(3, depth)))):
        for number in range(5):
            for x in pixels:
                switch = len(steps.steps) == 0
                steps.step(x=x, first=number == 0, last=number == 4, switch=switch)
    datapath = await run(dut, steps, bench)
    gaps = np.diff(datapath.o.accepted).tolist()
    # The first sum of a pixel waits for nothing, the other four wait.
    assert gaps[0] == 13
    if depth >= 3:
        assert gaps[-2:] == [1, 1]


@cocotb.test()
async def extremes(dut):
    """256 products of -128 * -128, and of -128 * 127; sums of 24 bits."""
    for act, tap, a_zero in ((-128, -128, -128), (-128, 127, 127), (127, 127, 127)):
        bench, steps = begin(dut)
        shape = (steps.dw_y, steps.lanes)
        passes = -(-256 // (steps.dw_x * steps.dw_y))
        for number in range(passes):
            steps.load(taps=np.full(steps.lanes, tap))
            flags = dict(first=number == 0, last=number == passes - 1, switch=1)
            steps.step(words=np.full(shape, act), inside=0.8, a_zero=a_zero, **flags)
        await run(dut, steps, bench)


@cocotb.test()
async def room(dut):
    """All sums on their way have room when none is taken; then they come without a gap."""
    bench, steps = begin(dut)
    steps.load()
    for number in range(60):
        steps.step(switch=number == 0)
    datapath = Datapath(dut, steps, bench)
    datapath.block = always
    await datapath.start()
    for _ in range(80):
        await bench.tick()
    datapath.block = never
    await datapath.finish()
    accepted = datapath.o.accepted
    assert accepted == list(range(accepted[0], accepted[0] + 60))


@cocotb.test()
@cocotb.parametrize(inputs=[0, 40], words=[0, 50], outputs=[0, 30, 70])
async def random_stalls(dut, inputs, words, outputs):
    bench, steps = begin(dut)
    steps.some(400)
    await run(dut, steps, bench, stall_in=inputs, stall_words=words, stall_out=outputs)


@cocotb.test()
async def reset(dut):
    """A reset at any time ends all that is on its way; the next steps are right."""
    for cycles in (*range(1, 14), 20, 37, 50):
        bench, steps = begin(dut)
        steps.some(80)
        datapath = Datapath(dut, steps, bench, stall_out=20)
        await datapath.start()
        for _ in range(cycles):
            await bench.tick()
        bench.agents = []
        bench, steps = begin(dut)
        steps.some(25)
        await run(dut, steps, bench)


@cocotb.test()
async def no_paths_within_a_cycle(dut):
    """From a stream to another one; a tap waits for its word."""
    bench, steps = begin(dut)
    steps.some(60)
    datapath = Datapath(dut, steps, bench, stall_in=30, stall_words=30, stall_out=30)
    await datapath.start()
    inputs = ["steps_payload", "steps_valid", "data_0_payload", "data_0_valid", "o_ready"]
    outputs = ["steps_ready", "data_0_ready", "o_valid", "o_payload", "taps_ready"]
    for _ in range(50):
        await bench.tick()
        await check_no_paths(bench, inputs, outputs)
    await datapath.finish()
