"""Testbench of the PE for weights that are indices of centroids."""

import cocotb

from ...golden import formats
from ...golden.sparse.pe_centroid import pe_centroid
from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Recorder, Sink, Source, never, stalls


class Centroids:
    """The unit with terms of several results."""

    def __init__(self, dut, stall_in=never, stall_out=never):
        self.dut, self.bench = dut, Bench(dut)
        unit = manifest()
        self.rng, params = self.bench.rng, unit.parameters
        self.bins, self.max_k = params["bins"], params["max_k"]
        self.a, self.w = (formats.get(params[f"{side}_format"]) for side in "aw")
        self.fields = {field["name"]: field for field in unit.streams["terms"]["fields"]}
        self.streams, self.stalls = unit.streams, (stall_in, stall_out)
        self.words, self.expected = [], []

    def choose(self, extreme=False):
        """Centroids, in each bit of the port."""
        limits = self.w.lowest, self.w.highest
        self.centroids = [
            self.rng.choice(limits) if extreme else self.rng.randint(*limits)
            for _ in range(self.bins)
        ]
        width = self.w.bits
        self.dut.centroids.value = sum(
            (value & ((1 << width) - 1)) << width * n for n, value in enumerate(self.centroids)
        )

    def result(self, acts, bins, outliers):
        """Terms of a result."""
        weights = [self.rng.randint(self.w.lowest, self.w.highest) for _ in acts]
        for n, (act, each, outlier, weight) in enumerate(
            zip(acts, bins, outliers, weights, strict=True)
        ):
            values = {"act": act, "bin": each, "outlier": outlier, "weight": weight}
            values["last"] = n == len(acts) - 1
            self.words.append(
                sum(
                    (int(values[name]) & ((1 << field["width"]) - 1)) << field["offset"]
                    for name, field in self.fields.items()
                )
            )
        self.expected.append(pe_centroid(acts, bins, outliers, weights, self.centroids))

    def random(self, share, k=None):
        k = k or self.rng.randint(1, min(40, self.max_k))
        self.result(
            [self.rng.randint(self.a.lowest, self.a.highest) for _ in range(k)],
            # Also the bins of outliers are numbers of bins.
            [self.rng.randrange(self.bins) for _ in range(k)],
            [self.rng.random() < share for _ in range(k)],
        )

    async def run(self, *, reset=True):
        if reset:
            await self.bench.reset()
        source = Source(self.dut, self.streams["terms"], self.words, self.stalls[0])
        self.i = Recorder(self.dut, "terms", self.streams["terms"])
        self.o = Recorder(self.dut, "results", self.streams["results"])
        sink = Sink(self.dut, self.streams["results"], self.stalls[1])
        self.bench.agents = [source, sink, self.i, self.o]
        count = len(self.expected)
        limit = 20 * len(self.words) + 20 * count * (self.bins + 10)
        await self.bench.run(lambda: self.o.count >= count, limit)
        for _ in range(self.bins + 10):
            await self.bench.tick()
        sign = 1 << self.streams["results"]["width"] - 1
        assert [(word ^ sign) - sign for word in self.o.words] == self.expected
        self.words, self.expected = [], []


@cocotb.test()
@cocotb.parametrize(stall_in=[0, 60], stall_out=[0, 60])
async def random(dut, stall_in, stall_out):
    """No outliers, some, and nothing else."""
    unit = Centroids(dut)
    unit.stalls = stalls(stall_in, unit.rng), stalls(stall_out, unit.rng)
    for share in (0, 0.1, 1):
        unit.choose(extreme=share == 1)
        for _ in range(10):
            unit.random(share)
        await unit.run(reset=share == 0)


@cocotb.test()
async def extremes(dut):
    """As many terms as there may be, at the limits of both operands, in one bin."""
    unit = Centroids(dut)
    unit.choose(extreme=True)
    for act in (unit.a.lowest, unit.a.highest):
        for each in range(unit.bins):
            k = unit.max_k
            unit.result([act] * k, [each] * k, [False] * k)
        unit.result([act], [0], [True])
    await unit.run()


@cocotb.test()
async def latency_and_throughput(dut):
    """A term a cycle, a result ``bins + 3`` cycles after the last."""
    unit = Centroids(dut)
    unit.choose()
    k = min(20, unit.max_k)
    for _ in range(3):
        unit.random(0.2, k)
    await unit.run()
    for n in range(3):
        first, last = unit.i.accepted[n * k], unit.i.accepted[(n + 1) * k - 1]
        assert last - first == k - 1
        assert unit.o.accepted[n] - last == unit.bins + 3


@cocotb.test()
async def resets(dut):
    """A reset at any time: nothing of before is in the next result."""
    unit = Centroids(dut)
    for moment in range(unit.bins + 30):
        unit.choose()
        unit.random(0.3, min(16, unit.max_k))
        await unit.bench.reset()
        source = Source(dut, unit.streams["terms"], unit.words)
        unit.bench.agents = [source, Sink(dut, unit.streams["results"])]
        for _ in range(moment):
            await unit.bench.tick()
        unit.bench.agents, unit.words, unit.expected = [], [], []
        await unit.bench.reset(any_state=False)
        unit.random(0.3, min(5, unit.max_k))
        await unit.run(reset=False)


@cocotb.test()
async def outputs_come_from_registers(dut):
    unit = Centroids(dut)
    unit.choose()
    await unit.bench.reset()
    outputs = ["terms_ready", "results_valid", "results_payload"]
    for _ in range(20):
        await unit.bench.tick()
        await check_no_paths(unit.bench, ["terms_payload", "terms_valid", "results_ready"], outputs)
