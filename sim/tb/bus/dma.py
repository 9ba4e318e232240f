"""Testbench of the DMA."""

import cocotb
from cocotbext.axi import AxiBus, AxiRam

from ...lib.bench import Bench, manifest, settle
from ...lib.streams import Recorder, Sink, Source, never, stalls
from ._beats import Beat, beat_count, beats_in_memory, bursts, memory_word
from ._memory import Memory
from ._registers import ERRORS

#: Cycles from ``start`` to ``failed``.
CHECK = 3


class Core:
    """Takes operands and gives results, and tells whether it has anything to do.

    It is busy from its first operand until the last of all results has been taken.
    """

    def __init__(self, dma):
        self.dma = dma
        self.busy = False
        dma.dut.quiet.value = 1

    def step(self, cycle):
        dma = self.dma
        accepted = sum(recorder.count for recorder in dma.inputs)
        # What asks for blocks is a part of the core.
        if accepted > dma.operands_before or (dma.most and dma.dut.begin.value):
            self.busy = True
        if accepted >= dma.operands_before + dma.operands and dma.source.done:
            self.busy = False
        dma.dut.quiet.value = not self.busy


class Blocks:
    """Asks for the blocks of a job from its begin on."""

    def __init__(self, dma):
        self._dma = dma
        self._send(())

    def _send(self, numbers):
        dma = self._dma
        self._source = Source(dma.dut, dma.facts["blocks"], numbers, dma.numbers_stall)

    def step(self, cycle):
        if self._dma.dut.stop.value:
            self._send(())  # it is in reset
        elif self._dma.dut.begin.value:
            self._send(self._dma.numbers)
        self._source.step(cycle)


class Watch:
    """Records ``done`` and ``failed``."""

    def __init__(self, dut):
        self.dut = dut
        self.done, self.failed = [], []

    def step(self, cycle):
        dut = self.dut
        if dut.done.value:
            self.done.append(cycle)
        if dut.failed.value:
            self.failed.append((cycle, int(dut.failed_kind.value), int(dut.failed_stream.value)))


