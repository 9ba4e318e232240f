"""Testbench of the packer of bytes."""

import cocotb

from ...golden.npu.byte_packer import byte_packer
from ...lib.bench import Bench, manifest
from ...lib.streams import Recorder, Sink, Source, never, stalls
from ._moves import fields_of, word_of


class Packer:
    """The packer between a source of runs and a sink.

    Runs are cut into pieces as LOAD does, whose first word lacks its lowest bytes, or as STORE
    does, whose first word leaves bytes ahead of it.
    """

    def __init__(self, dut, stall_in=never, stall_out=never):
        unit = manifest()
        self.params = unit.parameters
        self.width = self.params["byte_width"]
        self.bytes_in, self.sizes = self.params["in_bytes"], self.params["out_sizes"]
        self.layout_in, self.layout_out = unit.streams["i"], unit.streams["o"]
        self.dut, self.bench = dut, Bench(dut)
        self.stall_in, self.stall_out = stall_in, stall_out
        self.pieces, self.words = [], []
        self.cycles = 0  # of all runs, at least

    def _join(self, values):
        return sum(value << n * self.width for n, value in enumerate(values))

    def run(self, length, move, size):
        """Adds a run: ``move`` is negative for bytes that are skipped."""
        rng = self.bench.rng
        run = [rng.getrandbits(self.width) for _ in range(length)]
        skip, lead = max(0, -move), max(0, move)
        junk = [rng.getrandbits(self.width) for _ in range(skip)]
        padded = junk + run
        pieces = [padded[n : n + self.bytes_in] for n in range(0, len(padded), self.bytes_in)]
        for number, piece in enumerate(pieces):
            tail = [rng.getrandbits(self.width) for _ in range(self.bytes_in - len(piece))]
            fields = {
                "data": self._join(piece + tail),
                "move": 0 if number else move,
                "end": len(piece),
                "last": number == len(pieces) - 1,
                "size": size,
            }
            self.pieces.append(word_of(self.layout_in, fields))
        words = byte_packer(run, lead, self.sizes[size])
        self.words += [
            (self._join(word), len(word), int(number == len(words) - 1))
            for number, word in enumerate(words)
        ]
        self.cycles += max(len(pieces), len(words))

    async def start(self):
        await self.bench.reset()
        self.source = Source(self.dut, self.layout_in, self.pieces, self.stall_in)
        self.sink = Sink(self.dut, self.layout_out, self.stall_out)
        self.i = Recorder(self.dut, "i", self.layout_in)
        self.o = Recorder(self.dut, "o", self.layout_out)
        self.bench.agents = [self.source, self.sink, self.i, self.o]

    async def check(self, limit):
        await self.start()
        await self.bench.run(lambda: self.o.count >= len(self.words), limit)
        for _ in range(6):
            await self.bench.tick()
        words = [fields_of(self.layout_out, word) for word in self.o.words]
        actual = [
            (word["data"] & ((1 << word["count"] * self.width) - 1), word["count"], word["last"])
            for word in words
        ]
        assert actual == self.words

    def random(self, most):
        """Adds a random run."""
        rng = self.bench.rng
        size = rng.randrange(len(self.sizes))
        length = rng.choice([1, rng.randint(1, 8), rng.randint(1, most)])
        skip, lead = -rng.randrange(self.bytes_in), rng.randrange(self.sizes[size])
        self.run(length, rng.choice([0, skip, lead]), size)


@cocotb.test()
async def edges(dut):
    """Runs of all short lengths, with all moves, into words of all sizes."""
    packer = Packer(dut)
    for size, size_bytes in enumerate(packer.sizes):
        for move in range(1 - packer.bytes_in, size_bytes):
            most = packer.bytes_in + size_bytes
            for length in range(1, most + 2) if most < 24 else (1, 2, most - 1, most, most + 1):
                packer.run(length, move, size)
    await packer.check(10 * packer.cycles)


@cocotb.test()
@cocotb.parametrize(side=[-1, 0, 1])
async def throughput(dut, side):
    """A word a cycle at the side with more of them, in each run and from a run to the next."""
    params = manifest().parameters
    bytes_in = params["in_bytes"]
    for size, size_bytes in enumerate(params["out_sizes"]):
        for length in (size_bytes, bytes_in, 3 * size_bytes + 1, 2 * bytes_in + 3, 5):
            packer = Packer(dut)
            most = (bytes_in if side < 0 else size_bytes) - 1
            move = side * packer.bench.rng.randint(0, most)
            for _ in range(12):
                packer.run(length, move, size)
            await packer.check(4 * packer.cycles + 20)
            cycles = packer.o.accepted[-1] - packer.i.accepted[0]
            # Before the first word leaves, two may have to come.
            slack = 1 if side <= 0 or bytes_in >= size_bytes else 12
            assert packer.cycles <= cycles <= packer.cycles + slack, (length, move, cycles)


@cocotb.test()
async def latency(dut):
    """A word comes in the cycle after its last byte."""
    packer = Packer(dut)
    size = len(packer.sizes) - 1
    packer.run(packer.sizes[size], 0, size)
    await packer.check(100)
    assert packer.o.offered[0] == packer.i.accepted[-1] + 1


@cocotb.test()
@cocotb.parametrize(inputs=[0, 60], outputs=[0, 60])
async def random_stalls(dut, inputs, outputs):
    packer = Packer(dut)
    rng = packer.bench.rng
    packer.stall_in, packer.stall_out = stalls(inputs, rng), stalls(outputs, rng)
    for _ in range(200):
        packer.random(4 * packer.bytes_in)
    await packer.check(30 * packer.cycles)


@cocotb.test()
async def reset(dut):
    """A reset forgets the bytes of a run."""
    for cycles in (2, 3, 4, 7):
        packer = Packer(dut)
        for _ in range(10):
            packer.random(30)
        await packer.start()
        for _ in range(cycles):
            await packer.bench.tick()
        packer = Packer(dut)
        packer.run(5, 0, 0)
        packer.run(9, 0, 0)
        await packer.check(200)
