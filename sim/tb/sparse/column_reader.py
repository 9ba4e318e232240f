"""Testbench of the reader of pointers."""

import cocotb

from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Recorder, Sink, Source, always, never, sparse, stalls
from ._words import fields_of, word_of


class Reader:
    """The unit between a source of columns and a sink.

    Parameters
    ----------
    empty : float
        The share of columns without entries.
    """

    def __init__(self, dut, empty, stall_in=never, stall_out=never):
        unit = manifest()
        self.given, self.streams = unit.parameters, unit.streams
        self.dut, self.bench = dut, Bench(dut)
        rng, most = self.bench.rng, self.given["groups"]
        #: Ascending, and as far apart as there are entries for them.
        self.pointers, left = [rng.choice([0, rng.randrange(max(1, most // 4))])], most
        for _ in range(self.given["columns"]):
            left = most - self.pointers[-1]
            longest = min(left, rng.choice([1, 2, 9]))
            step = 0 if longest == 0 or rng.random() < empty else rng.randint(1, longest)
            self.pointers.append(self.pointers[-1] + step)
        if rng.randrange(2):
            # Down from the most that there can be.
            self.pointers = [most - pointer for pointer in reversed(self.pointers)]
        self.columns = [rng.randrange(self.given["columns"]) for _ in range(100)]
        self.columns[:0] = range(self.given["columns"])[:200]
        self.stall_in, self.stall_out = stall_in, stall_out
        #: The span that is read, if any, and how many wait in the queue.
        self.read, self.queued = None, 0

    def span(self, column):
        return self.pointers[column], self.pointers[column + 1]

    async def start(self):
        dut, bench = self.dut, self.bench
        act_width = self.given["act_width"]
        words = [
            word_of(self.streams["i"], act=bench.rng.getrandbits(act_width), column=column)
            for column in self.columns
        ]
        source = Source(dut, self.streams["i"], words, self.stall_in)
        sink = Sink(dut, self.streams["o"], self.stall_out)
        self.i = Recorder(dut, "i", self.streams["i"])
        self.o = Recorder(dut, "o", self.streams["o"])
        dut.write.value = 0
        await bench.reset()
        starts = list(enumerate(self.pointers))
        bench.rng.shuffle(starts)
        for address, pointer in starts:
            dut.write.value, dut.address.value, dut.pointer.value = 1, address, pointer
            await bench.tick()
        dut.write.value = 0
        bench.agents = [source, sink, self.i, self.o, self]

    def expected(self):
        """The words that have to come for the columns that were taken so far."""
        words = []
        for word in self.i.words:
            groups = fields_of(self.streams["i"], word)
            start, end = self.span(groups["column"])
            if start != end or not self.given["skip_empty_columns"]:
                words.append(word_of(self.streams["o"], act=groups["act"], start=start, end=end))
        return words

    def step(self, cycle):
        """What the unit has to offer in each cycle; ``o`` and ``i`` may wait at any time.

        Pointers that are not written have no effect. The span of a column that was taken is read in
        the next cycle. If it counts it goes on into a queue of two, else the next column may take
        its place at once.
        """
        dut, read = self.dut, self.read
        counts = read and (read[0] != read[1] or not self.given["skip_empty_columns"])
        ready = not counts or self.queued < 2
        offered = self.queued > 0
        for name, expected in (
            ("i_ready", ready),
            ("o_valid", offered),
            ("busy", read is not None or offered),
        ):
            actual = bool(getattr(dut, name).value)
            assert actual == expected, f"cycle {cycle}: {name} is {actual}"
        self.queued += bool(counts and ready) - bool(offered and dut.o_ready.value)
        if ready:
            self.read = None
            if dut.i_valid.value:
                word = fields_of(self.streams["i"], int(dut.i_payload.value))
                self.read = self.span(word["column"])
        for handle in (dut.address, dut.pointer):
            handle.value = self.bench.rng.getrandbits(len(handle))

    async def finish(self, limit):
        await self.bench.run(lambda: self.i.count >= len(self.columns), limit)
        for _ in range(60):
            await self.bench.tick()
        assert self.o.words == self.expected()
        assert not self.dut.busy.value
        assert self.i.count == len(self.columns)


@cocotb.test()
@cocotb.parametrize(empty=[0, 0.4, 0.9])
async def throughput(dut, empty):
    """One column a cycle."""
    reader = Reader(dut, empty)
    await reader.start()
    await reader.finish(len(reader.columns) + 10)
    first = reader.i.accepted[0]
    assert reader.i.accepted == list(range(first, first + len(reader.columns)))


@cocotb.test()
async def latency(dut):
    """Entries are offered 2 cycles after their column came."""
    reader = Reader(dut, 0, stall_in=sparse(1, 4))
    await reader.start()
    await reader.finish(6 * len(reader.columns) + 50)
    come = [
        cycle
        for cycle, word in zip(reader.i.accepted, reader.i.words, strict=True)
        if len(set(reader.span(fields_of(reader.streams["i"], word)["column"]))) == 2
        or not reader.given["skip_empty_columns"]
    ]
    assert reader.o.offered == [cycle + 2 for cycle in come]


@cocotb.test()
@cocotb.parametrize(empty=[0, 0.6], inputs=[0, 50], output=[0, 30, 70])
async def random_stalls(dut, empty, inputs, output):
    rng = Bench(dut).rng
    reader = Reader(dut, empty, stalls(inputs, rng), stalls(output, rng))
    await reader.start()
    await reader.finish(20 * len(reader.columns) + 500)


@cocotb.test()
async def reset(dut):
    """A reset gives up what is on its way."""
    for cycles in range(1, 6):
        reader = Reader(dut, 0.2, stall_out=always)
        await reader.start()
        for _ in range(cycles):
            await reader.bench.tick()
        dut.i_valid.value = 0
        reader.bench.agents = []
        await reader.bench.reset()
        await reader.bench.tick()
        assert not dut.o_valid.value
        assert not dut.busy.value
        reader = Reader(dut, 0.2)
        await reader.start()
        await reader.finish(2 * len(reader.columns) + 50)


@cocotb.test()
async def no_paths_within_a_cycle(dut):
    rng = Bench(dut).rng
    reader = Reader(dut, 0.4, stalls(40, rng), stalls(40, rng))
    await reader.start()
    inputs = ["i_payload", "i_valid", "o_ready", "write", "address", "pointer"]
    for _ in range(40):
        await reader.bench.tick()
        outputs = ["i_ready", "o_valid", "o_payload", "busy"]
        await check_no_paths(reader.bench, inputs, outputs)
