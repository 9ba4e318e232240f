"""Testbench of words out of beats."""

import cocotb

from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Recorder, Sink, Source, always, never, sparse, stalls
from ._beats import Beat, layout
from ._converter import Readiness


class Broken:
    """Records ``broken`` of each transfer; without one it has to be 0."""

    def __init__(self, dut):
        self.dut = dut
        self.flags = []

    def step(self, cycle):
        dut = self.dut
        if dut.i_valid.value and dut.i_ready.value:
            self.flags.append(int(dut.broken.value))
        else:
            assert not dut.broken.value, f"cycle {cycle}: broken without a transfer"


class Converter:
    """The converter between a source of beats and a sink."""

    def __init__(self, dut, stall_in=never, stall_out=never):
        unit = manifest()
        self.dut, self.bench = dut, Bench(dut)
        self.rng = self.bench.rng
        self.layout = layout(**unit.parameters)
        self.size = self.layout.data_width // 8
        self.full = (1 << self.size) - 1
        self.facts = unit.streams
        self.stall_in, self.stall_out = stall_in, stall_out

    async def start(self, beats, *, any_state=True):
        self.beats = beats
        width = self.layout.data_width
        words = [beat.payload(width) for beat in beats]
        self.source = Source(self.dut, self.facts["i"], words, self.stall_in)
        self.sink = Sink(self.dut, self.facts["o"], self.stall_out)
        self.i = Recorder(self.dut, "i", self.facts["i"])
        self.o = Recorder(self.dut, "o", self.facts["o"])
        self.broken = Broken(self.dut)
        made = [len(self.layout.words(beats[:count])[0]) for count in range(len(beats) + 1)]
        ready = Readiness(self.dut, self.i, self.o, made)
        await self.bench.reset(any_state=any_state)
        self.bench.agents = [ready, self.source, self.sink, self.i, self.o, self.broken]

    async def finish(self, limit=20000):
        words, broken = self.layout.words(self.beats)
        done = len(self.beats), len(words)
        await self.bench.run(lambda: (self.i.count, self.o.count) >= done, limit)
        for _ in range(10):
            await self.bench.tick()
        mask = (1 << self.layout.width) - 1
        actual = [(word & mask, word >> self.layout.width) for word in self.o.words]
        assert actual == words
        assert self.broken.flags == broken

    def beat(self, keep=None, last=0):
        """A beat with random data."""
        keep = self.full if keep is None else keep
        return Beat(self.rng.getrandbits(self.layout.data_width), keep, last)

    def packet(self, words):
        """A right packet; bits that belong to no word are random, and bytes without a word."""
        beats = self.layout.beats([(0, 0)] * (words - 1) + [(0, 1)])
        return [self.beat(beat.keep, beat.last) for beat in beats]

    def packets(self, count):
        """Right packets of all lengths."""
        most = 3 * self.layout.words_per_beat + 2
        return [beat for _ in range(count) for beat in self.packet(self.rng.randint(1, most))]

    def wild(self, count):
        """Beats of any kind, most of them right."""
        beats = []
        for _ in range(count):
            keeps = [self.full, self.full, (1 << self.rng.randrange(self.size + 1)) - 1, 0]
            keeps.append(self.rng.getrandbits(self.size))
            beats.append(self.beat(self.rng.choice(keeps), self.rng.random() < 0.3))
        return [beat._replace(last=int(beat.last)) for beat in beats]


@cocotb.test()
async def latency(dut):
    """The first word of a beat, or the word of the last beat, is offered in the next cycle."""
    converter = Converter(dut, stall_in=sparse(1, 70))
    beats = [converter.beat(last=1)] * 6 if converter.layout.beats_per_word == 1 else []
    await converter.start(beats or converter.packet(4))
    await converter.finish()
    step = converter.layout.beats_per_word
    slots = converter.layout.words_per_beat
    offered = converter.o.offered[::slots]
    assert offered == [cycle + 1 for cycle in converter.i.accepted[step - 1 :: step]]


