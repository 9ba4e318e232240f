"""Testbench of a core with AXI4-Stream for its operands and results."""

import itertools

import cocotb
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiStreamBus, AxiStreamFrame, AxiStreamSink, AxiStreamSource

from ._wrapper import WrapperHost, check_accesses, check_identity

#: Number of random moments at which a reset interrupts work.
MOMENTS = 20
#: Most cycles between a port and its counter, for registers in the converters.
SLACK = 10


class AxisHost(WrapperHost):
    """A host that sends packets and receives them."""

    CHANNELS = (("m_axis_results_t", ("data", "keep", "last")),)

    def __init__(self, dut):
        super().__init__(dut)
        ports = {name: stream["interface"] for name, stream in self.streams.items()}
        clock = (dut.aclk, dut.aresetn, False)
        self.sources = {
            name: AxiStreamSource(AxiStreamBus.from_prefix(dut, ports[name]), *clock)
            for name in self.inputs
        }
        self.sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, ports["results"]), *clock)
        self.channels |= self.sources | {"results": self.sink}
        self.command = self.model.descriptors
        # Numbers of words in a beat that is not to be full: each comes as often.
        self.counts = {
            name: itertools.cycle(self.rng.sample(range(1, slots + 1), slots))
            for name in self.inputs
            for slots in [self.streams[name]["words_per_beat"]]
        }

    def send(self, work, packets=None, loose=False):
        """Offer all words.

        Parameters
        ----------
        packets : list of int or None
            Number of descriptors in each packet; by default all are in one. Packets of other
            streams have random sizes.
        loose : bool
            Whether beats may have fewer words than they can hold, or none.
        """
        for name, words in work.words.items():
            sizes = packets if name == self.command and packets else None
            remaining = iter(words)
            for size in sizes or self.sizes(name, len(words)):
                self.offer(name, list(itertools.islice(remaining, size)), loose)

    def sizes(self, name, count):
        """Words of the packets of a stream."""
        return [count] if name == self.command else self.summands(count)

    def summands(self, count):
        """A random partition of a number."""
        summands = []
        while count:
            summands.append(self.rng.choice([count, self.rng.randint(1, count)]))
            count -= summands[-1]
        return summands

    def offer(self, name, words, loose=False):
        """Offer a packet."""
        stream, size = self.streams[name], self.bus["data_width"] // 8
        data, keep = b"", []
        slots = stream["words_per_beat"]
        while words:
            if loose and self.rng.random() < 0.2:
                data, keep = data + self.rng.randbytes(size), keep + [0] * size
            count = next(self.counts[name]) if loose else slots
            packed = self.packed(name, words[:count])
            del words[:count]
            missing = -len(packed) % size
            data += packed + self.rng.randbytes(missing)
            keep += [1] * len(packed) + [0] * missing
        self.sources[name].send_nowait(AxiStreamFrame(data, keep))

    async def receive(self, packets):
        """The words of a number of result packets, packet by packet."""
        await self.until(lambda: self.sink.count() >= packets)
        return [self.unpacked(bytes(self.sink.recv_nowait().tdata)) for _ in range(packets)]

    async def run(self, work):
        self.send(work)
        (words,) = await self.receive(1)
        work.check(words)

    async def quiet(self):
        """All words were accepted, and no further results come."""
        await ClockCycles(self.dut.aclk, 60)
        assert all(source.idle() for source in self.sources.values()), "words were left over"
        assert self.sink.empty()
        assert not self.dut.m_axis_results_tvalid.value
        assert await self.read("STATUS") == 0


async def begin(dut, percent=0):
    host = AxisHost(dut)
    await host.begin()
    host.pause(percent)
    return host


@cocotb.test()
@cocotb.parametrize(percent=[0, 40, 80])
async def works(dut, percent):
    """One work after the other, a packet each."""
    host = await begin(dut, percent)
    for _ in range(3):
        await host.run(host.work())
    await host.quiet()
    await host.no_error()


@cocotb.test()
@cocotb.parametrize(percent=[0, 50], run_packets=[0, 1])
async def packets(dut, percent, run_packets):
    """Descriptors in packets of any size, several jobs at once, beats that are not full."""
    host = await begin(dut, percent)
    await host.put("MODE", run_packets=run_packets)
    works = [max((host.work(3) for _ in range(3)), key=_commands) for _ in range(2)]
    expected = []
    for work in works:
        packets = host.summands(len(work.owed))
        host.send(work, list(packets), loose=True)
        if run_packets:
            expected.append([owed for owed in work.owed if owed])
        else:
            remaining = iter(work.owed)
            owed = [sum(itertools.islice(remaining, count)) for count in packets]
            expected.append([count for count in owed if count])
    for work, sizes in zip(works, expected, strict=True):
        received = await host.receive(len(sizes))
        assert [len(words) for words in received] == sizes
        work.check([word for words in received for word in words])
    await host.quiet()
    await host.no_error()


