"""Testbench of a core that reads its operands from memory and writes its results there."""

import dataclasses

import cocotb
from cocotb.queue import Queue
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiBus, AxiResp, AxiSlave, SparseMemoryRegion

from ._wrapper import Work, WrapperHost, check_accesses, check_identity

#: Number of random moments at which a reset interrupts a job, over all parameters of the test.
MOMENTS = 20
#: Bytes of a page; no burst crosses its boundary, which cocotbext-axi checks.
PAGE = 4096
#: Bytes before and after a job's memory that nothing may write.
MARGIN = 256
#: Cycles of a job outside its first and last transfers at the ports.
SLACK = 12


class AxiHost(WrapperHost):
    """A host with a memory, which sets up and starts jobs.

    Attributes
    ----------
    faults : dict
        Index of a stream to the response for its next beat, or burst of writes.
    latency : int
        Additional latency of read data and write responses in cycles.
    """

    CHANNELS = (
        ("m_axi_mem_ar", ("addr", "id", "len", "size", "burst")),
        ("m_axi_mem_aw", ("addr", "id", "len", "size", "burst")),
        ("m_axi_mem_w", ("data", "strb", "last")),
    )
    #: Incrementing bursts in normal, bufferable memory.
    CONSTANTS = tuple(
        (prefix, name, value)
        for prefix, *_ in CHANNELS[:2]
        for name, value in (("burst", 1), ("lock", 0), ("cache", 3), ("prot", 0), ("qos", 0))
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
        self._resets = 0  # a reset drops all responses in flight
        self._intercept(read.r_channel, "rid", "rresp")
        self._intercept(write.b_channel, "bid", "bresp")
        cocotb.start_soon(self._check_addresses())

    async def _check_addresses(self):
        """Bursts begin with a whole beat."""
        dut = self.dut
        channels = (
            (dut.m_axi_mem_arvalid, dut.m_axi_mem_araddr),
            (dut.m_axi_mem_awvalid, dut.m_axi_mem_awaddr),
        )
        while True:
            await self.edge
            for valid, address in channels:
                if dut.aresetn.value and valid.value:
                    assert int(address.value) % self.beat == 0, f"{address._name} is not aligned"

    def _intercept(self, channel, number, answer):
        """Put errors into the memory's responses, and delay them."""
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

    def random_addresses(self, counts):
        """An address for each stream: anywhere, next to the end of a page, or the last possible."""
        spans = {}
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
                clear = all(at + size + MARGIN <= a or b + MARGIN <= at for a, b in spans.values())
                if 0 <= at <= top and clear:
                    break
            spans[name] = (at, at + size)
        return {name: at for name, (at, _) in spans.items()}

    async def describe(self, addresses, counts):
        """Write the registers of a job."""
        for name, count in counts.items():
            await self.write(f"ADDRESS_LOW_{name.upper()}", addresses[name] & 0xFFFF_FFFF)
            if self.bus["address_width"] > 32:
                await self.write(f"ADDRESS_HIGH_{name.upper()}", addresses[name] >> 32)
            await self.write(f"COUNT_{name.upper()}", count)

    async def load(self, work, addresses):
        """Write operands to memory, and random bytes to the results' memory and around it."""
        size = work.results * self.streams["results"]["stride"]
        low = max(0, addresses["results"] - MARGIN)
        high = min(self.size, addresses["results"] + size + MARGIN)
        await self.memory.write(low, self.rng.randbytes(high - low))
        for name, words in work.words.items():
            await self.memory.write(addresses[name], self.packed(name, words))

    async def prepare(self, work):
        """Set a job up without starting it; returns its addresses and an image of the memory."""
        counts = self.counts(work)
        addresses = self.random_addresses(counts)
        await self.load(work, addresses)
        await self.describe(addresses, counts)
        for name, value in work.registers.items():
            await self.write(name, value)
        return addresses, self.image()

    def image(self):
        return {base: bytes(block) for base, block in self.memory.mem.segs.items()}

    async def start(self):
        await self.put("COMMAND", start=1)

    async def finish(self, limit=None):
        """Wait for the interrupt, which is enabled."""
        await self.until(lambda: self.dut.interrupt.value, limit)
        assert (await self.fields("INTERRUPT"))["done"]
        await self.put("INTERRUPT", done=1)

    async def results(self, addresses, count):
        size = count * self.streams["results"]["stride"]
        return await self.memory.read(addresses["results"], size)

    async def check(self, work, addresses, before):
        """Check the results, and that nothing else was written."""
        packed = await self.results(addresses, work.results)
        work.check(self.unpacked(packed))
        self.check_others(before, addresses["results"], len(packed))

    def check_others(self, before, start, size):
        """Check that nothing outside these bytes was written."""
        for base, block in self.image().items():
            low, high = (min(max(0, at - base), PAGE) for at in (start, start + size))
            was = before.get(base, bytes(PAGE))
            intact = block[:low] == was[:low] and block[high:] == was[high:]
            assert intact, f"bytes outside the results were written in the page {base:#x}"

    async def run(self, work):
        addresses, before = await self.prepare(work)
        await self.start()
        await self.finish()
        await self.check(work, addresses, before)
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
        """No transfers on the bus any more."""
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
    """Jobs one after the other, at different addresses."""
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
    """An infeasible job is an error without effect; the next job is right."""
    host = await begin(dut)
    await host.put("INTERRUPT_ENABLE", done=1, error=1)
    needed = host.bus["core"]["required_streams"]
    for index, name in enumerate(host.streams):
        work = host.work(1)
        while not host.counts(work)[name]:
            work = host.work(1)
        addresses, _ = await host.prepare(work)
        counts = host.counts(work)
        beats = -(-host.sizes(counts)[name] // host.beat)
        wrong = [
            ("ALIGNMENT", addresses[name] + host.rng.randrange(1, host.beat), counts[name]),
            ("RANGE", host.size - (beats - 1) * host.beat, counts[name]) if beats > 1 else None,
            ("RANGE", host.size - host.beat, (1 << 32) - 1),
            ("LENGTH", addresses[name], 0) if name in needed else None,
        ]
        for error, address, count in filter(None, wrong):
            before = dict(host.rules.transfers)
            await host.describe(addresses | {name: address}, counts | {name: count})
            await host.start()
            await host.until(lambda: dut.interrupt.value, 20)
            assert await host.error() == (error, name)
            assert await host.fields("INTERRUPT") == {"done": 0, "error": 0}
            assert await host.read("STATUS") == 0
            await ClockCycles(dut.aclk, 30)
            after = {n: c for n, c in host.rules.transfers.items() if n.startswith("m_axi")}
            assert all(before[n] == count for n, count in after.items()), error
        if index % 2:
            await host.run(host.work(1))
    await host.run(host.work(1))


@cocotb.test()
async def counts(dut):
    """Each bit of a count by itself is too much for the end of memory."""
    host = await begin(dut)
    await host.put("INTERRUPT_ENABLE", done=1, error=1)
    for name, stream in host.streams.items():
        work = host.work(1)
        addresses, _ = await host.prepare(work)
        await host.describe(addresses | {name: host.size - host.beat}, host.counts(work))
        for bit in range(32):
            if stream["stride"] << bit > host.beat:
                await host.write(f"COUNT_{name.upper()}", 1 << bit)
                await host.start()
                await host.until(lambda: dut.interrupt.value, 20)
                assert await host.error() == ("RANGE", name), f"{1 << bit} words"
    await host.run(host.work(1))


@cocotb.test()
async def no_words(dut):
    """A job without words is an error; a job may lack streams that the model does not require."""
    host = await begin(dut)
    zeros = dict.fromkeys(host.streams, 0)
    await host.describe(zeros, zeros)
    await host.start()
    await ClockCycles(dut.aclk, 20)
    assert await host.error() == ("LENGTH", next(iter(host.streams)))
    if not host.model.required_streams:
        return
    # One job fills the memories, the next one multiplies vectors.
    work = host.work()
    name = host.model.descriptors
    fills = next(index for index, owed in enumerate(work.owed) if owed)
    first, second = {stream: [] for stream in work.words}, dict(work.words)
    first |= {name: work.words[name][:fills], "load": second.pop("load")}
    second |= {name: work.words[name][fills:], "load": []}
    await host.run(Work(words=first, owed=work.owed[:fills], check=lambda results: None))
    await host.run(Work(words=second, owed=work.owed[fills:], check=work.check))


@cocotb.test()
async def wrong_blocks(dut):
    """Of an index: a block beyond all of A is an error, and the job comes to its end."""
    host = await begin(dut)
    rows = host.bus.get("walk", {}).get("rows")
    for _ in range(3 if rows else 0):
        work = host.work()
        while not work.words["col_idx"]:
            work = host.work()
        blocks, slots = work.words["col_idx"], host.streams[rows]["words_per_beat"]
        count = len(work.words[rows]) // (-(-work.registers["TILE_WORDS"] // slots) * slots)
        far = host.rng.choice([count, host.rng.getrandbits(32) | 1 << 31])
        blocks[host.rng.randrange(len(blocks))] = far
        await host.prepare(work)
        await host.start()
        await host.finish()
        assert await host.error() == ("RANGE", rows)
        await host.run(host.work())


@cocotb.test()
async def wrong_block_rows(dut):
    """Of an index: an entry out of order is an error; a soft reset recovers from it."""
    host = await begin(dut)
    for _ in range(3 if "walk" in host.bus else 0):
        await host.put("INTERRUPT_ENABLE", error=1)
        work = host.work()
        work.words["row_ptr"][-1] += host.rng.choice([1, 1 << 31])
        await host.prepare(work)
        await host.start()
        await host.until(lambda: dut.interrupt.value)
        assert await host.error() == ("RANGE", "row_ptr")
        await host.soft_reset()
        await host.put("INTERRUPT_ENABLE", done=1)
        await host.run(host.work())


@cocotb.test()
async def no_blocks(dut):
    """Of an index: no job begins without block rows, nor with tiles of no rows or more than A's."""
    host = await begin(dut)
    if "walk" not in host.bus:
        return
    rows, work = host.bus["walk"]["rows"], host.work(1)
    most = host.registers["TILE_WORDS"]["fields"][0]["width"]
    await host.put("INTERRUPT_ENABLE", error=1)
    for register, value, stream in (
        ("TILE_WORDS", 0, rows),
        ("TILE_WORDS", (1 << most) - 1, rows),
        ("COUNT_ROW_PTR", 1, "row_ptr"),
    ):
        await host.prepare(work)
        before = dict(host.rules.transfers)
        await host.write(register, value)
        if value > 1:
            await host.write(f"COUNT_{rows.upper()}", 1)
        await host.start()
        await host.until(lambda: dut.interrupt.value, 20)
        assert await host.error() == ("LENGTH", stream)
        await ClockCycles(dut.aclk, 30)
        after = {n: c for n, c in host.rules.transfers.items() if n.startswith("m_axi")}
        assert all(before[n] == count for n, count in after.items()), register
    await host.put("INTERRUPT_ENABLE", done=1)
    await host.run(host.work(1))


@cocotb.test()
@cocotb.parametrize(percent=[0, 50])
async def start_while_busy(dut, percent):
    """A start during a job is an error, and the job goes on."""
    host = await begin(dut, percent)
    for _ in range(4):
        work = host.work()
        addresses, before = await host.prepare(work)
        host.latency = 100
        await host.start()
        await host.start()
        error, _ = await host.error()
        assert error == "BUSY"
        await host.finish()
        await host.check(work, addresses, before)
    await host.put("CONTROL", reset=1)
    await host.start()
    assert (await host.error())[0] == "BUSY"
    await host.put("CONTROL")
    await host.run(host.work())


@cocotb.test()
@cocotb.parametrize(answer=[AxiResp.SLVERR, AxiResp.DECERR], percent=[0, 50])
async def memory_errors(dut, answer, percent):
    """An error of the memory is reported with its stream; a soft reset recovers from it."""
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
    """A job with more results than its count does not end, nor does it write the others."""
    host = await begin(dut)
    slots = host.streams["results"]["words_per_beat"]
    work = host.work(3)
    # Results that share the last beat of the count are written with it.
    while work.results <= slots:
        work = host.work(3)
    addresses, before = await host.prepare(work)
    count = (work.results - 1) // slots * slots
    await host.write("COUNT_RESULTS", count)
    await host.start()
    await ClockCycles(dut.aclk, 3000)
    assert await host.fields("STATUS") == {"busy": 1, "resetting": 0}
    assert await host.fields("INTERRUPT") == {"done": 0, "error": 0}
    written = -(-count // slots) * slots * host.streams["results"]["stride"]
    host.check_others(before, addresses["results"], written)
    await host.soft_reset()
    await host.run(host.work())


@cocotb.test()
async def too_few_operands(dut):
    """A job with a descriptor whose operands are missing does not end."""
    host = await begin(dut)
    name = host.model.descriptors
    if name not in host.streams:  # a walk makes the descriptors
        return
    first, second = host.work(1), host.work(1)
    words = first.words | {name: first.words[name] + second.words[name]}
    await host.prepare(dataclasses.replace(first, words=words))
    await host.start()
    await ClockCycles(dut.aclk, 3000)
    assert await host.fields("STATUS") == {"busy": 1, "resetting": 0}
    assert await host.fields("INTERRUPT") == {"done": 0, "error": 0}
    await host.soft_reset()
    await host.run(host.work())


@cocotb.test()
async def interrupts(dut):
    """The interrupt is asserted while an enabled event is pending."""
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
    """Counts of words are exact; those of cycles and waits match observations at the ports."""
    host = await begin(dut)
    await host.run(host.work())
    work = host.work(3)
    cycles = {}
    for latency in (0, 300):
        host.latency = latency
        addresses, before = await host.prepare(work)
        await host.put("COMMAND", clear=1)
        for name in host.registers:
            if name.startswith(("WORDS_", "WAITS_", "CYCLES_")):
                assert await host.read(name) == 0, name
        await host.start()
        begun = cocotb.utils.get_sim_time("step")
        await host.until(lambda: dut.interrupt.value)
        passed = (cocotb.utils.get_sim_time("step") - begun) // host.step
        await host.finish()
        await host.check(work, addresses, before)
        for name, count in (host.counts(work) | work.moved).items():
            assert await host.read(f"WORDS_{name.upper()}") == count, name
        cycles[latency] = counted = await host.read("CYCLES_LOW")
        assert counted == await host.read("CYCLES_LOW"), "cycles are counted that are idle"
        assert abs(counted - passed) <= SLACK, (counted, passed)
        waits = {name: await host.read(f"WAITS_{name.upper()}") for name in host.streams}
        assert all(count <= counted for count in waits.values()), waits
        command = next(name for name in ("jobs", "tiles", "row_ptr") if name in waits)
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
    """The approximate cycles of a job."""
    begun = cocotb.utils.get_sim_time("step")
    await host.run(work)
    return (cocotb.utils.get_sim_time("step") - begun) // host.step


@cocotb.test()
@cocotb.parametrize(percent=[0, 40], latency=[0, 30])
async def soft_reset(dut, percent, latency):
    """A soft reset completes bursts in flight, and the next job is right."""
    host = await begin(dut, percent, latency)
    work = host.work()
    cycles = await cycles_of(host, work)
    for _ in range(MOMENTS // 4):
        addresses, before = await host.prepare(work)
        await host.start()
        await ClockCycles(dut.aclk, host.rng.randint(1, cycles))
        await host.soft_reset()
        await host.quiet()
        size = host.sizes(host.counts(work))["results"]
        host.check_others(before, addresses["results"], size)
        await host.put("INTERRUPT", done=1)
        await host.run(host.work(1))
    assert await host.read("ERROR") == 0


@cocotb.test()
@cocotb.parametrize(percent=[0, 40], latency=[0, 30])
async def reset(dut, percent, latency):
    """A reset restores the initial state."""
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
