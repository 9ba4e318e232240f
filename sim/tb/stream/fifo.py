"""Testbench of the queue."""

import cocotb

from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Recorder, Sink, Source, always, never, sparse, stalls


class Queue:
    """The queue between a source of random words and a sink."""

    def __init__(self, dut, words, stall_in=never, stall_out=never):
        unit = manifest()
        self.depth = unit.parameters["depth"]
        self.latency = 1 if self.depth <= 4 else 2
        self.bench = Bench(dut)
        width = unit.parameters["width"]
        self.words = [self.bench.rng.getrandbits(width) for _ in range(words)]
        i, o = unit.streams["i"], unit.streams["o"]
        self.source = Source(dut, i, self.words, stall_in)
        self.sink = Sink(dut, o, stall_out)
        self.i, self.o = Recorder(dut, "i", i), Recorder(dut, "o", o)

    async def start(self):
        await self.bench.reset()
        self.bench.agents = [self.source, self.sink, self.i, self.o]

    async def finish(self, limit):
        await self.bench.run(lambda: self.o.count >= len(self.words), limit)
        for _ in range(10):
            await self.bench.tick()
        assert self.i.words == self.words
        assert self.o.words == self.words, "words came out of order, changed, or too many"


@cocotb.test()
async def latency(dut):
    """An item by itself is offered one cycle later, or two if the queue is deep."""
    queue = Queue(dut, 30, stall_in=sparse(1, 5))
    await queue.start()
    await queue.finish(400)
    late = [o - i for i, o in zip(queue.i.accepted, queue.o.offered, strict=True)]
    assert set(late) == {queue.latency}, late


@cocotb.test()
async def throughput(dut):
    """One item a cycle, from the first on."""
    queue = Queue(dut, 60)
    await queue.start()
    await queue.finish(100)
    for recorder in (queue.i, queue.o):
        assert recorder.accepted == list(range(recorder.accepted[0], recorder.accepted[0] + 60))


@cocotb.test()
async def fills_and_empties(dut):
    """It holds exactly ``depth`` items, and gives them without a gap; several times."""
    depth = manifest().parameters["depth"]
    block = [always]
    queue = Queue(dut, 4 * depth + 20, stall_out=lambda: block[0]())
    await queue.start()
    goal = 0
    for _ in range(3):
        block[0] = always
        for _ in range(depth + 10):
            await queue.bench.tick()
        assert queue.i.count - queue.o.count == depth, (
            f"{queue.i.count - queue.o.count} items instead of {depth}"
        )
        block[0] = never
        goal = queue.o.count + depth
        await queue.bench.run(lambda goal=goal: queue.o.count >= goal, depth + 1)
    await queue.finish(4 * depth + 40)


@cocotb.test()
@cocotb.parametrize(inputs=[0, 30, 70], outputs=[0, 30, 70])
async def random_stalls(dut, inputs, outputs):
    queue = Queue(dut, 400)
    queue.source._stall = stalls(inputs, queue.bench.rng)
    queue.sink._stall = stalls(outputs, queue.bench.rng)
    await queue.start()
    await queue.finish(5000)


@cocotb.test()
async def reset(dut):
    """A reset empties it."""
    for count in (1, 2, 5, 40):
        queue = Queue(dut, count, stall_out=always)
        await queue.start()
        for _ in range(count + 4):
            await queue.bench.tick()
        queue = Queue(dut, 10)
        await queue.start()
        await queue.finish(60)


@cocotb.test()
async def ready_and_valid_come_from_registers(dut):
    queue = Queue(dut, 100)
    queue.source._stall = stalls(40, queue.bench.rng)
    queue.sink._stall = stalls(40, queue.bench.rng)
    await queue.start()
    for _ in range(60):
        await queue.bench.tick()
        inputs = ["i_payload", "i_valid", "o_ready"]
        await check_no_paths(queue.bench, inputs, ["i_ready", "o_valid", "o_payload"])
    await queue.finish(1000)
