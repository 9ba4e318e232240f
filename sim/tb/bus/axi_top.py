"""Testbench of a core that reads its operands from memory and writes its results there."""

import cocotb
from cocotb.queue import Queue
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiBus, AxiResp, AxiSlave, SparseMemoryRegion

from ._top import Top, Work, check_accesses, check_identity

#: Moments at which jobs are ended by a reset, over all parameters of the test.
MOMENTS = 20
#: Bytes of a page, which no burst may leave; cocotbext-axi checks that.
PAGE = 4096
#: Bytes before and after all that a job uses, which nothing may write.
MARGIN = 256
#: Cycles that a job takes besides those between the ports' first and last transfers.
SLACK = 12


class AxiHost(Top):
    """A host with a memory, that describes jobs and starts them.

    Attributes
    ----------
    faults : dict
        Index of a stream to the answer that its next beat, or burst of writes, gets.
    latency : int
        Cycles that what is read, and answers, take longer.
    """

    CHANNELS = (
        ("m_axi_mem_ar", ("addr", "id", "len", "size", "burst")),
        ("m_axi_mem_aw", ("addr", "id", "len", "size", "burst")),
        ("m_axi_mem_w", ("data", "strb", "last")),
    )

    def __init__(self, dut):
        super().__init__(dut)
        self.size = 1 << self.bus["address_width"]
        self.beat = self.bus["data_width"] // 8
        self.memory = SparseMemoryRegion(self.size)
        bus = AxiBus.from_prefix(dut, self.bus["memory"]["interface"])
        slave = AxiSlave(bus, dut.aclk, dut.aresetn, self.memory, False)
        write, read = slave.write_if, slave.read_if
        self.channels |= {
            "memory aw": write.aw_channel,
            "memory w": write.w_channel,
            "memory b": write.b_channel,
            "memory ar": read.ar_channel,
            "memory r": read.r_channel,
        }
        self.faults = {}
        self.latency = 0
        self._resets = 0  # what was on its way before one does not come
        self._intercept(read.r_channel, "rid", "rresp")
        self._intercept(write.b_channel, "bid", "bresp")

    def _intercept(self, channel, number, answer):
        """Put errors into what the memory says, and let it come later."""
        send, late = channel.send, Queue()

        async def later(transfer):
            if (index := int(getattr(transfer, number))) in self.faults:
                setattr(transfer, answer, self.faults.pop(index))
            if not self.latency:
                await send(transfer)
            else:
                await late.put((cocotb.utils.get_sim_time("step"), self._resets, transfer))

        async def deliver():
            while True:
                since, resets, transfer = await late.get()
                passed = (cocotb.utils.get_sim_time("step") - since) // self.step
                if passed < self.latency:
                    await ClockCycles(self.dut.aclk, self.latency - passed)
                while channel.full() and resets == self._resets:
                    await self.edge
                if resets == self._resets:
                    channel.send_nowait(transfer)

        channel.send = later
        cocotb.start_soon(deliver())

    async def reset(self, cycles=2):
        self._resets += 1
        await super().reset(cycles)
        self._resets += 1

    def counts(self, work):
        return {name: len(words) for name, words in work.words.items()} | {"results": work.results}

    def sizes(self, counts):
        return {name: count * self.streams[name]["stride"] for name, count in counts.items()}

    def places(self, counts):
        """An address for each stream: anywhere, next to a page's end, or the last there is."""
        found = {}
        for name, size in self.sizes(counts).items():
            top = (self.size - max(size, self.beat)) // self.beat * self.beat
            while True:
                match self.rng.randrange(4):
                    case 0:
                        at = top
                    case 1:
                        at = self.rng.randrange(0, top + 1, PAGE)
                        at -= self.rng.randint(0, 3) * self.beat
                    case _:
                        at = self.rng.randrange(0, top + 1, self.beat)
                clear = all(at + size + MARGIN <= a or b + MARGIN <= at for a, b in found.values())
                if 0 <= at <= top and clear:
                    break
            found[name] = (at, at + size)
        return {name: at for name, (at, _) in found.items()}

    async def describe(self, places, counts):
        for name, count in counts.items():
            await self.write(f"ADDRESS_LOW_{name.upper()}", places[name] & 0xFFFF_FFFF)
            if self.bus["address_width"] > 32:
                await self.write(f"ADDRESS_HIGH_{name.upper()}", places[name] >> 32)
            await self.write(f"COUNT_{name.upper()}", count)

    async def load(self, work, places):
        """Operands into memory, random bytes where the results will be, and around them."""
        size = work.results * self.streams["results"]["stride"]
        low = max(0, places["results"] - MARGIN)
        high = min(self.size, places["results"] + size + MARGIN)
        await self.memory.write(low, self.rng.randbytes(high - low))
        for name, words in work.words.items():
            await self.memory.write(places[name], self.packed(name, words))

    async def prepare(self, work):
        """All but the start; returns the places and what memory looks like then."""
        counts = self.counts(work)
        places = self.places(counts)
        await self.load(work, places)
        await self.describe(places, counts)
        return places, self.image()

    def image(self):
        return {base: bytes(block) for base, block in self.memory.mem.segs.items()}

    async def start(self):
        await self.put("COMMAND", start=1)

    async def finish(self, limit=20_000):
        """Wait for the interrupt, which must be enabled."""
        await self.until(lambda: self.dut.interrupt.value, limit)
        assert (await self.fields("INTERRUPT"))["done"]
        await self.put("INTERRUPT", done=1)

    async def results(self, places, count):
        size = count * self.streams["results"]["stride"]
        return await self.memory.read(places["results"], size)

    async def check(self, work, places, before):
        """The results, and that nothing else was written."""
        found = await self.results(places, work.results)
        work.check(self.unpacked(found))
        self.check_others(before, places["results"], len(found))

    def check_others(self, before, start, size):
        """That nothing was written but bytes of these."""
        for base, block in self.image().items():
            low, high = (min(max(0, at - base), PAGE) for at in (start, start + size))
            was = before.get(base, bytes(PAGE))
            same = block[:low] == was[:low] and block[high:] == was[high:]
            assert same, f"bytes of others were written in the page {base:#x}"

    async def run(self, work):
        places, before = await self.prepare(work)
        await self.start()
        await self.finish()
        await self.check(work, places, before)
        assert await self.read("STATUS") == 0

    async def soft_reset(self):
        await self.put("CONTROL", reset=1)
        assert (await self.fields("STATUS"))["resetting"]
        await self.put("CONTROL")
        for _ in range(2000):
            if not await self.read("STATUS"):
                return
        raise AssertionError("the reset does not end")

    async def quiet(self):
        """Nothing moves on the bus any more."""
        before = dict(self.rules.transfers)
        await ClockCycles(self.dut.aclk, 3 * self.latency + 60)
        assert self.rules.transfers == before, "transfers after the end"