@cocotb.test()
async def throughput(dut):
    """A word a cycle, or a beat a cycle, from the first on, also from packet to packet."""
    converter = Converter(dut)
    words = 5 * converter.layout.words_per_beat
    await converter.start([beat for _ in range(6) for beat in converter.packet(words)])
    await converter.finish()
    fast = converter.o if converter.layout.beats_per_word == 1 else converter.i
    assert fast.accepted == list(range(fast.accepted[0], fast.accepted[0] + fast.count))


@cocotb.test()
@cocotb.parametrize(inputs=[0, 30, 70], outputs=[0, 30, 70])
async def random_stalls(dut, inputs, outputs):
    converter = Converter(dut)
    converter.stall_in = stalls(inputs, converter.rng)
    converter.stall_out = stalls(outputs, converter.rng)
    await converter.start(converter.packets(30))
    await converter.finish()
    assert not any(converter.broken.flags)


@cocotb.test()
@cocotb.parametrize(percent=[0, 50])
async def malformed(dut, percent):
    """Beats of any kind: each wrong one is told, and right packets behind it are right."""
    converter = Converter(dut)
    converter.stall_in = stalls(percent, converter.rng)
    converter.stall_out = stalls(percent, converter.rng)
    await converter.start(converter.wild(300))
    await converter.finish()
    assert any(converter.broken.flags)
    assert not all(converter.broken.flags)


@cocotb.test()
async def by_name(dut):
    """Each way to be wrong by itself, and those that look like it and are right."""
    converter = Converter(dut)
    layout = converter.layout
    beat, packet = converter.beat, converter.packet
    cases = [
        ("a last beat without any word", [beat(0, 1)], 1),
        ("a beat without any word that is not the last", [beat(0)], 0),
    ]
    if layout.beats_per_word > 1:
        cases += [
            ("an end within a word", [beat(last=1)], 1),
            ("an end after most", [*[beat()] * (layout.beats_per_word - 2), beat(last=1)], 1),
            ("a beat without its lowest byte", [beat(converter.full & ~1), *packet(1)], 0),
        ]
    else:
        cases.append(("a word without its other bytes", [beat(1, 1)], 0))
    if layout.words_per_beat > 1:
        slot = (1 << layout.stride) - 1
        cases += [
            ("a gap before the first word", [beat(converter.full & ~slot)], 1),
            ("a gap between words", [beat(slot | slot << converter.size - layout.stride)], None),
            ("the last word alone", [beat(slot << converter.size - layout.stride, 1)], 1),
        ]
    for name, beats, wrong in cases:
        await converter.start([*beats, *packet(3)])
        await converter.finish()
        if wrong is not None:
            assert any(converter.broken.flags[: len(beats)]) == wrong, name
        assert not any(converter.broken.flags[len(beats) :]), name


@cocotb.test()
async def reset(dut):
    """In the middle of a word, or of a beat."""
    converter = Converter(dut)
    for cycles in range(1, 12):
        for stall in (never, always):
            converter.stall_out = stall
            await converter.start(converter.packet(9))
            for _ in range(cycles):
                await converter.bench.tick()
            converter.stall_out = never
            await converter.start(converter.packet(3), any_state=False)
            await converter.finish()


@cocotb.test()
async def valid_does_not_depend_on_inputs(dut):
    """And ``i.ready`` on ``o.ready`` alone."""
    converter = Converter(dut)
    converter.stall_in = stalls(40, converter.rng)
    converter.stall_out = stalls(40, converter.rng)
    await converter.start(converter.packets(20))
    for _ in range(40):
        await converter.bench.tick()
        await check_no_paths(
            converter.bench, ["i_payload", "i_valid"], ["i_ready", "o_valid", "o_payload"]
        )
        await check_no_paths(converter.bench, ["o_ready"], ["o_valid", "o_payload"])
    await converter.finish()