class Dma:
    """The DMA between a memory and something that takes operands and gives results."""

    def __init__(self, dut, percents=None, latency=4, ram=False):
        unit = manifest()
        params = self.given = unit.parameters
        self.dut, self.bench = dut, Bench(dut)
        rng = self.rng = self.bench.rng
        percents = percents or {}
        patterns = {name: stalls(percent, rng) for name, percent in percents.items()}
        self.width = params["data_width"]
        self.size = self.width // 8
        self.all = (1 << params["address_width"]) // self.size
        names = ("words_per_beat", "beats_per_word")
        self.layouts = [
            {"data_width": self.width, **dict(zip(names, layout, strict=True))}
            for layout in params["layouts"]
        ]
        self.needed = [params["needed"] >> n & 1 for n in range(len(self.layouts))]
        self.burst = params["burst"]
        self.facts = unit.streams
        outputs = [f"o_{n}" for n in range(len(self.layouts) - 1)]
        self.sinks = [Sink(dut, self.facts[o], patterns.get("o", never)) for o in outputs]
        self.inputs = [Recorder(dut, o, self.facts[o]) for o in outputs]
        self.results_stall = patterns.get("i", never)
        self.source = Source(dut, self.facts["i"], iter(()))
        self.operands = self.operands_before = 0
        self.watch = Watch(dut)
        self.memory = None
        if not ram:
            self.memory = Memory(dut, "memory", rng, latency=latency, stalls=patterns)
        # Of a stream that is read in blocks: its number, a block's words, and what is asked for.
        self.most, self.rows = params["most"], params["rows"] if params["most"] else None
        self.block, self.numbers, self.numbers_stall = 1, [], patterns.get("o", never)
        #: Bits of random distances from the last block to blocks that a job asks for.
        self.blocks, self.beyond = 0, ()
        self.core = Core(self)
        for name in ("start", "stop", "address", "count"):
            getattr(dut, name).value = 0
        if self.most:
            dut.size.value = self.block

    async def start(self, *, any_state=True):
        await self.bench.reset(any_state=any_state and self.memory is not None)
        self.bench.agents = [self.core, *self.sinks, *self.inputs, self.watch]
        self.bench.agents += [self.memory] if self.memory else []
        self.bench.agents += [Blocks(self)] if self.most else []
        self.bench.agents.append(self.source)

    def job(self, beats, *, spread=None):
        """Counts and places of so many beats of each stream, none next to another.

        Returns
        -------
        list of (int, int)
            Of each stream the address and the number of words.
        """
        rng, operands = self.rng, []
        share = min(self.all // len(beats), 1 << 30)
        for n, (number, layout) in enumerate(zip(beats, self.layouts, strict=True)):
            words = self.words(n, number)
            if words and layout["words_per_beat"] > 1:
                words -= rng.randrange(layout["words_per_beat"])
            if self.most and n == 0:
                words = max(words, 2)
            start = n * share + rng.randrange(share - number)
            operands.append((start * self.size, words))
        return operands

    def words(self, stream, beats):
        layout = self.layouts[stream]
        return beats * layout["words_per_beat"] // layout["beats_per_word"]

    def set(self, job):
        width = self.given["address_width"]
        self.dut.address.value = sum(address << n * width for n, (address, _) in enumerate(job))
        self.dut.count.value = sum(count << n * 32 for n, (_, count) in enumerate(job))

    def ask(self, job):
        """Draw the words of a block, and blocks, some of them again and again."""
        if not self.most:
            return
        rng, layout, count = self.rng, self.layouts[self.rows], job[self.rows][1]
        most = min(self.most, count)
        self.block = rng.choice([1, most, rng.randint(1, most)])
        beats = (beat_count(words, **layout) for words in (count, self.block))
        self.blocks = int.__floordiv__(*beats)
        self.numbers = [rng.randrange(self.blocks) for _ in range(rng.randint(1, 5))]
        self.numbers += [self.blocks + rng.getrandbits(bits) for bits in self.beyond]
        self.dut.size.value = self.block

    def packets(self, job, n):
        """First beat and words of each packet of an input stream."""
        address, count = job[n]
        index = address // self.size
        if n != self.rows:
            return [(index, count)] if count else []
        beats = beat_count(self.block, **self.layouts[n])
        inside = [number if number < self.blocks else 0 for number in self.numbers]
        return [(index + number * beats, self.block) for number in inside]

    def operand_beats(self, job):
        """Beats of all operands of a job."""
        return sum(
            beat_count(count, **self.layouts[n])
            for n in range(len(job) - 1)
            for _, count in self.packets(job, n)
        )

    async def pulse(self):
        """Starts; ``watch`` knows what follows. Returns the cycle in which ``start`` is up."""
        self.dut.start.value = 1
        await self.bench.tick()
        self.dut.start.value = 0
        return self.bench.cycle

    def results(self, job):
        """Beats of results, with random data, some of them with bytes that are not kept."""
        rng = self.rng
        return [
            beat._replace(
                data=rng.getrandbits(self.width),
                keep=beat.keep & rng.choice([beat.keep, rng.getrandbits(self.size)]),
            )
            for beat in beats_in_memory(job[-1][1], **self.layouts[-1])
        ]

    def send(self, beats):
        words = [beat.payload(self.width) for beat in beats]
        self.bench.agents[-1] = self.source = Source(
            self.dut, self.facts["i"], words, self.results_stall
        )

    async def begin(self, job, beats):
        """Starts a job whose results are ``beats``; descriptors change as soon as they may."""
        self.operands_before = sum(recorder.count for recorder in self.inputs)
        self.ask(job)
        self.operands = self.operand_beats(job)
        self.set(job)
        start = await self.pulse()
        self.send(beats)
        for _ in range(CHECK):
            assert self.dut.running.value or self.bench.cycle == start
            await self.bench.tick()
        rng = self.rng
        self.set([(rng.randrange(self.all * self.size), rng.getrandbits(32)) for _ in job])

    def expected_reads(self, job):
        return {
            n: [
                burst
                for index, count in self.packets(job, n)
                for burst in bursts(index, beat_count(count, **self.layouts[n]), self.burst)
            ]
            for n in range(len(job) - 1)
        }

    def written(self, job, beats):
        """Address to byte."""
        return {
            job[-1][0] + n * self.size + byte: beat.data >> 8 * byte & 0xFF
            for n, beat in enumerate(beats)
            for byte in range(self.size)
            if beat.has(byte)
        }

    def check_operands(self, job, before, content=memory_word):
        for n, (layout, recorder, first) in enumerate(
            zip(self.layouts[:-1], self.inputs, before, strict=True)
        ):
            expected = [
                beat._replace(data=content(index + byte, self.width)).payload(self.width)
                for index, count in self.packets(job, n)
                for byte, beat in enumerate(beats_in_memory(count, **layout))
            ]
            actual = [_kept(word, self.width) for word in recorder.words[first:]]
            assert actual == [_kept(word, self.width) for word in expected], f"operands {n}"

    async def run(self, job, limit=6000):
        """A whole job, and whether all operands came and all results were written."""
        memory = self.memory
        reads, writes = len(memory.reads), len(memory.writes)
        before = [recorder.count for recorder in self.inputs]
        done, failed = len(self.watch.done), len(self.watch.failed)
        memory.bytes.clear()
        beats = self.results(job)
        await self.begin(job, beats)
        while len(self.watch.done) == done:
            assert self.dut.running.value
            assert not self.dut.drained.value or self.core.busy or not memory.busy
            await self.bench.run(lambda now=self.bench.cycle: self.bench.cycle > now, 2)
            limit -= 1
            assert limit, "the job does not end"
        # At that moment, not a cycle later.
        assert memory.answered == len(memory.writes)
        assert not any(memory._due.values())
        for _ in range(6):
            await self.bench.tick()
            assert not self.dut.running.value
            assert self.dut.drained.value
        assert len(self.watch.done) == done + 1, "done came twice"
        self.check_operands(job, before)
        assert memory.bytes == self.written(job, beats)
        asked = {n: [] for n in range(len(job) - 1)}
        for number, *burst in memory.reads[reads:]:
            asked[number].append(tuple(burst))
        assert asked == self.expected_reads(job)
        count = beat_count(job[-1][1], **self.layouts[-1])
        assert memory.writes[writes:] == [
            (len(job) - 1, *burst) for burst in bursts(job[-1][0] // self.size, count, self.burst)
        ]
        return self.watch.failed[failed:]

    def some(self, beats=None):
        """Beats of each stream: whole words, and none only where that is allowed."""
        most = beats or min(3 * self.burst + 2, 40)
        counts = []
        for layout, needed in zip(self.layouts, self.needed, strict=True):
            factor = layout["beats_per_word"]
            words = self.rng.randint(needed, max(1, most // factor))
            counts.append(words * factor)
        return counts if any(counts) else [layout["beats_per_word"] for layout in self.layouts]


def _kept(word, width):
    beat = Beat.of(word, width)
    return beat.kept(), beat.keep, beat.last


@cocotb.test()
@cocotb.parametrize(memory=[0, 60], core=[0, 60], latency=[1, 30])
async def jobs(dut, memory, core, latency):
    """One after the other; each is what was written in its registers, and nothing else."""
    percents = dict.fromkeys(("ar", "r", "aw", "w"), memory) | {"b": 50, "o": core, "i": core}
    dma = Dma(dut, percents, latency)
    await dma.start()
    for _ in range(4):
        assert not await dma.run(dma.job(dma.some()))


@cocotb.test()
async def least(dut):
    """One word of what is needed, and none of the rest, or of each stream alone."""
    dma = Dma(dut)
    await dma.start()
    for alone in range(len(dma.layouts)):
        beats = [
            layout["beats_per_word"] * (needed or n == alone)
            for n, (layout, needed) in enumerate(zip(dma.layouts, dma.needed, strict=True))
        ]
        assert not await dma.run(dma.job(beats))


@cocotb.test()
async def ends_of_memory(dut):
    """The last byte of all can be read and written; one stream at a time, the others below."""
    dma = Dma(dut)
    await dma.start()
    for top in range(len(dma.layouts)):
        job = dma.job([layout["beats_per_word"] for layout in dma.layouts])
        beats = dma.layouts[top]["beats_per_word"] * 3
        job[top] = ((dma.all - beats) * dma.size, dma.words(top, beats))
        assert not await dma.run(job)


@cocotb.test()
async def refused(dut):
    """What cannot be: the first wrong stream is told, in time, and nothing else happens."""
    dma = Dma(dut)
    await dma.start()
    good = dma.job([layout["beats_per_word"] for layout in dma.layouts])
    streams = range(len(good))
    wrong = [("LENGTH", next(iter(streams)), [(0, 0)] * len(good))]
    for n in streams:
        unaligned = (dma.size // 2 or 1, 2 if dma.most and n == 0 else 1)
        # A beat too many, as many as can be asked for, and as many as would wrap around.
        beyond = [((dma.all - 1) * dma.size, dma.words(n, 3 * dma.layouts[n]["beats_per_word"]))]
        factor = dma.layouts[n]["beats_per_word"]
        if beat_count(0xFFFF_FFFF, **dma.layouts[n]) > dma.all:
            beyond += [
                (0, 0xFFFF_FFFF),
                (0, dma.all // factor * dma.layouts[n]["words_per_beat"] + 1),
            ]
        errors = [("RANGE", base) for base in beyond]
        if dma.size > 1:
            errors.append(("ALIGNMENT", unaligned))
            errors.append(("ALIGNMENT", (dma.all * dma.size - 1, 0xFFFF_FFFF)))
        if dma.needed[n]:
            errors.append(("LENGTH", (good[n][0], 0)))
        for error, base in errors:
            job = [*good[:n], base, *good[n + 1 :]]
            wrong.append((error, n, job))
            # Those of later streams are not told.
            later = [base if dma.needed[m] else good[m] for m in range(n + 1, len(good))]
            wrong.append((error, n, [*job[: n + 1], *later]))
            # Nor are addresses of those without words.
            if base[1]:
                without = [
                    each if needed else (unaligned[0], 0)
                    for each, needed in zip(good[:n], dma.needed, strict=False)
                ]
                wrong.append((error, n, [*without, *job[n:]]))
    for error, stream, job in wrong:
        dma.set(job)
        start = await dma.pulse()
        for _ in range(CHECK + 12):
            await dma.bench.tick()
            assert not dut.memory_arvalid.value
            assert not dut.memory_awvalid.value
        assert dma.watch.failed == [(start + CHECK, ERRORS[error], stream)], (error, job)
        assert not dma.watch.done
        assert not dut.running.value
        dma.watch.failed.clear()
    # A job that is stopped before that is forgotten.
    error, stream, job = wrong[0]
    for cycles in range(CHECK + 1):
        dma.set(job)
        start = await dma.pulse()
        for _ in range(cycles):
            await dma.bench.tick()
        dut.stop.value = 1
        for _ in range(CHECK + 2):
            await dma.bench.tick()
        told = cycles == CHECK
        assert dma.watch.failed == [(start + CHECK, ERRORS[error], stream)] * told
        dma.watch.failed.clear()
        dut.stop.value = 0
        await dma.bench.tick()
    assert not await dma.run(good)


@cocotb.test()
async def sizes(dut):
    """A job up to the last byte of memory runs, whatever its size; with a word more it does not.

    Nor does one that is too large by a single bit of its count.
    """
    dma = Dma(dut)
    await dma.start()
    dma.bench.agents.remove(dma.core)

    async def check(job, fits, stream):
        dma.set(job)
        start = await dma.pulse()
        for _ in range(CHECK + 1):
            await dma.bench.tick()
        assert dma.watch.failed == [(start + CHECK, ERRORS["RANGE"], stream)] * (not fits), job
        assert bool(dut.running.value) == fits, job
        dma.watch.failed.clear()

    for n, layout in enumerate(dma.layouts):
        factor = layout["beats_per_word"]
        job = dma.job([layout["beats_per_word"] for layout in dma.layouts])
        for bit in range(32):
            job[n] = (0, 1 << bit | 1)
            if beat_count(job[n][1], **layout) > dma.all:
                await check(job, False, n)
        most = min(dma.all // factor, 0xFFFF_FFFE // layout["words_per_beat"])
        for bit in range(most.bit_length() - 2, -1, -3):
            beats = factor * (1 << bit | dma.rng.getrandbits(bit))
            address, count = (dma.all - beats) * dma.size, dma.words(n, beats)
            for more in (1, 0):
                job[n] = (address, count + more)
                await check(job, not more, n)
            dut.stop.value = 1
            await dma.bench.tick()
            await dma.bench.tick()
            await dma.bench.run(lambda: dut.drained.value, 3000)
            dut.stop.value = 0
            await dma.bench.tick()
    assert not dma.watch.done


@cocotb.test()
async def no_words_where_none_are_needed(dut):
    """An address means nothing to a stream without words."""
    dma = Dma(dut)
    await dma.start()
    job = dma.job([layout["beats_per_word"] for layout in dma.layouts])
    for n, needed in enumerate(dma.needed):
        if not needed:
            job[n] = (dma.all * dma.size - 1, 0)
    assert not await dma.run(job)


@cocotb.test()
async def busy(dut):
    """A start at the wrong moment is told, and changes nothing."""
    dma = Dma(dut, {"r": 50, "b": 50})
    await dma.start()
    reported = (ERRORS["BUSY"],)
    for moment in (0, 1, 2, 3, 4, 9, 20):
        job = dma.job(dma.some())
        beats = dma.results(job)
        done = len(dma.watch.done)
        dma.memory.bytes.clear()
        before = [recorder.count for recorder in dma.inputs]
        await dma.begin(job, beats) if moment > CHECK else dma.set(job)
        if moment <= CHECK:
            dma.ask(job)
            dma.operands_before, dma.operands = sum(before), dma.operand_beats(job)
            await dma.pulse()
            dma.send(beats)
        for _ in range(moment):
            await dma.bench.tick()
        running = bool(dut.running.value) or moment == 0
        again = await dma.pulse()
        if running and len(dma.watch.done) == done:
            assert [(cycle, error) for cycle, error, _ in dma.watch.failed] == [(again, *reported)]
            await dma.bench.run(lambda done=done: len(dma.watch.done) > done, 3000)
            dma.check_operands(job, before)
            assert dma.memory.bytes == dma.written(job, beats)
        else:
            raise AssertionError("the job was over before it was started again")
        dma.watch.failed.clear()
        for _ in range(5):
            await dma.bench.tick()


@cocotb.test()
async def words_left(dut):
    """Neither while the core has something to do, nor with results that no job has asked for."""
    dma = Dma(dut)
    await dma.start()
    job = dma.job([layout["beats_per_word"] for layout in dma.layouts])
    dma.set(job)
    dma.bench.agents.remove(dma.core)
    dut.quiet.value = 0
    again = await dma.pulse()
    dut.quiet.value = 1
    for _ in range(10):
        await dma.bench.tick()
        assert not dut.running.value
    assert [cycle for cycle, error, _ in dma.watch.failed] == [again]
    dma.bench.agents.insert(0, dma.core)
    dma.send(dma.results(job))
    for _ in range(10):
        await dma.bench.tick()
    again = await dma.pulse()
    for _ in range(10):
        await dma.bench.tick()
        assert not dut.running.value
    assert [(c, error) for c, error, _ in dma.watch.failed[1:]] == [(again, ERRORS["BUSY"])]
    dut.stop.value = 1
    for _ in range(20):
        await dma.bench.tick()
    assert dut.drained.value
    # While it is stopped nothing can begin.
    again = await dma.pulse()
    for _ in range(10):
        await dma.bench.tick()
        assert not dut.running.value
    assert dma.watch.failed[2][:2] == (again, ERRORS["BUSY"])
    dut.stop.value = 0
    await dma.bench.tick()
    assert not dma.memory.reads
    assert not dma.memory.writes
    assert not await dma.run(job)


@cocotb.test()
async def another_number_of_results(dut):
    """With too many or too few of them a job is not done; none too many is written."""
    dma = Dma(dut)
    await dma.start()
    for more in (1, -1):
        job = dma.job([2 * layout["beats_per_word"] for layout in dma.layouts])
        beats = dma.results(job)
        sent = [*beats, Beat(0, (1 << dma.size) - 1, 1)] if more > 0 else beats[:-1]
        dma.memory.bytes.clear()
        done = len(dma.watch.done)
        await dma.begin(job, sent)
        for _ in range(400):
            await dma.bench.tick()
            assert dut.running.value
        written = dma.written(job, beats)
        if more > 0:
            assert dma.memory.bytes == written
        else:
            assert dma.memory.bytes.items() <= written.items()
        dut.stop.value = 1
        for _ in range(30):
            await dma.bench.tick()
        assert dut.drained.value
        dut.stop.value = 0
        await dma.bench.tick()
        assert len(dma.watch.done) == done
        assert not await dma.run(dma.job(dma.some(6)))


@cocotb.test()
async def errors(dut):
    """Of the memory's: told each time, with the stream; the job comes to its end."""
    dma = Dma(dut, {"r": 30})
    await dma.start()
    for stream in range(len(dma.layouts)):
        job = dma.job(
            [
                max(6, layout["beats_per_word"])
                // layout["beats_per_word"]
                * layout["beats_per_word"]
                for layout in dma.layouts
            ]
        )
        index = job[stream][0] // dma.size
        if stream < len(job) - 1:
            dma.memory.fail_reads, dma.memory.fail_writes = {index, index + 2}, set()
            expected = [(ERRORS["READ"], stream)] * 2
        else:
            dma.memory.fail_reads, dma.memory.fail_writes = set(), {index}
            expected = [(ERRORS["WRITE"], stream)]
        failed = await dma.run(job)
        if stream == dma.rows:
            beats = beat_count(dma.block, **dma.layouts[stream])
            read = [
                first - index + n for first, _ in dma.packets(job, stream) for n in range(beats)
            ]
            expected = [(ERRORS["READ"], stream)] * sum(n in (0, 2) for n in read)
        assert [values[1:] for values in failed] == expected


@cocotb.test()
async def blocks_beyond(dut):
    """A block beyond the last word is told, with its stream; block 0 is read in its place."""
    dma = Dma(dut)
    await dma.start()
    for beyond in ((0,), (0, 31), (3, 0, 12)) if dma.most else ():
        dma.beyond = beyond
        failed = await dma.run(dma.job(dma.some()))
        assert [values[1:] for values in failed] == [(ERRORS["RANGE"], dma.rows)] * len(beyond)


@cocotb.test()
@cocotb.parametrize(stall=[0, 70], latency=[1, 25])
async def stop(dut, stall, latency):
    """At any moment; bursts come to their end, ``drained`` says when, and the next job is right."""
    percents = dict.fromkeys(("ar", "r", "aw", "w", "o"), stall) | {"b": 50}
    dma = Dma(dut, percents, latency)
    memory = dma.memory
    await dma.start()
    for cycles in (0, 1, 2, 3, 4, 5, 6, 7, *(dma.rng.randrange(8, 90) for _ in range(8))):
        job = dma.job(dma.some(min(4 * dma.burst, 40)))
        done = len(dma.watch.done)
        memory.bytes.clear()
        if cycles > CHECK:
            await dma.begin(job, dma.results(job))
            cycles -= CHECK
        else:
            dma.ask(job)
            dma.set(job)
            await dma.pulse()
        for _ in range(cycles):
            await dma.bench.tick()
        ended = len(dma.watch.done) > done
        # The core is in reset: it takes everything, gives nothing more, and has nothing to do.
        patterns = [sink._stall for sink in dma.sinks]
        for sink in dma.sinks:
            sink._stall = never
        dma.bench.agents.remove(dma.core)
        dut.quiet.value = 1
        dut.stop.value = 1
        dma.bench.agents[-1] = dma.source
        dma.source._next = None
        await dma.bench.tick()
        reads_then = len(memory.reads)
        await dma.bench.run(lambda: dma.source.done, 500)
        await dma.bench.tick()
        assert not dut.running.value
        await dma.bench.run(lambda: dut.drained.value, 3000)
        assert not memory.busy
        # A burst of each reader may have been offered, and one more have been on its way.
        assert len(memory.reads) <= reads_then + 2 * len(dma.sinks) + 2
        asked = len(memory.reads), len(memory.writes)
        for _ in range(dma.rng.choice([0, 30])):
            await dma.bench.tick()
        assert asked == (len(memory.reads), len(memory.writes))
        dut.stop.value = 0
        dma.operands_before = sum(recorder.count for recorder in dma.inputs)
        dma.operands, dma.core.busy = 0, False
        dma.bench.agents.insert(0, dma.core)
        for sink, pattern in zip(dma.sinks, patterns, strict=True):
            sink._stall = pattern
        for _ in range(2):
            await dma.bench.tick()
        assert len(dma.watch.done) == done + ended, "a job that was stopped was done"
        assert not dma.watch.failed
        assert not await dma.run(dma.job(dma.some(6)))


@cocotb.test()
async def stop_at_the_end(dut):
    """A job that is stopped in the very cycle of its end is not done."""
    dma = Dma(dut)
    await dma.start()
    job = dma.job(dma.some())
    await dma.begin(job, dma.results(job))
    for _ in range(6000):
        await dma.bench.tick()
        await settle()
        if dut.done.value:
            break
    dut.stop.value = 1
    for _ in range(3):
        await dma.bench.tick()
    assert not dma.watch.done
    assert not dut.running.value
    assert dut.drained.value
    dut.stop.value = 0
    await dma.bench.tick()
    assert not await dma.run(dma.job(dma.some()))
    assert len(dma.watch.done) == 1


@cocotb.test()
async def resets(dut):
    """At any moment of a job: nothing is asked for any more, and the next job is right."""
    rng = Bench(dut).rng
    quiet = [f"memory_{name}valid" for name in ("ar", "aw", "w")]
    quiet += [
        "running",
        "done",
        "failed",
        *(f"o_{n}_valid" for n in range(8) if hasattr(dut, f"o_{n}_valid")),
    ]
    for number, cycles in enumerate(
        (0, 1, 2, 3, 4, 5, 6, 9, *(rng.randrange(9, 70) for _ in range(10)))
    ):
        percents = dict.fromkeys(("ar", "r", "aw", "w", "o"), rng.choice([0, 60])) | {"b": 50}
        dma = Dma(dut, percents, 1 + number % 9)
        await dma.start(any_state=number == 0)
        for _ in range(4):
            await dma.bench.tick()
            assert dut.drained.value
            assert not any(getattr(dut, name).value for name in quiet)
        if number % 3 == 1:
            assert not await dma.run(dma.job(dma.some(6)))
        job = dma.job(dma.some(min(4 * dma.burst, 40)))
        dma.ask(job)
        dma.set(job)
        await dma.pulse()
        dma.send(dma.results(job))
        for _ in range(cycles):
            await dma.bench.tick()


@cocotb.test()
async def throughput(dut):
    """Readers share a beat a cycle; results are written beside."""
    dma = Dma(dut, latency=1)
    await dma.start()
    beats = [layout["beats_per_word"] * 40 for layout in dma.layouts]
    if sum(beats) > dma.all // 2:
        beats = [layout["beats_per_word"] * 4 for layout in dma.layouts]
    job = dma.job(beats)
    begin = dma.bench.cycle
    assert not await dma.run(job)
    cycles = dma.watch.done[-1] - begin
    read = dma.operand_beats(job)
    least = max(read, beats[-1])
    if dma.burst >= 8:
        assert cycles <= least + 6 * dma.burst + 40, f"{cycles} cycles for {least} beats"
    else:
        assert cycles <= 6 * least + 60, f"{cycles} cycles for {least} beats"


@cocotb.test()
@cocotb.parametrize(percent=[0, 50])
async def outside_memory(dut, percent):
    """The same with cocotbext-axi's memory, which has its own mind about the rules."""
    dma = Dma(dut, {"o": percent, "i": percent}, ram=True)
    ram = AxiRam(
        AxiBus.from_prefix(dut, "memory"),
        dut.clk,
        dut.rst,
        size=1 << min(dma.given["address_width"], 62),
    )
    for channel in (
        ram.write_if.aw_channel,
        ram.write_if.w_channel,
        ram.write_if.b_channel,
        ram.read_if.ar_channel,
        ram.read_if.r_channel,
    ):
        if percent:
            pattern = stalls(percent, dma.rng)
            channel.set_pause_generator(iter(pattern, None))
        channel.log.setLevel("WARNING")
    ram.write_if.log.setLevel("WARNING")
    ram.read_if.log.setLevel("WARNING")
    await dma.start()
    for _ in range(3):
        job = dma.job(dma.some())
        contents = {}
        for (address, count), layout in zip(job[:-1], dma.layouts[:-1], strict=True):
            data = dma.rng.randbytes(beat_count(count, **layout) * dma.size)
            ram.write(address, data)
            for start in range(0, len(data), dma.size):
                word = int.from_bytes(data[start : start + dma.size], "little")
                contents[(address + start) // dma.size] = word
        before = [recorder.count for recorder in dma.inputs]
        beats = dma.results(job)
        done = len(dma.watch.done)
        border = 2 * dma.size
        first = max(0, job[-1][0] - border)
        length = min(len(beats) * dma.size + 2 * border, dma.all * dma.size - first)
        expected = bytearray(dma.rng.randbytes(length))
        ram.write(first, bytes(expected))
        for address, byte in dma.written(job, beats).items():
            expected[address - first] = byte
        await dma.begin(job, beats)
        await dma.bench.run(lambda done=done: len(dma.watch.done) > done, 6000)
        dma.check_operands(job, before, lambda index, width, c=contents: c[index])
        assert ram.read(first, length) == expected
        assert not dma.watch.failed


@cocotb.test()
async def nothing_moves_without_a_start(dut):
    """Not even results: they wait in the queue, and then in the core."""
    dma = Dma(dut, {"i": 0})
    await dma.start()
    dma.set(dma.job(dma.some()))
    dma.send([Beat(1, 1, 0)] * 4)
    for _ in range(40):
        await dma.bench.tick()
        assert not dut.memory_arvalid.value
        assert not dut.memory_awvalid.value
        assert not dut.memory_wvalid.value
        assert not dut.running.value
    assert not dma.watch.done
