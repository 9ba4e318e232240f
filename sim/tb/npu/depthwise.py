"""Testbench of depthwise windows."""

import cocotb
import numpy as np

from ...golden.npu.depthwise import depthwise, depthwise_cycles
from ...lib.bench import Bench, manifest
from ...lib.streams import Recorder, Sink, Source, never, stalls
from ...lib.trace import join
from ._memory import ReadPort
from ._windows import corner_windows, random_windows, window, window_word

LEVELS = {1: 0, 2: 1, 3: 1, 4: 2, 6: 2, 9: 2}


class Windows:
    """The unit between instructions, a memory for each port, and a sink.

    Parameters
    ----------
    instructions : list of dict
    stall_in, stall_out, stall_ask, stall_answer : int
        Percentages of cycles in which these streams stall.
    latency : list of int or None
        Of the memory behind each port; 2 if not given.
    depth : int
        Requests and words that a memory holds.
    memory : array of codes or None
        Random if not given.
    """

    def __init__(
        self,
        dut,
        instructions,
        *,
        stall_in=0,
        stall_out=0,
        stall_ask=0,
        stall_answer=0,
        latency=None,
        depth=4,
        memory=None,
    ):
        unit = manifest()
        self.bench, self.instructions = Bench(dut), instructions
        self.parameters, streams = unit.parameters, unit.streams
        self.lanes = self.parameters["lanes"]
        rng = self.bench.rng
        if memory is None:
            shape = (1 << self.parameters["address_width"], self.lanes)
            memory = self.bench.random.integers(-128, 128, shape)
        self.memory = memory
        words = [join(word, 8) for word in memory]

        def pattern(percent):
            return stalls(percent, rng) if percent else never

        self.source = Source(
            dut,
            streams["instruction"],
            [window_word(streams["instruction"], fields) for fields in instructions],
            pattern(stall_in),
        )
        self.sink = Sink(dut, streams["o"], pattern(stall_out))
        self.i = Recorder(dut, "instruction", streams["instruction"])
        self.o = Recorder(dut, "o", streams["o"])
        names = (*range(self.parameters["dw_y"]), "taps")
        self.ports = [
            ReadPort(
                dut,
                streams,
                f"read_{name}",
                f"data_{name}",
                words.__getitem__,
                latency=cycles,
                depth=depth,
                stall_ask=pattern(stall_ask),
                stall_answer=pattern(stall_answer),
            )
            for name, cycles in zip(names, latency or [2] * len(names), strict=True)
        ]

    async def start(self):
        await self.bench.reset()
        self.bench.agents = [self.source, self.sink, self.i, self.o, *self.ports]

    def expected(self):
        words = []
        for fields in self.instructions:
            sums = depthwise(self.memory, fields).reshape(-1, self.lanes)
            words += [join(word, 24) for word in sums]
        return words

    async def finish(self):
        expected = self.expected()
        while self.o.count < len(expected):
            before = self._progress()
            for _ in range(500):
                await self.bench.tick()
                if self.o.count >= len(expected):
                    break
            assert self._progress() > before, "the unit has stopped"
        for _ in range(30):
            await self.bench.tick()
        assert len(self.o.words) == len(expected), "too many sums"
        for number, (actual, right) in enumerate(zip(self.o.words, expected, strict=True)):
            assert actual == right, f"sum {number}: {actual:#x} instead of {right:#x}"

    def _progress(self):
        return sum(recorder.count for recorder in (self.o, *(port.asked for port in self.ports)))

    def cycles(self, fields):
        sizes = {name: self.parameters[name] for name in ("dw_x", "dw_y")}
        return depthwise_cycles(fields, **sizes)

    @property
    def taken(self):
        """Cycles from the instruction to the last sum."""
        return self.o.accepted[-1] - self.i.accepted[0]


async def run(dut, instructions, **options):
    windows = Windows(dut, instructions, **options)
    await windows.start()
    await windows.finish()
    return windows


@cocotb.test()
async def corners(dut):
    """Each by itself, in exactly as many cycles as the golden model says."""
    for name, fields in corner_windows(manifest().parameters["depth"]).items():
        cocotb.log.info("%s", name)
        windows = await run(dut, [fields])
        assert windows.taken == windows.cycles(fields)


