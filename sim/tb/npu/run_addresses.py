"""Testbench of the addresses of runs."""

import cocotb

from ...golden.npu.run_addresses import run_addresses
from ...lib.bench import Bench, manifest
from ...lib.streams import Monitor, Recorder, Scoreboard, Sink, Source, never, sparse, stalls
from ._moves import fields_of, word_of


class Runs:
    """The unit between a source of instructions and a sink, with a scoreboard."""

    def __init__(self, dut, stall_in=never, stall_out=never):
        unit = manifest()
        self.params = unit.parameters
        self.layout_in, self.layout_out = unit.streams["i"], unit.streams["o"]
        self.bench = Bench(dut)
        self.board = Scoreboard()
        self.jobs = []
        self.source = Source(dut, self.layout_in, self._words(), stall_in)
        self.sink = Sink(dut, self.layout_out, stall_out)
        self.i = Monitor(dut, "i", self.layout_in, self._model)
        self.o = Recorder(dut, "o", self.layout_out)
        self.dut = dut

    def _words(self):
        for job in self.jobs:
            yield word_of(self.layout_in, job)

    def _model(self, word):
        job = fields_of(self.layout_in, word)
        steps = job["step1"], job["step2"]
        addresses = run_addresses(job["base"], job["n1"] + 1, job["n2"] + 1, *steps)
        for address in addresses[:-1]:
            self._expect(job, address, 0)
        self._expect(job, addresses[-1], 1)

    def _expect(self, job, address, last):
        fields = {"address": address, "last": last}
        if self.params["tag_width"]:
            fields["tag"] = job["tag"]
        self.board.expect(word_of(self.layout_out, fields))

    def job(self, n1, n2, **fields):
        """Adds an instruction, random but for the fields that are named."""
        job = {
            field["name"]: self.bench.rng.getrandbits(field["width"])
            for field in self.layout_in["fields"]
        }
        self.jobs.append(job | {"n1": n1 - 1, "n2": n2 - 1} | fields)

    async def run(self, limit):
        # The source takes its first word when it is made.
        self.source.__init__(self.dut, self.layout_in, self._words(), self.source._stall)
        await self.bench.reset()
        self.bench.agents = [self.source, self.sink, self.i, self.o]
        runs = sum((job["n1"] + 1) * (job["n2"] + 1) for job in self.jobs)
        await self.bench.run(lambda: self.o.count >= runs, limit)
        for _ in range(8):
            await self.bench.tick()
        for word in self.o.words:
            self.board.check(word)
        self.board.finish()


@cocotb.test()
async def corners(dut):
    """The most runs of a group and groups, single ones, and addresses that wrap."""
    runs = Runs(dut)
    top = (1 << runs.params["address_width"]) - 1
    runs.job(1, 1)
    runs.job(2, 1, base=top, step1=1)
    runs.job(1, 3, base=top, step2=1)
    runs.job(4096, 1)
    runs.job(1, 4096)
    runs.job(1, 1)
    runs.job(3, 4, step1=0, step2=0)
    await runs.run(9000)


@cocotb.test()
async def throughput(dut):
    """A run a cycle, also from an instruction to the next; the first one after 2 or 3 cycles."""
    runs = Runs(dut)
    for n1, n2 in [(1, 1), (3, 2), (1, 1), (1, 4), (2, 1), (1, 1), (1, 1), (5, 3)] * 4:
        runs.job(n1, n2)
    await runs.run(400)
    first = runs.o.accepted[0]
    assert runs.o.accepted == list(range(first, first + len(runs.o.accepted)))


@cocotb.test()
async def latency(dut):
    """Of an instruction by itself."""
    runs = Runs(dut, sparse(1, 12))
    taken = Recorder(dut, "i", runs.layout_in)
    for _ in range(5):
        runs.job(1, 1)
    runs.bench.agents.append(taken)
    await runs.run(400)
    assert runs.o.count == 5
    gap = runs.o.offered[0] - runs.source.first_accepted
    assert gap == (2 if runs.params["queue"] <= 4 else 3), gap


@cocotb.test()
@cocotb.parametrize(inputs=[0, 60], outputs=[0, 60])
async def random_stalls(dut, inputs, outputs):
    runs = Runs(dut)
    rng = runs.bench.rng
    runs.source._stall, runs.sink._stall = stalls(inputs, rng), stalls(outputs, rng)
    for _ in range(60):
        runs.job(rng.randint(1, 6), rng.randint(1, 5))
    await runs.run(20000)


@cocotb.test()
async def reset(dut):
    """A reset forgets everything."""
    for cycles in (1, 2, 3, 5, 9):
        runs = Runs(dut)
        runs.job(4, 4)
        runs.source.__init__(dut, runs.layout_in, runs._words())
        await runs.bench.reset()
        runs.bench.agents = [runs.source, runs.sink]
        for _ in range(cycles):
            await runs.bench.tick()
        runs = Runs(dut)
        runs.job(2, 3)
        await runs.run(60)
