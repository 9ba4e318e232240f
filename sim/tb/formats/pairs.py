"""Testbench of the marks of pairs."""

import cocotb

from ...designs._operand_types import Side
from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Recorder, Scoreboard, Sink, Source, always, never, sparse, stalls
from ...lib.trace import join, split


class Marks:
    """The unit between a source of random words, many of their codes marks, and a sink."""

    def __init__(self, dut, words, stall_in=never, stall_out=never):
        unit = manifest()
        params = unit.parameters
        self.bench, self.board = Bench(dut), Scoreboard()
        self.lanes, self.bits = params["lanes"], Side(params["format"]).bits
        self.mark = 1 << (self.bits - 1)
        self.words = [self.word() for _ in range(words)]
        i, o = unit.streams["i"], unit.streams["o"]
        self.source = Source(dut, i, self.words, stall_in)
        self.sink = Sink(dut, o, stall_out)
        self.i, self.o = Recorder(dut, "i", i), Recorder(dut, "o", o)

    def word(self):
        rng = self.bench.rng
        # Codes next to the mark, which are none, and any.
        near = [self.mark, self.mark, self.mark | 1, self.mark >> 1, 0, 2 * self.mark - 1]
        codes = [
            rng.choice([*near, *(rng.getrandbits(self.bits) for _ in near)])
            for _ in range(self.lanes)
        ]
        return join(codes, self.bits)

    async def start(self):
        await self.bench.reset()
        self.bench.agents = [self.source, self.sink, self.i, self.o]

    async def finish(self, limit):
        """Run until all words have left, and a while longer; check them."""
        wanted = len(self.words) // 2 * 2
        await self.bench.run(lambda: self.o.count >= wanted and self.source.done, limit)
        for _ in range(10):
            await self.bench.tick()
        assert self.i.words == self.words
        pairs = zip(self.i.words[::2], self.i.words[1::2], strict=False)
        for pair in pairs:
            for word, neighbour in (pair, pair[::-1]):
                lanes = [split(w, self.bits, self.lanes) for w in (word, neighbour)]
                self.board.expect(
                    join(
                        [
                            code | (beside == self.mark) << self.bits
                            for code, beside in zip(*lanes, strict=True)
                        ],
                        self.bits + 1,
                    )
                )
        for word in self.o.words:
            self.board.check(word)
        self.board.finish()


@cocotb.test()
@cocotb.parametrize(inputs=[0, 30, 70], outputs=[0, 30, 70])
async def random_stalls(dut, inputs, outputs):
    marks = Marks(dut, 300)
    marks.source._stall = stalls(inputs, marks.bench.rng)
    marks.sink._stall = stalls(outputs, marks.bench.rng)
    await marks.start()
    await marks.finish(5000)


@cocotb.test()
async def throughput(dut):
    """One word a cycle, from the first on."""
    marks = Marks(dut, 60)
    await marks.start()
    await marks.finish(100)
    for recorder in (marks.i, marks.o):
        assert recorder.accepted == list(range(recorder.accepted[0], recorder.accepted[0] + 60))


@cocotb.test()
@cocotb.parametrize(words=[1, 2, 3], cycles=[1, 2, 7])
async def latency(dut, words, cycles):
    """Two cycles, but the first of a pair one cycle after the second if this came later."""
    marks = Marks(dut, 60, stall_in=sparse(words, cycles))
    await marks.start()
    await marks.finish(1000)
    came = marks.i.accepted
    left = [
        max(first + 2, second + 1) if word == 0 else second + 2
        for first, second in zip(came[::2], came[1::2], strict=True)
        for word in (0, 1)
    ]
    assert marks.o.offered == left


@cocotb.test()
async def half_a_pair(dut):
    """The first word of a pair waits for the second."""
    marks = Marks(dut, 7)
    await marks.start()
    await marks.finish(100)
    assert marks.o.count == 6


@cocotb.test()
async def reset(dut):
    """A reset gives up words, and half a pair."""
    for count in range(1, 8):
        for cycles in (count, count + 1, count + 6):
            for stall in (never, always):
                marks = Marks(dut, count, stall_out=stall)
                await marks.start()
                for _ in range(cycles):
                    await marks.bench.tick()
                marks = Marks(dut, 6)
                await marks.start()
                await marks.finish(60)


@cocotb.test()
async def ready_alone_depends_on_ready(dut):
    """Of the inputs ``o.ready`` alone has an effect within the cycle, and on ``i.ready`` alone."""
    marks = Marks(dut, 100)
    marks.source._stall = stalls(40, marks.bench.rng)
    marks.sink._stall = stalls(40, marks.bench.rng)
    await marks.start()
    for _ in range(60):
        await marks.bench.tick()
        outputs = ["o_valid", "o_payload"]
        await check_no_paths(marks.bench, ["i_payload", "i_valid"], ["i_ready", *outputs])
        await check_no_paths(marks.bench, ["o_ready"], outputs)
    await marks.finish(1000)
