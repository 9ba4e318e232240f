"""Testbench of unpacking."""

import cocotb

from ...golden.fusion.mode import WIDTHS
from ...golden.fusion.unpack import unpack
from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Recorder, Sink, Source, always, never, sparse, stalls
from ...lib.trace import join, split


class Unpacking:
    """The unit between sources of packed words and of widths, and a sink.

    Parameters
    ----------
    codes : list of int
        Of the widths, a set each.
    **patterns
        Stalls of ``i``, ``widths`` and ``o``.
    """

    def __init__(self, dut, codes, **patterns):
        unit = manifest()
        params, streams = unit.parameters, unit.streams
        self.bench = Bench(dut)
        self.count, self.lanes, self.codes = params["count"], params["lanes"], codes
        #: For each step whether a word ends with it, and whether a set does.
        self.ends = []
        for code in codes:
            for step in range(1, self.count + 1):
                ends = step == self.count
                self.ends.append((ends or step % (WIDTHS[code] // 2) == 0, ends))
        words = sum(word_ends for word_ends, _ in self.ends)
        self.words = [self.bench.rng.getrandbits(32 * self.lanes) for _ in range(words)]
        self.agents = [
            Source(dut, streams["i"], self.words, patterns.get("i", never)),
            Source(dut, streams["widths"], codes, patterns.get("widths", never)),
            Sink(dut, streams["o"], patterns.get("o", never)),
        ]
        self.seen = {name: Recorder(dut, name, stream) for name, stream in streams.items()}

    async def start(self):
        await self.bench.reset()
        self.bench.agents = [*self.agents, *self.seen.values()]

    async def finish(self, limit):
        i, widths, o = (self.seen[name] for name in ("i", "widths", "o"))
        await self.bench.run(lambda: o.count >= len(self.ends), limit)
        for _ in range(10):
            await self.bench.tick()
        assert i.words == self.words
        assert widths.words == self.codes
        lanes = [split(word, 32, self.lanes) for word in i.words]
        expected = [join(step, 32) for step in unpack(lanes, widths.words, self.count)]
        assert o.words == expected
        # No cycle between a word's coming and its first step's leaving; it goes with its last.
        assert i.accepted == [t for t, (word, _) in zip(o.accepted, self.ends, strict=True) if word]
        assert widths.accepted == [
            t for t, (_, ends) in zip(o.accepted, self.ends, strict=True) if ends
        ]
        word, number, before = 0, 0, 0
        for step, (word_ends, set_ends) in enumerate(self.ends):
            came = max(i.offered[word], widths.offered[number], before + 1)
            assert o.offered[step] == came, f"step {step} in cycle {o.offered[step]}, not {came}"
            word, number, before = word + word_ends, number + set_ends, o.accepted[step]


def sets(bench, count):
    """Random widths, often the same again."""
    codes = [0]
    while len(codes) < count:
        codes.append(bench.rng.choice([codes[-1], 0, 1, 2]))
    return codes


@cocotb.test()
@cocotb.parametrize(i=[0, 50], widths=[0, 50], o=[0, 30, 70])
async def random_stalls(dut, i, widths, o):
    bench = Bench(dut)
    rng = bench.rng
    patterns = {"i": stalls(i, rng), "widths": stalls(widths, rng), "o": stalls(o, rng)}
    unit = Unpacking(dut, sets(bench, 40), **patterns)
    await unit.start()
    await unit.finish(40 * len(unit.ends) + 1000)


@cocotb.test()
async def throughput(dut):
    """One step a cycle, from set to set and from width to width."""
    for codes in ([0] * 8, [1] * 8, [2] * 8, [0, 1, 2, 1, 0, 2, 0, 0, 2, 2, 1, 1]):
        unit = Unpacking(dut, codes)
        await unit.start()
        await unit.finish(len(unit.ends) + 10)
        accepted = unit.seen["o"].accepted
        assert accepted == list(range(accepted[0], accepted[0] + len(unit.ends)))


@cocotb.test()
@cocotb.parametrize(stream=["i", "widths", "o"])
async def starved(dut, stream):
    """One stream moves a word at a time, long after the others."""
    unit = Unpacking(dut, [0, 1, 2, 2, 1, 0], **{stream: sparse(1, 9)})
    await unit.start()
    await unit.finish(20 * len(unit.ends) + 200)


@cocotb.test()
async def reset(dut):
    """A reset within a word begins with the next set's first step."""
    for cycles in range(1, 12):
        for stream in ("i", "widths", "o", "none"):
            unit = Unpacking(dut, [2, 1, 2, 0, 2], **{stream: sparse(2, 2)})
            await unit.start()
            for _ in range(cycles):
                await unit.bench.tick()
            unit = Unpacking(dut, [2, 1, 0])
            await unit.start()
            await unit.finish(len(unit.ends) + 10)


@cocotb.test()
async def nothing_without_a_width(dut):
    """Words wait for a width, and a width for words."""
    for stream in ("i", "widths"):
        unit = Unpacking(dut, [0, 1, 2], **{stream: always})
        await unit.start()
        for _ in range(10):
            await unit.bench.tick()
        assert not any(recorder.count for recorder in unit.seen.values())


@cocotb.test()
async def no_valid_reaches_its_own_ready(dut):
    bench = Bench(dut)
    patterns = {name: stalls(40, bench.rng) for name in ("i", "widths", "o")}
    unit = Unpacking(dut, sets(bench, 100), **patterns)
    await unit.start()
    for _ in range(80):
        await unit.bench.tick()
        await check_no_paths(unit.bench, ["i_valid", "i_payload"], ["i_ready"])
        await check_no_paths(unit.bench, ["widths_valid"], ["widths_ready"])
        await check_no_paths(unit.bench, ["o_ready"], ["o_valid", "o_payload"])
