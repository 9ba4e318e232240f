"""Testbench of the port that readers share."""

import cocotb

from ...lib.bench import Bench, check_no_paths, manifest, settle
from ...lib.streams import Recorder, Sink, Source, always, never, sparse, stalls


class Port:
    """The port between sources of bursts and a sink; every burst is another."""

    def __init__(self, dut, stall_in=None, stall_out=never, bursts=60):
        unit = manifest()
        params = unit.parameters
        self.dut, self.bench = dut, Bench(dut)
        self.rng = self.bench.rng
        self.count = params["readers"]
        self.width = params["index_width"] + 8
        streams = unit.streams
        names = [f"i_{n}" for n in range(self.count)]
        self.words = [[self.rng.getrandbits(self.width) for _ in range(bursts)] for _ in names]
        stall_in = stall_in or [never] * self.count
        self.sources = [
            Source(dut, streams[name], words, stall)
            for name, words, stall in zip(names, self.words, stall_in, strict=True)
        ]
        self.inputs = [Recorder(dut, name, streams[name]) for name in names]
        self.sink = Sink(dut, streams["o"], stall_out)
        self.o = Recorder(dut, "o", streams["o"])
        self.ids = []
        self.last = self.count - 1
        dut.valid.value = 0

    async def start(self):
        await self.bench.reset()
        self.bench.agents = [self, *self.sources, self.sink, *self.inputs, self.o]

    def step(self, cycle):
        dut = self.dut
        waiting = [n for n in range(self.count) if getattr(dut, f"i_{n}_valid").value]
        accepted = [n for n in waiting if getattr(dut, f"i_{n}_ready").value]
        if accepted:
            # The next one in the circle after the one that went last.
            turn = min(waiting, key=lambda n: (n - self.last - 1) % self.count)
            assert accepted == [turn], f"cycle {cycle}: {accepted} went instead of {turn}"
            self.last = turn
        if dut.o_valid.value and dut.o_ready.value:
            self.ids.append(int(dut.id.value))

    async def finish(self, limit=5000):
        total = sum(len(words) for words in self.words)
        await self.bench.run(lambda: self.o.count >= total, limit)
        for _ in range(10):
            await self.bench.tick()
        assert self.o.count == total
        actual = [[] for _ in self.words]
        for number, word in zip(self.ids, self.o.words, strict=True):
            actual[number].append(word)
        assert actual == self.words


@cocotb.test()
async def throughput(dut):
    """A burst a cycle, also of one reader alone, and offered in the cycle after it was taken."""
    port = Port(dut)
    await port.start()
    await port.finish()
    accepted = sorted(cycle for recorder in port.inputs for cycle in recorder.accepted)
    assert accepted == list(range(accepted[0], accepted[0] + len(accepted)))
    assert port.o.accepted == [cycle + 1 for cycle in accepted]
    for alone in range(port.count):
        stall = [never if n == alone else always for n in range(port.count)]
        port = Port(dut, stall, bursts=20)
        port.words = [words if n == alone else [] for n, words in enumerate(port.words)]
        await port.start()
        await port.finish()
        assert port.o.accepted == list(range(port.o.accepted[0], port.o.accepted[0] + 20))


@cocotb.test()
@cocotb.parametrize(inputs=[20, 70, 95], outputs=[0, 60])
async def random_stalls(dut, inputs, outputs):
    port = Port(dut)
    for source in port.sources:
        source._stall = stalls(inputs, port.rng)
    port.sink._stall = stalls(outputs, port.rng)
    await port.start()
    await port.finish(20000)


@cocotb.test()
async def fair(dut):
    """However fast the others are, each has its turn after all of them at the latest."""
    port = Port(dut, stall_out=sparse(1, 2))
    await port.start()
    await port.finish()
    for at in range(0, len(port.ids) - port.count, port.count):
        assert sorted(port.ids[at : at + port.count]) == list(range(port.count))


@cocotb.test()
async def data(dut):
    """They are for the reader of that ID alone, within the cycle."""
    port = Port(dut)
    await port.start()
    for _ in range(200):
        await port.bench.tick()
        number, valid = port.rng.randrange(1 << len(dut.of)), port.rng.randrange(2)
        dut.of.value, dut.valid.value = number, valid
        await settle()
        assert dut.to.value == (valid << number & (1 << port.count) - 1)


@cocotb.test()
async def reset(dut):
    """A burst that was on its way is forgotten, and the first reader is first again."""
    for cycles in (1, 2, 3, 5):
        port = Port(dut, stall_out=always)
        await port.start()
        for _ in range(cycles):
            await port.bench.tick()
        port = Port(dut, bursts=5)
        await port.start()
        await port.finish()
        assert port.ids[: port.count] == list(range(port.count))


@cocotb.test()
async def offers_come_from_registers(dut):
    port = Port(dut, stall_out=sparse(1, 1))
    await port.start()
    inputs = [f"i_{n}_{unit_}" for n in range(port.count) for unit_ in ("payload", "valid")]
    for _ in range(40):
        await port.bench.tick()
        await check_no_paths(port.bench, [*inputs, "o_ready"], ["o_payload", "o_valid", "id"])
