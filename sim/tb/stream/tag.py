"""Testbench of tags above words."""

import cocotb

from ...lib.bench import Bench, manifest
from ...lib.streams import Recorder, Sink, Source, always, never, sparse, stalls


class Tags:
    """The unit between sources of random words and tags, and a sink."""

    def __init__(self, dut, count, **patterns):
        unit = manifest()
        params, streams = unit.parameters, unit.streams
        self.bench = Bench(dut)
        self.count, self.width = params["count"], params["width"]
        rng = self.bench.rng
        self.given = {
            "i": [rng.getrandbits(self.width) for _ in range(self.count * count)],
            "tags": [rng.getrandbits(params["tag_width"]) for _ in range(count)],
        }
        self.agents = [
            Source(dut, streams[name], words, patterns.get(name, never))
            for name, words in self.given.items()
        ]
        self.agents.append(Sink(dut, streams["o"], patterns.get("o", never)))
        self.seen = {name: Recorder(dut, name, stream) for name, stream in streams.items()}

    async def start(self):
        await self.bench.reset()
        self.bench.agents = [*self.agents, *self.seen.values()]

    async def finish(self, limit):
        i, tags, o = (self.seen[name] for name in ("i", "tags", "o"))
        await self.bench.run(lambda: o.count >= len(self.given["i"]), limit)
        for _ in range(10):
            await self.bench.tick()
        assert i.words == self.given["i"]
        assert tags.words == self.given["tags"]
        assert o.words == [
            tags.words[n // self.count] << self.width | word for n, word in enumerate(i.words)
        ]
        # No cycle between a word's coming and its leaving; a tag goes with its last word.
        assert o.accepted == i.accepted
        assert tags.accepted == i.accepted[self.count - 1 :: self.count]
        assert o.offered == [
            max(offered, tags.offered[n // self.count]) for n, offered in enumerate(i.offered)
        ]


@cocotb.test()
@cocotb.parametrize(i=[0, 50], tags=[0, 50], o=[0, 30, 70])
async def random_stalls(dut, i, tags, o):
    rng = Bench(dut).rng
    patterns = {"i": stalls(i, rng), "tags": stalls(tags, rng), "o": stalls(o, rng)}
    unit = Tags(dut, 60, **patterns)
    await unit.start()
    await unit.finish(40 * len(unit.given["i"]) + 1000)


@cocotb.test()
async def throughput(dut):
    """One word a cycle."""
    unit = Tags(dut, 20)
    await unit.start()
    await unit.finish(20 * unit.count + 10)
    accepted = unit.seen["o"].accepted
    assert accepted == list(range(accepted[0], accepted[0] + 20 * unit.count))


@cocotb.test()
@cocotb.parametrize(stream=["i", "tags", "o"])
async def starved(dut, stream):
    """One stream moves a word at a time, long after the others."""
    unit = Tags(dut, 5, **{stream: sparse(1, 9)})
    await unit.start()
    await unit.finish(100 * unit.count + 200)


@cocotb.test()
async def reset(dut):
    """A reset among the words of a tag begins with the next tag's first word."""
    for cycles in range(1, 12):
        for stream in ("i", "tags", "o", "none"):
            unit = Tags(dut, 5, **{stream: sparse(2, 2)})
            await unit.start()
            for _ in range(cycles):
                await unit.bench.tick()
            unit = Tags(dut, 3)
            await unit.start()
            await unit.finish(3 * unit.count + 10)


@cocotb.test()
async def nothing_without_a_tag(dut):
    """Words wait for a tag, and a tag for words."""
    for stream in ("i", "tags"):
        unit = Tags(dut, 3, **{stream: always})
        await unit.start()
        for _ in range(10):
            await unit.bench.tick()
        assert not any(recorder.count for recorder in unit.seen.values())
