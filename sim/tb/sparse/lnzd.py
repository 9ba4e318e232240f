"""Testbench of the nodes and the trees of leading-non-zero detection."""

import cocotb

from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Recorder, Sink, Source, always, never, stalls

RADIX = 4


class Priority:
    """Checks that a node takes one word a cycle, of its first child that has one."""

    def __init__(self, dut, streams):
        self.groups = [
            [(getattr(dut, s["valid"]), getattr(dut, s["ready"])) for s in streams[n : n + RADIX]]
            for n in range(0, len(streams), RADIX)
        ]

    def step(self, cycle):
        for group in self.groups:
            offered = [bool(valid.value) for valid, _ in group]
            accepted = [n for n, (_, ready) in enumerate(group) if offered[n] and ready.value]
            assert accepted in ([], [offered.index(True)] if any(offered) else []), (
                f"cycle {cycle}: children {accepted} taken of {offered}"
            )


class Leaves:
    """The unit between sources at its leaves and a sink.

    Words carry the number of their leaf, in other bits in each run; the rest is random.

    Parameters
    ----------
    counts : list of int
        Words of each leaf.
    """

    def __init__(self, dut, counts, stall_in=(), stall_out=never):
        unit = manifest()
        params, self.streams = unit.parameters, unit.streams
        self.bench = Bench(dut)
        self.node = unit.design == "lnzd_node"
        self.count = leaves_of(params)
        self.levels = 1
        while RADIX**self.levels < self.count:
            self.levels += 1
        self.bits = (self.count - 1).bit_length()
        rng, width = self.bench.rng, params["width"]
        assert width > self.bits + 1, "words are too narrow to tell them apart"
        self.at = rng.randrange(width - self.bits + 1)
        self.words = [
            [self.word(leaf, rng.getrandbits(width - self.bits)) for _ in range(words)]
            for leaf, words in enumerate(counts)
        ]
        stall_in = stall_in or [never] * self.count
        i = [self.streams[f"i_{leaf}"] for leaf in range(self.count)]
        self.agents = [
            *(Source(dut, *params) for params in zip(i, self.words, stall_in, strict=True)),
            Sink(dut, self.streams["o"], stall_out),
            Priority(dut, i),
        ]
        self.i = [Recorder(dut, f"i_{leaf}", stream) for leaf, stream in enumerate(i)]
        self.o = Recorder(dut, "o", self.streams["o"])

    def word(self, leaf, rest):
        """The leaf's number from bit ``at`` up, between the bits of ``rest``."""
        below = rest & ((1 << self.at) - 1)
        return (rest >> self.at << self.bits | leaf) << self.at | below

    def leaf_of(self, word):
        return word >> self.at & ((1 << self.bits) - 1)

    async def start(self):
        await self.bench.reset()
        self.bench.agents = [*self.agents, *self.i, self.o]

    async def finish(self, limit):
        total = sum(map(len, self.words))
        await self.bench.run(lambda: self.o.count >= total, limit)
        for _ in range(10):
            await self.bench.tick()
        assert self.o.count == total, "words were doubled"
        for leaf, words in enumerate(self.words):
            assert self.i[leaf].words == words
            assert [word for word in self.o.words if self.leaf_of(word) == leaf] == words


def leaves_of(params):
    return params["leaves"] if "leaves" in params else params["children"]


@cocotb.test()
async def order_and_throughput(dut):
    """Lower leaves first, one word a cycle, after as many cycles as there are levels."""
    count = leaves_of(manifest().parameters)
    for counts in ([5] * count, [3 + leaf % 3 for leaf in range(count)]):
        unit = Leaves(dut, counts)
        await unit.start()
        await unit.finish(sum(counts) + 20)
        assert unit.o.words == [word for words in unit.words for word in words]
        assert unit.o.accepted == list(range(unit.o.accepted[0], unit.o.accepted[0] + sum(counts)))
        assert unit.o.offered[0] - unit.i[0].accepted[0] == unit.levels


@cocotb.test()
async def each_leaf_alone(dut):
    """One leaf gets the whole throughput."""
    count = leaves_of(manifest().parameters)
    for leaf in range(count):
        unit = Leaves(dut, [20 * (leaf == n) for n in range(count)])
        await unit.start()
        await unit.finish(40)
        assert unit.o.accepted == [cycle + unit.levels for cycle in unit.i[leaf].accepted]
        assert unit.o.accepted == list(range(unit.o.accepted[0], unit.o.accepted[0] + 20))


@cocotb.test()
@cocotb.parametrize(inputs=[0, 50, 90], output=[0, 30, 70])
async def random_stalls(dut, inputs, output):
    count = leaves_of(manifest().parameters)
    rng = Bench(dut).rng
    counts = [rng.randrange(40) for _ in range(count)]
    counts[-1] = 40
    unit = Leaves(dut, counts, [stalls(inputs, rng) for _ in counts], stalls(output, rng))
    await unit.start()
    await unit.finish(40 * sum(counts) + 2000)


@cocotb.test()
async def holds_a_word_in_each_level(dut):
    """Nothing is lost while the output stands still, and the first word waits there."""
    count = leaves_of(manifest().parameters)
    block = [always]
    unit = Leaves(dut, [6] * count, stall_out=lambda: block[0]())
    await unit.start()
    for _ in range(20):
        await unit.bench.tick()
    assert dut.o_valid.value
    # Every node has one word.
    nodes, level = 0, count
    while level > 1 or not nodes:
        level = -(-level // RADIX)
        nodes += level
    assert sum(recorder.count for recorder in unit.i) == nodes
    block[0] = never
    await unit.finish(6 * count + 20)


@cocotb.test()
async def reset(dut):
    """A reset gives up the words."""
    count = leaves_of(manifest().parameters)
    for cycles in range(1, 7):
        unit = Leaves(dut, [9] * count, stall_out=always)
        await unit.start()
        for _ in range(cycles):
            await unit.bench.tick()
        unit = Leaves(dut, [2] * count)
        await unit.start()
        await unit.finish(2 * count + 20)


@cocotb.test()
async def paths_within_a_cycle(dut):
    """``ready`` depends on ``o.ready`` and the ``valid`` of children before; ``o`` on nothing."""
    count = leaves_of(manifest().parameters)
    rng = Bench(dut).rng
    stall_in = [stalls(50, rng) for _ in range(count)]
    unit = Leaves(dut, [99] * count, stall_in, stalls(40, rng))
    await unit.start()
    payloads = [f"i_{leaf}_payload" for leaf in range(count)]
    valids = [f"i_{leaf}_valid" for leaf in range(count)]
    readys = [f"i_{leaf}_ready" for leaf in range(count)]
    # A few inputs at a time: each takes a part of a cycle.
    for _ in range(15):
        for leaf in range(count):
            await unit.bench.tick()
            inputs = [payloads[leaf], valids[leaf], "o_ready"]
            await check_no_paths(unit.bench, inputs, ["o_valid", "o_payload"])
            # Neither a payload nor the leaf's own ``valid`` matters to it or to those before it.
            first = leaf // RADIX * RADIX
            others = readys[: leaf + 1] + readys[first + RADIX :]
            await check_no_paths(unit.bench, payloads[leaf : leaf + 1], readys)
            await check_no_paths(unit.bench, valids[leaf : leaf + 1], others)