async def begin(dut, percent=0, latency=0):
    host = AxiHost(dut)
    await host.begin()
    host.pause(percent)
    host.latency = latency
    await host.put("INTERRUPT_ENABLE", done=1)
    return host


@cocotb.test()
@cocotb.parametrize(percent=[0, 40, 80], latency=[0, 100])
async def jobs(dut, percent, latency):
    """One after the other, each somewhere else in memory."""
    host = await begin(dut, percent, latency)
    for _ in range(4):
        await host.run(host.work())
    assert await host.read("ERROR") == 0
    await host.quiet()


@cocotb.test()
async def long_job(dut):
    """Streams of several pages."""
    host = await begin(dut, 20)
    works = [host.work(12) for _ in range(4)]
    await host.run(max(works, key=lambda work: sum(map(len, work.words.values()))))
    assert await host.read("ERROR") == 0


@cocotb.test()
async def wrong_jobs(dut):
    """They are refused, and nothing happens; the next job is right."""
    host = await begin(dut)
    await host.put("INTERRUPT_ENABLE", done=1, error=1)
    needed = ("jobs",) if host.facts.design == "eie" else tuple(host.streams)
    for index, name in enumerate(host.streams):
        work = host.work(1)
        places, _ = await host.prepare(work)
        counts = host.counts(work)
        beats = -(-host.sizes(counts)[name] // host.beat)
        wrong = [
            ("ALIGNMENT", places[name] + host.rng.randrange(1, host.beat), counts[name]),
            ("RANGE", host.size - (beats - 1) * host.beat, counts[name]) if beats > 1 else None,
            ("RANGE", host.size - host.beat, (1 << 32) - 1),
            ("LENGTH", places[name], 0) if name in needed else None,
        ]
        for kind, address, count in filter(None, wrong):
            before = dict(host.rules.transfers)
            await host.describe(places | {name: address}, counts | {name: count})
            await host.start()
            await host.until(lambda: dut.interrupt.value, 20)
            assert await host.error() == (kind, name)
            assert await host.fields("INTERRUPT") == {"done": 0, "error": 0}
            assert await host.read("STATUS") == 0
            await ClockCycles(dut.aclk, 30)
            after = {n: c for n, c in host.rules.transfers.items() if n.startswith("m_axi")}
            assert all(before[n] == count for n, count in after.items()), kind
        if index % 2:
            await host.run(host.work(1))
    await host.run(host.work(1))


@cocotb.test()
async def no_words(dut):
    """A job of no words at all is an error; one without some streams is none where it can be."""
    host = await begin(dut)
    places = dict.fromkeys(host.streams, 0)
    await host.describe(places, dict.fromkeys(host.streams, 0))
    await host.start()
    await ClockCycles(dut.aclk, 20)
    assert await host.error() == ("LENGTH", next(iter(host.streams)))
    if host.facts.design != "eie":
        return
    work = host.work()
    jobs = host.split("jobs", work.words["jobs"])
    fills = next(number for number, job in enumerate(jobs) if not job["fill"])
    parts = [
        {"load": work.words["load"], "jobs": work.words["jobs"][:fills], "acts": []},
        {"load": [], "jobs": work.words["jobs"][fills:], "acts": work.words["acts"]},
    ]
    await host.run(Work(words=parts[0], owed=work.owed[:fills], check=lambda found: None))
    await host.run(Work(words=parts[1], owed=work.owed[fills:], check=work.check))


@cocotb.test()
@cocotb.parametrize(percent=[0, 50])
async def start_while_busy(dut, percent):
    """It is an error, and the job goes on."""
    host = await begin(dut, percent)
    for _ in range(4):
        work = host.work()
        places, before = await host.prepare(work)
        host.latency = 100
        await host.start()
        await host.start()
        kind, _ = await host.error()
        assert kind == "BUSY"
        await host.finish()
        await host.check(work, places, before)
    await host.put("CONTROL", reset=1)
    await host.start()
    assert (await host.error())[0] == "BUSY"
    await host.put("CONTROL")
    await host.run(host.work())


@cocotb.test()
@cocotb.parametrize(answer=[AxiResp.SLVERR, AxiResp.DECERR], percent=[0, 50])
async def memory_errors(dut, answer, percent):
    """An error of the memory is told, with its stream; after a soft reset all is well."""
    host = await begin(dut, percent)
    for name, stream in host.streams.items():
        work = host.work()
        if not work.words.get(name, work.results):
            continue
        await host.prepare(work)
        host.faults[stream["index"]] = answer
        await host.start()
        await host.finish()
        assert not host.faults
        assert await host.error() == ("WRITE" if name == "results" else "READ", name)
        await host.soft_reset()
        await host.run(host.work())
        assert await host.read("ERROR") == 0


@cocotb.test()
async def too_few_results(dut):
    """A job that gives more than it has room for does not end, nor does it write more."""
    host = await begin(dut)
    work = host.work()
    while work.results < 2:
        work = host.work()
    places, before = await host.prepare(work)
    slots = host.streams["results"]["words_per_beat"]
    count = (work.results - 1) // slots * slots or 1
    await host.write("COUNT_RESULTS", count)
    await host.start()
    await ClockCycles(dut.aclk, 3000)
    assert await host.fields("STATUS") == {"busy": 1, "resetting": 0}
    assert await host.fields("INTERRUPT") == {"done": 0, "error": 0}
    written = -(-count // slots) * slots * host.streams["results"]["stride"]
    host.check_others(before, places["results"], written)
    await host.soft_reset()
    await host.run(host.work())


@cocotb.test()
async def interrupts(dut):
    """The line is up while an enabled event is pending."""
    host = await begin(dut)
    await host.put("INTERRUPT_ENABLE")
    await host.prepare(host.work())
    await host.start()
    for _ in range(2000):
        if await host.read("INTERRUPT"):
            break
    assert await host.fields("INTERRUPT") == {"done": 1, "error": 0}
    assert not dut.interrupt.value
    await host.put("INTERRUPT_ENABLE", done=1)
    assert dut.interrupt.value
    await host.put("INTERRUPT", error=1)
    assert dut.interrupt.value
    await host.put("INTERRUPT", done=1)
    assert not dut.interrupt.value
    await host.put("INTERRUPT_ENABLE", error=1)
    await host.write("COUNT_RESULTS", 1)
    await host.write("ADDRESS_LOW_RESULTS", 1)
    await host.start()
    await host.until(lambda: dut.interrupt.value, 20)
    assert await host.error() == ("ALIGNMENT", "results")
    assert not dut.interrupt.value


@cocotb.test()
async def counters(dut):
    """Words exactly; cycles and waits as far as one sees them from outside."""
    host = await begin(dut)
    await host.run(host.work())
    work = host.work(3)
    cycles = {}
    for latency in (0, 300):
        host.latency = latency
        places, before = await host.prepare(work)
        await host.put("COMMAND", clear=1)
        for name in host.registers:
            if name.startswith(("WORDS_", "WAITS_", "CYCLES_")):
                assert await host.read(name) == 0, name
        await host.start()
        begun = cocotb.utils.get_sim_time("step")
        await host.until(lambda: dut.interrupt.value)
        passed = (cocotb.utils.get_sim_time("step") - begun) // host.step
        await host.finish()
        await host.check(work, places, before)
        for name, count in host.counts(work).items():
            assert await host.read(f"WORDS_{name.upper()}") == count, name
        cycles[latency] = counted = await host.read("CYCLES_LOW")
        assert counted == await host.read("CYCLES_LOW"), "cycles are counted that are idle"
        assert abs(counted - passed) <= SLACK, (counted, passed)
        waits = {name: await host.read(f"WAITS_{name.upper()}") for name in host.streams}
        assert all(count <= counted for count in waits.values()), waits
        command = "jobs" if "jobs" in waits else "tiles"
        assert waits[command] >= latency, "the core has to wait for the first command"
    assert cycles[300] >= cycles[0] + 300


@cocotb.test()
async def identity(dut):
    host = await begin(dut, 40)
    await check_identity(host)


@cocotb.test()
@cocotb.parametrize(percent=[0, 60])
async def accesses(dut, percent):
    host = await begin(dut, percent)
    await check_accesses(host)
    await host.put("INTERRUPT_ENABLE", done=1)
    await host.run(host.work())


async def cycles_of(host, work):
    """About as many as a job takes."""
    begun = cocotb.utils.get_sim_time("step")
    await host.run(work)
    return (cocotb.utils.get_sim_time("step") - begun) // host.step


@cocotb.test()
@cocotb.parametrize(percent=[0, 40], latency=[0, 30])
async def soft_reset(dut, percent, latency):
    """Bursts come to their end, and the job after it is right."""
    host = await begin(dut, percent, latency)
    work = host.work()
    cycles = await cycles_of(host, work)
    for _ in range(MOMENTS // 4):
        places, before = await host.prepare(work)
        await host.start()
        await ClockCycles(dut.aclk, host.rng.randint(1, cycles))
        await host.soft_reset()
        await host.quiet()
        size = host.sizes(host.counts(work))["results"]
        host.check_others(before, places["results"], size)
        await host.put("INTERRUPT", done=1)
        await host.run(host.work(1))
    assert await host.read("ERROR") == 0


@cocotb.test()
@cocotb.parametrize(percent=[0, 40], latency=[0, 30])
async def reset(dut, percent, latency):
    """All is as in the beginning."""
    host = await begin(dut, percent, latency)
    work = host.work()
    cycles = await cycles_of(host, work)
    for _ in range(MOMENTS // 4):
        await host.prepare(work)
        await host.start()
        await ClockCycles(dut.aclk, host.rng.randint(1, cycles))
        await host.reset(host.rng.randint(1, 3))
        for name, register in host.registers.items():
            if register["access"] != "wo":
                assert await host.read(name) == register["reset"], name
        await host.put("INTERRUPT_ENABLE", done=1)
        await host.run(host.work(1))
        await host.quiet()