def _commands(work):
    return len(work.owed)


@cocotb.test()
async def malformed_packets(dut):
    """Incomplete words are dropped and reported; the words after them are right."""
    host = await begin(dut)
    rng, size = host.rng, host.bus["data_width"] // 8
    for name, stream in host.streams.items():
        if name == "results":
            continue
        words, beats = stream["words_per_beat"], stream["beats_per_word"]
        work = host.work()
        if beats > 1:  # ends within a word
            packed = rng.randbytes(rng.randint(1, beats - 1) * size)
            host.sources[name].send_nowait(AxiStreamFrame(packed))
        elif words > 1 and name != host.command and len(work.words[name]) > 1:
            # A word, a gap, and bytes after the gap, which are no word.
            packed = host.packed(name, [work.words[name].pop(0)]) + rng.randbytes(size)
            keep = [1] * stream["stride"] + [0] * stream["stride"] + [1] * size
            host.sources[name].send_nowait(AxiStreamFrame(packed[:size], keep[:size]))
            if words == 2:  # no room for more: the gap is at the beginning
                await host.until(host.sources[name].idle)
                await host.no_error()
                packed, keep = rng.randbytes(size), [0] * stream["stride"] + [1] * stream["stride"]
                host.sources[name].send_nowait(AxiStreamFrame(packed, keep))
        else:  # ends with a beat without words
            host.sources[name].send_nowait(AxiStreamFrame(bytes(size), [0] * size))
        await host.until(host.sources[name].idle)
        await ClockCycles(dut.aclk, 4)
        assert await host.error() == ("FRAMING", name)
        await host.run(work)
        await host.quiet()
        await host.no_error()


@cocotb.test()
async def interrupts(dut):
    """The interrupt is asserted while an enabled event is pending."""
    host = await begin(dut)
    await host.run(host.work())
    assert await host.fields("INTERRUPT") == {"done": 1, "error": 0}
    assert not dut.interrupt.value
    await host.put("INTERRUPT_ENABLE", error=1)
    assert not dut.interrupt.value
    await host.put("INTERRUPT_ENABLE", done=1)
    assert dut.interrupt.value
    await host.put("INTERRUPT", error=1)
    assert dut.interrupt.value
    await host.put("INTERRUPT", done=1)
    assert not dut.interrupt.value
    work = host.work()
    host.send(work)
    await host.until(lambda: dut.interrupt.value)
    (words,) = await host.receive(1)
    work.check(words)
    await host.put("INTERRUPT_ENABLE", error=1)
    assert not dut.interrupt.value
    size = host.bus["data_width"] // 8
    host.sources[host.command].send_nowait(AxiStreamFrame(bytes(size), [0] * size))
    await host.until(lambda: dut.interrupt.value, 20)
    assert await host.error() == ("FRAMING", host.command)
    assert not dut.interrupt.value


