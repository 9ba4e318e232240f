"""Testbench of the reader of entries."""

import cocotb

from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Recorder, Source, never, sparse, stalls
from ...lib.trace import join
from ._words import fields_of, word_of


class Reader:
    """The unit after a source of spans; entries leave whenever they are there.

    Parameters
    ----------
    spans : list of tuple
        Start and end of each column.
    """

    def __init__(self, dut, spans, stall_in=never):
        unit = manifest()
        self.given, self.stream = unit.parameters, unit.streams["i"]
        self.dut, self.bench = dut, Bench(dut)
        self.bits = (self.given["index_width"] + self.given["run_length_width"]) * self.given[
            "lanes"
        ]
        groups_per_word = self.given["groups_per_word"]
        count = max(2, -(-self.given["groups"] // groups_per_word)) * groups_per_word
        self.groups = [self.bench.rng.getrandbits(self.bits) for _ in range(count)]
        act_width = self.given["act_width"]
        self.words = [
            word_of(self.stream, act=self.bench.rng.getrandbits(act_width), start=start, end=end)
            for start, end in spans
        ]
        self.stall_in = stall_in
        #: What left, and in which cycle.
        self.left, self.cycles = [], []

    async def start(self):
        dut, bench, groups_per_word = self.dut, self.bench, self.given["groups_per_word"]
        source = Source(dut, self.stream, self.words, self.stall_in)
        self.i = Recorder(dut, "i", self.stream)
        dut.write.value = 0
        await bench.reset()
        for address in bench.rng.sample(
            range(len(self.groups) // groups_per_word), len(self.groups) // groups_per_word
        ):
            first = address * groups_per_word
            dut.write.value, dut.address.value = 1, address
            dut.word.value = join(self.groups[first : first + groups_per_word], self.bits)
            await bench.tick()
        dut.write.value = 0
        dut.word.value = 0
        bench.agents = [source, self.i, self]

    def step(self, cycle):
        dut = self.dut
        if dut.valid.value:
            assert dut.busy.value, f"cycle {cycle}: not busy, with an entry"
            self.left.append((bool(dut.first.value), int(dut.group.value), int(dut.act.value)))
            self.cycles.append(cycle)
        came = self.i.count - (self.i.accepted[-1:] == [cycle])
        if len(self.left) < sum(map(self.length, self.i.words[:came])):
            assert dut.busy.value, f"cycle {cycle}: not busy, with entries on their way"

    def length(self, word):
        pieces = fields_of(self.stream, word)
        return pieces["end"] - pieces["start"]

    def expected(self):
        groups = []
        for word in self.words:
            pieces = fields_of(self.stream, word)
            for at in range(pieces["start"], pieces["end"]):
                groups.append((at == pieces["start"], self.groups[at], pieces["act"]))
        return groups

    async def finish(self, limit):
        await self.bench.run(lambda: self.i.count >= len(self.words), limit)
        # Two words' groups may be left.
        for _ in range(2 * self.given["groups_per_word"] + 6):
            await self.bench.tick()
        assert self.left == self.expected()
        assert not self.dut.busy.value


def spans_of(rng, count, longest, empty=0.0):
    """Random spans: next to words' boundaries, at the ends of the memory, of 0 to all entries."""
    params = manifest().parameters
    most = params["groups"]
    spans = [(0, most), (most - 1, most), (0, 1)]
    while len(spans) < count:
        start = rng.randrange(most)
        if rng.randrange(3) == 0:
            start = min(
                most - 1, max(0, start // params["groups_per_word"] * params["groups_per_word"] - 1)
            )
        length = rng.randint(1, min(longest, most - start))
        spans.append((start, start if rng.random() < empty else start + length))
    return spans


@cocotb.test()
@cocotb.parametrize(longest=[1, 3, 40])
async def throughput(dut, longest):
    """A group in every cycle, whatever the columns' lengths and places."""
    rng = Bench(dut).rng
    reader = Reader(dut, spans_of(rng, 80, longest))
    await reader.start()
    await reader.finish(len(reader.expected()) + 20)
    first = reader.cycles[0]
    assert reader.cycles == list(range(first, first + len(reader.left)))


@cocotb.test()
async def empty_columns_take_a_cycle(dut):
    """Among columns with one entry each."""
    rng, most = Bench(dut).rng, manifest().parameters["groups"]
    spans = [(at, at + rng.randrange(2)) for at in rng.choices(range(most), k=90)]
    spans[0] = spans[-1] = (0, 1)
    reader = Reader(dut, spans)
    await reader.start()
    await reader.finish(120)
    first = reader.cycles[0]
    assert reader.cycles == [first + n for n, (start, end) in enumerate(spans) if start != end]


@cocotb.test()
async def latency(dut):
    """The first entry leaves 2 cycles after its column came."""
    params = manifest().parameters
    rng = Bench(dut).rng
    spans = [(at, at + 1) for at in rng.choices(range(params["groups"]), k=20)]
    reader = Reader(dut, spans, sparse(1, 5))
    await reader.start()
    await reader.finish(200)
    assert reader.cycles == [cycle + 2 for cycle in reader.i.accepted]


@cocotb.test()
@cocotb.parametrize(inputs=[0, 30, 70], longest=[1, 3, 40], empty=[0, 0.5])
async def random_spans(dut, inputs, longest, empty):
    rng = Bench(dut).rng
    reader = Reader(dut, spans_of(rng, 120, longest, empty), stalls(inputs, rng))
    await reader.start()
    await reader.finish(20 * (len(reader.expected()) + len(reader.words)) + 100)


@cocotb.test()
async def reset(dut):
    """A reset gives up what is left of a column."""
    rng = Bench(dut).rng
    for cycles in range(1, 9):
        reader = Reader(dut, spans_of(rng, 9, 40))
        await reader.start()
        for _ in range(cycles):
            await reader.bench.tick()
        dut.i_valid.value = 0
        reader.bench.agents = []
        await reader.bench.reset()
        await reader.bench.tick()
        assert not dut.valid.value
        assert not dut.busy.value
        reader = Reader(dut, spans_of(rng, 20, 40))
        await reader.start()
        await reader.finish(len(reader.expected()) + 60)


@cocotb.test()
async def outputs_come_from_registers(dut):
    """All but ``ready``, which depends on the column that waits."""
    rng = Bench(dut).rng
    reader = Reader(dut, spans_of(rng, 99, 9, 0.2), stalls(40, rng))
    await reader.start()
    for _ in range(40):
        await reader.bench.tick()
        inputs = ["i_payload", "i_valid", "write", "address", "word"]
        await check_no_paths(reader.bench, inputs, ["valid", "first", "group", "act", "busy"])
        await check_no_paths(reader.bench, ["i_valid", *inputs[2:]], ["i_ready"])
