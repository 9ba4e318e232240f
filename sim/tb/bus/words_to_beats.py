"""Testbench of beats out of words."""

import cocotb

from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Recorder, Sink, Source, always, never, sparse, stalls
from ._beats import Beat, layout
from ._converter import Readiness


class Converter:
    """The converter between a source of words and a sink."""

    def __init__(self, dut, stall_in=never, stall_out=never):
        unit = manifest()
        self.dut, self.bench = dut, Bench(dut)
        self.rng = self.bench.rng
        self.layout = layout(**unit.parameters)
        self.facts = unit.streams
        self.stall_in, self.stall_out = stall_in, stall_out

    async def start(self, words, *, any_state=True):
        """Words with their marks."""
        self.words = words
        payloads = [word | last << self.layout.width for word, last in words]
        self.source = Source(self.dut, self.facts["i"], payloads, self.stall_in)
        self.sink = Sink(self.dut, self.facts["o"], self.stall_out)
        self.i = Recorder(self.dut, "i", self.facts["i"])
        self.o = Recorder(self.dut, "o", self.facts["o"])
        made = [len(self.layout.beats(words[:count])) for count in range(len(words) + 1)]
        ready = Readiness(self.dut, self.i, self.o, made)
        await self.bench.reset(any_state=any_state)
        self.bench.agents = [ready, self.source, self.sink, self.i, self.o]

    async def finish(self, limit=20000):
        beats = self.layout.beats(self.words)
        done = len(self.words), len(beats)
        await self.bench.run(lambda: (self.i.count, self.o.count) >= done, limit)
        for _ in range(10):
            await self.bench.tick()
        actual = [Beat.of(payload, self.layout.data_width) for payload in self.o.words]
        assert [beat[1:] for beat in actual] == [beat[1:] for beat in beats]
        if self.layout.beats_per_word > 1:
            assert [beat.data for beat in actual] == [beat.data for beat in beats]
            return
        # Bits between words are zero, words that are not there as in the beats before.
        step, mask = self.layout.stride * 8, (1 << self.layout.width) - 1
        before = {}
        for beat, expected in zip(actual, beats, strict=True):
            gaps = beat.data
            for slot in range(self.layout.words_per_beat):
                word = beat.data >> slot * step & mask
                gaps &= ~(mask << slot * step)
                if expected.has(slot * self.layout.stride):
                    before[slot] = expected.data >> slot * step & mask
                assert word == before.get(slot, word), f"word {slot} of {beat.data:#x} is wrong"
            assert gaps == 0, "bits between words are not zero"

    def packets(self, sizes):
        """Random words."""
        return [
            (self.rng.getrandbits(self.layout.width), int(number == size - 1))
            for size in sizes
            for number in range(size)
        ]


@cocotb.test()
async def latency(dut):
    """A beat is offered in the cycle after its last word came."""
    converter = Converter(dut, stall_in=sparse(1, 9))
    slots = converter.layout.words_per_beat
    await converter.start(converter.packets([1, slots, 2 * slots + 1]))
    await converter.finish()
    ends, count = [], 0
    for cycle, (_, last) in zip(converter.i.accepted, converter.words, strict=True):
        count += 1
        if last or count == slots:
            ends.append(cycle + 1)
            count = 0
    assert converter.o.offered[:: converter.layout.beats_per_word] == ends


@cocotb.test()
async def throughput(dut):
    """A word a cycle, or a beat a cycle, from the first on, also from packet to packet."""
    converter = Converter(dut)
    slots = converter.layout.words_per_beat
    await converter.start(converter.packets([3 * slots, 1, slots + 1, 1, 1, 5 * slots]))
    await converter.finish()
    fast = converter.i if converter.layout.beats_per_word == 1 else converter.o
    assert fast.accepted == list(range(fast.accepted[0], fast.accepted[0] + fast.count))


@cocotb.test()
@cocotb.parametrize(inputs=[0, 30, 70], outputs=[0, 30, 70])
async def random_stalls(dut, inputs, outputs):
    converter = Converter(dut)
    converter.stall_in = stalls(inputs, converter.rng)
    converter.stall_out = stalls(outputs, converter.rng)
    most = 3 * converter.layout.words_per_beat + 2
    await converter.start(converter.packets(converter.rng.randint(1, most) for _ in range(25)))
    await converter.finish()


@cocotb.test()
async def waits_for_the_last(dut):
    """A beat that is not full waits for words, however long; nothing of it is offered before."""
    converter = Converter(dut, stall_out=always)
    slots = converter.layout.words_per_beat
    await converter.start(converter.packets([2])[:1])
    for _ in range(20):
        await converter.bench.tick()
    assert bool(dut.o_valid.value) == (slots == 1)


@cocotb.test()
async def holds(dut):
    """A beat that nobody takes stays; no more is taken in than there is room for."""
    converter = Converter(dut, stall_out=always)
    slots = converter.layout.words_per_beat
    words = converter.packets([4 * slots])
    await converter.start(words)
    for _ in range(4 * slots + 20):
        await converter.bench.tick()
    assert converter.i.count == slots
    converter.sink._stall = never
    await converter.finish()


@cocotb.test()
async def reset(dut):
    """In the middle of a word, or of a beat."""
    converter = Converter(dut)
    for cycles in range(1, 12):
        for stall in (never, always):
            converter.stall_out = stall
            await converter.start(converter.packets([9]))
            for _ in range(cycles):
                await converter.bench.tick()
            converter.stall_out = never
            await converter.start(converter.packets([3, 1]), any_state=False)
            await converter.finish()


@cocotb.test()
async def valid_does_not_depend_on_inputs(dut):
    """And ``i.ready`` on ``o.ready`` alone."""
    converter = Converter(dut)
    converter.stall_in = stalls(40, converter.rng)
    converter.stall_out = stalls(40, converter.rng)
    await converter.start(converter.packets([5, 3, 40]))
    for _ in range(30):
        await converter.bench.tick()
        await check_no_paths(
            converter.bench, ["i_payload", "i_valid"], ["i_ready", "o_valid", "o_payload"]
        )
        await check_no_paths(converter.bench, ["o_ready"], ["o_valid", "o_payload"])
    await converter.finish()