@cocotb.test()
async def counters(dut):
    """Counts of words are exact; those of cycles and waits match observations at the ports."""
    host = await begin(dut)
    await host.run(host.work())
    assert await host.read("CYCLES_LOW") > 0
    await host.put("COMMAND", clear=1)
    names = [name for name in host.registers if name.startswith(("WORDS_", "WAITS_", "CYCLES_"))]
    assert len(names) == 2 + 2 * len(host.streams)
    for name in names:
        assert await host.read(name) == 0, name
    work = max((host.work(3) for _ in range(6)), key=lambda work: work.results)
    # Words that fit into converters and queues while results are not accepted.
    room = 5 * host.streams["results"]["words_per_beat"]
    held = 600

    async def cycles_of(work, alone=None):
        """Cycles from the first descriptor to the last result at the ports.

        Where queues take all the results, the core counts those that it needs ``alone``.
        """
        await host.put("COMMAND", clear=1)
        host.send(work)
        port = f"s_axis_{host.command}_t"
        valid, ready = getattr(dut, f"{port}valid"), getattr(dut, f"{port}ready")
        cycles, begun = 0, False
        while host.sink.empty():
            await host.edge
            begun |= bool(valid.value and ready.value)
            cycles += begun
            assert cycles < 100_000
        work.check((await host.receive(1))[0])
        for name, words in work.words.items():
            assert await host.read(f"WORDS_{name.upper()}") == len(words), name
        assert await host.read("WORDS_RESULTS") == work.results
        counted = await host.read("CYCLES_LOW")
        assert counted == await host.read("CYCLES_LOW"), "cycles are counted that are idle"
        assert await host.read("CYCLES_HIGH") == 0
        slack = SLACK + host.streams[host.command]["beats_per_word"]
        slack += host.streams["results"]["beats_per_word"]
        least = (cycles if alone is None else alone) - slack
        assert least <= counted <= cycles, (counted, least, cycles)
        return cycles

    alone = await cycles_of(work)
    for name in [*host.inputs, "results"]:
        assert await host.read(f"WAITS_{name.upper()}") <= alone
    for name in [*host.inputs, "results"]:
        channel = host.channels[name]
        channel.pause = True

        async def release(channel=channel):
            await ClockCycles(dut.aclk, held)
            channel.pause = False

        cocotb.start_soon(release())
        results_queued = name == "results" and work.results <= room
        cycles = await cycles_of(work, alone if results_queued else None)
        waits = await host.read(f"WAITS_{name.upper()}")
        # The core waits once it has used all other words; for descriptors only after the last one.
        least = held - alone - SLACK
        if name == host.command or results_queued or name in host.model.unhurried:
            least = 0
        assert least <= waits <= cycles, (name, waits, alone, cycles)


@cocotb.test()
async def identity(dut):
    host = await begin(dut, 40)
    await check_identity(host)


@cocotb.test()
@cocotb.parametrize(percent=[0, 60])
async def accesses(dut, percent):
    host = await begin(dut, percent)
    await check_accesses(host)
    await host.run(host.work())


@cocotb.test()
@cocotb.parametrize(percent=[0, 40])
async def soft_reset(dut, percent):
    """All earlier words are dropped, except for beats of results that were offered."""
    host = await begin(dut, percent)
    stride = host.streams["results"]["stride"]
    work = host.work(3)
    host.send(work)
    begun = cocotb.utils.get_sim_time("step")
    (words,) = await host.receive(1)
    work.check(words)
    cycles = (cocotb.utils.get_sim_time("step") - begun) // host.step
    before = host.packed("results", words)
    for _ in range(MOMENTS // 2):
        host.send(work)
        await ClockCycles(dut.aclk, host.rng.randint(1, cycles))
        await host.put("CONTROL", reset=1)
        assert await host.fields("STATUS") == {"busy": 0, "resetting": 1}
        await host.until(lambda: all(source.idle() for source in host.sources.values()))
        await ClockCycles(dut.aclk, 2)
        assert await host.fields("STATUS") == {"busy": 0, "resetting": 1}
        await host.put("CONTROL")
        assert await host.read("STATUS") == 0
        after = host.work()
        if not host.sink.empty():
            assert bytes(host.sink.recv_nowait().tdata) == before
        host.send(after)
        await host.until(lambda: not host.sink.empty())
        packed = bytes(host.sink.recv_nowait().tdata)
        start = len(packed) - after.results * stride
        assert start >= 0
        assert packed[:start] == before[:start], "results that nobody asked for"
        after.check(host.unpacked(packed[start:]))
        await host.quiet()
    await host.no_error()


@cocotb.test()
@cocotb.parametrize(percent=[0, 40])
async def reset(dut, percent):
    """A reset restores the initial state."""
    host = await begin(dut, percent)
    work = host.work(2)
    begun = cocotb.utils.get_sim_time("step")
    await host.run(work)
    cycles = (cocotb.utils.get_sim_time("step") - begun) // host.step
    for _ in range(MOMENTS // 2):
        await host.put("MODE", run_packets=1)
        await host.put("INTERRUPT_ENABLE", done=1, error=1)
        host.send(work)
        await ClockCycles(dut.aclk, host.rng.randint(1, cycles))
        for source in host.sources.values():
            source.clear()
        await host.reset(host.rng.randint(1, 3))
        host.sink.clear()
        for name in ("STATUS", "MODE", "INTERRUPT", "INTERRUPT_ENABLE", "CYCLES_LOW"):
            assert await host.read(name) == 0, name
        await host.run(host.work(1))
        await host.quiet()