@cocotb.test()
async def throughput(dut):
    """A step for each output and pass of a 3 x 3 kernel with padding, and few cycles more."""
    parameters = manifest().parameters
    dw_x, dw_y = parameters["dw_x"], parameters["dw_y"]
    fields = window(oh=6, ow=20, ih=6, iw=20, nb=2, a_row=20)
    windows = await run(dut, [fields])
    passes = -(-3 // dw_x) * -(-3 // dw_y)
    taps = min(3, dw_x) * min(3, dw_y)
    if dw_x in (1, 3):
        # The first output waits for its columns, one ahead of it, or for the taps.
        first = max(10 + (dw_x == 3), 5 + taps)
        assert windows.taken == passes * 6 * 20 * 2 + first + 4 + LEVELS[dw_x * dw_y]
    assert windows.taken == windows.cycles(fields)


@cocotb.test()
async def instructions(dut):
    """They follow each other as blocks of an instruction do."""
    fields = window(oh=6, ow=12, ih=6, iw=12, a_blk=0, a_row=12)
    windows = Windows(dut, [fields] * 4)
    await windows.start()
    await windows.finish()
    assert windows.taken == windows.cycles(fields | {"nb": 4})


@cocotb.test()
async def slow_memory(dut):
    """A memory that answers after 9 cycles, not 2, and ports that are apart: 7 cycles, once."""
    fields = window(oh=6, ow=15, ih=6, iw=15, iy0=0, a_row=15, nb=2)
    for latencies in ((9, 9, 9), (2, 4, 6), (6, 2, 4)):
        names = (*range(manifest().parameters["dw_y"]), "taps")
        latencies = dict(zip(range(3), latencies, strict=True)) | {"taps": 9}
        windows = await run(dut, [fields], latency=[latencies[name] for name in names], depth=20)
        assert windows.taken <= windows.cycles(fields) + 7


@cocotb.test()
async def extremes(dut):
    """256 taps of -128, all products as large as they may be."""
    parameters = manifest().parameters
    shape = (1 << parameters["address_width"], parameters["lanes"])
    fields = window(kh=16, kw=16, oh=1, ow=2, iy0=-8, ix0=-8, a_zero=-128)
    windows = await run(dut, [fields], memory=np.full(shape, -128))
    assert set(windows.o.words) == {join([1 << 22] * parameters["lanes"], 24)}


@cocotb.test()
async def random_cycles(dut):
    """Any instruction takes as many cycles as the golden model says."""
    rng = Bench(dut).rng
    for _ in range(20):
        fields = random_windows(rng, manifest().parameters["depth"])
        windows = await run(dut, [fields])
        assert windows.taken == windows.cycles(fields), fields


@cocotb.test()
@cocotb.parametrize(inputs=[0, 50], outputs=[0, 60], reads=[0, 40], words=[0, 40])
async def random_stalls(dut, inputs, outputs, reads, words):
    rng = Bench(dut).rng
    await run(
        dut,
        [random_windows(rng, manifest().parameters["depth"]) for _ in range(6)],
        stall_in=inputs,
        stall_out=outputs,
        stall_ask=reads,
        stall_answer=words,
        latency=[rng.choice((1, 2, 3, 7)) for _ in range(manifest().parameters["dw_y"] + 1)],
        depth=rng.choice((2, 4, 9)),
    )


@cocotb.test()
async def reset(dut):
    """A reset at any time ends all that is on its way; the next instruction is right."""
    rng = Bench(dut).rng
    for cycles in (1, 2, 3, 4, 5, 7, 9, 12, 15, 18, 25, 40, 70):
        fields = [random_windows(rng, manifest().parameters["depth"]) for _ in range(3)]
        windows = Windows(dut, fields, stall_out=20)
        await windows.start()
        for _ in range(cycles):
            await windows.bench.tick()
        windows.bench.agents = []
        fields = window(nb=2)
        windows = await run(dut, [fields])
        assert windows.taken == windows.cycles(fields)
