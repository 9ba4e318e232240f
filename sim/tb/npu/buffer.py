"""Testbench of the buffer: each request is answered in order with what was written."""

from collections import deque
from itertools import pairwise

import cocotb

from ...golden.npu.ram import ram
from ...lib.bench import Bench, check_no_paths, manifest, settle
from ...lib.streams import Recorder, Sink, Source, never, sparse, stalls

#: Cycles from a request to its word.
LATENCY = 5


class Ports:
    """The buffer between sources of requests and writes, and sinks of words.

    Words are read only when they are settled: every write of them was performed, as ``written``
    says. They are written only while no request for them waits.
    """

    def __init__(self, dut, reads=never, writes=never, words=never):
        unit = manifest()
        self.dut, self.bench, self.streams = dut, Bench(dut), unit.streams
        self.rng, self.params = self.bench.rng, unit.parameters
        self.width, self.depth = self.params["width"], self.params["depth"]
        self.reads, self.writes = self.params["reads"], self.params["writes"]
        self.groups = self.width // self.params["granularity"]
        self.fields = {f["name"]: f["offset"] for f in self.streams["write_0"]["fields"]}
        self.patterns = reads, writes, words
        # Words are unknown at first.
        self.words = [None] * self.depth
        self.reading = [0] * self.depth
        self.owner = [None] * self.depth
        self.unsettled = [[] for _ in range(self.writes)]
        self.batches = [deque() for _ in range(self.writes)]
        self.expected = [deque() for _ in range(self.reads)]
        self.checks = 0
        self.waited = [0] * self.reads

    def write(self, port, address, data, mask=None, last=True):
        """The word of a write, which the model performs."""
        mask = (1 << self.groups) - 1 if mask is None else mask
        word = self.words[address]
        if word is not None or mask == (1 << self.groups) - 1:
            self.words[address] = ram(word or 0, data, mask, self.params["granularity"])
        self.owner[address] = port
        self.unsettled[port].append(address)
        if last:
            self.batches[port].append(self.unsettled[port])
            self.unsettled[port] = []
        values = {"address": address, "data": data, "mask": mask, "last": int(last)}
        return sum(values[name] << offset for name, offset in self.fields.items())

    def read(self, port, address):
        """An address to read, whose word the model expects; any word if it is not settled."""
        settled = self.owner[address] is None
        self.reading[address] += 1
        self.expected[port].append((address, self.words[address] if settled else None))
        return address

    def random_writes(self, port, count):
        for left in reversed(range(count)):
            free = [a for a in range(self.depth) if not self.reading[a]]
            free = [a for a in free if self.owner[a] in (None, port)]
            mask = self.rng.choice([None, self.rng.getrandbits(self.groups)]) if free else 0
            address = self.rng.choice(free or range(self.depth))
            if not free:  # nothing is written
                values = {"address": address, "data": 0, "mask": 0, "last": int(left == 0)}
                if left == 0:
                    self.batches[port].append(self.unsettled[port])
                    self.unsettled[port] = []
                yield sum(values[name] << offset for name, offset in self.fields.items())
                continue
            last = left == 0 or self.rng.random() < 0.4
            yield self.write(port, address, self.rng.getrandbits(self.width), mask, last)

    def random_reads(self, port, count):
        for _ in range(count):
            settled = [a for a in range(self.depth) if self.owner[a] is None]
            yield self.read(port, self.rng.choice(settled or range(self.depth)))

    async def start(self, reads=(), writes=(), *, any_state=False):
        """Requests and writes of each port; those behind the last have none.

        With ``any_state`` the reset finds any words.
        """
        stall_reads, stall_writes, stall_words = self.patterns
        reads = [*reads, *[()] * (self.reads - len(reads))]
        writes = [*writes, *[()] * (self.writes - len(writes))]
        await self.bench.reset(any_state=any_state)
        self.sources, self.sinks, self.monitors = [], [], {}
        for port, addresses in enumerate(reads):
            stream = self.streams[f"read_{port}"]
            self.sources.append(Source(self.dut, stream, addresses, stall_reads))
            self.sinks.append(Sink(self.dut, self.streams[f"data_{port}"], stall_words))
            for name in (f"read_{port}", f"data_{port}"):
                self.monitors[name] = Recorder(self.dut, name, self.streams[name])
            self.monitors[f"data_{port}"]._transferred = self._checker(port)
        for port, words in enumerate(writes):
            name = f"write_{port}"
            self.sources.append(Source(self.dut, self.streams[name], words, stall_writes))
            self.monitors[name] = Recorder(self.dut, name, self.streams[name])
        self.bench.agents = [*self.monitors.values(), self, *self.sources, *self.sinks]

    def _checker(self, port):
        recorder = self.monitors[f"data_{port}"]

        def check(word):
            recorder._keep(word)
            assert self.expected[port], f"port {port}: a word without a request"
            address, expected = self.expected[port].popleft()
            self.reading[address] -= 1
            if expected is not None:
                assert word == expected, f"port {port}: word {address} is {word:#x}"
                self.checks += 1

        return check

    def step(self, cycle):
        for port in range(self.writes):
            if getattr(self.dut, f"written_{port}").value:
                assert self.batches[port], (
                    f"port {port}: a write was performed that is not the last"
                )
                for address in self.batches[port].popleft():
                    waiting = [a for batch in self.batches[port] for a in batch]
                    if address not in waiting and address not in self.unsettled[port]:
                        self.owner[address] = None
        waits = int(self.dut.read_waits.value)
        self.waited = [n + (waits >> port & 1) for port, n in enumerate(self.waited)]

    @property
    def done(self):
        ends = [source.done for source in self.sources]
        return all(ends) and not any(self.expected) and not any(self.batches)

    async def finish(self, limit):
        await self.bench.run(lambda: self.done, limit)
        for _ in range(10):
            await self.bench.tick()
        assert not any(self.unsettled)

    async def fill(self):
        """All words through all ports."""
        words = [[] for _ in range(self.writes)]
        for address in range(self.depth):
            port = address % self.writes
            last = address + self.writes >= self.depth
            data = self.rng.getrandbits(self.width)
            words[port].append(self.write(port, address, data, last=last))
        await self.start(writes=words, any_state=True)
        await self.finish(4 * self.depth + 40)

    def accepted(self, port):
        return self.monitors[f"read_{port}"].accepted, self.monitors[f"data_{port}"].accepted

    def waits(self):
        return list(self.waited)


@cocotb.test()
async def every_word(dut):
    """Each word has its own place; every port reads all of them."""
    ports = Ports(dut)
    await ports.fill()
    await ports.start(
        [[ports.read(port, a) for a in range(ports.depth)] for port in range(ports.reads)]
    )
    await ports.finish(ports.reads * ports.depth + 40)
    assert ports.checks == ports.reads * ports.depth


@cocotb.test()
async def masks(dut):
    """Each group of bits by itself, and no group."""
    ports = Ports(dut)
    await ports.fill()
    for group in range(ports.groups + 1):
        for data in (0, (1 << ports.width) - 1):
            address = ports.rng.randrange(ports.depth)
            mask = 1 << group & ((1 << ports.groups) - 1)
            await ports.start(writes=[[ports.write(0, address, data, mask)]])
            await ports.finish(30)
            await ports.start([[ports.read(0, address)]])
            await ports.finish(30)


@cocotb.test()
async def latency(dut):
    """Of a word by itself, and of a write until it is seen."""
    ports = Ports(dut, reads=sparse(1, 9))
    await ports.fill()
    await ports.start([[ports.read(0, a % ports.depth) for a in range(12)]])
    await ports.finish(300)
    requests = ports.monitors["read_0"].accepted
    words = ports.monitors["data_0"].offered
    assert {late - early for early, late in zip(requests, words, strict=True)} == {LATENCY}


@cocotb.test()
async def written_words_are_seen(dut):
    """``written`` comes 3 cycles after a write by itself; a request in that cycle sees it."""
    ports = Ports(dut)
    await ports.fill()
    for _ in range(8):
        address = ports.rng.randrange(ports.depth)
        begins = [False]
        ports.patterns = (lambda begins=begins: not begins[0]), never, never
        word = ports.write(0, address, ports.rng.getrandbits(ports.width))
        ports.owner[address] = None  # by the time of the request
        await ports.start([[ports.read(port, address)] for port in range(ports.reads)], [[word]])
        write = ports.monitors["write_0"]
        await ports.bench.run(lambda write=write: write.count, 10)
        await ports.bench.tick()
        begins[0] = True  # seen in the next step
        await ports.bench.tick()
        assert not dut.written_0.value
        await ports.bench.tick()
        assert dut.written_0.value
        assert all(getattr(dut, f"read_{port}_valid").value for port in range(ports.reads))
        await ports.finish(40)


async def walk(dut, starts, count, *, in_step):
    """Ports read ``count`` words each, one after the other from its own first word on.

    Returns the cycles from the first request to the last word, and the waits of each port. With
    ``in_step`` the user asks for all words together, and takes all words together.
    """
    ports = Ports(dut)
    await ports.fill()
    addresses = [
        [ports.read(port, (start + n) % ports.depth) for n in range(count)]
        for port, start in enumerate(starts)
    ]
    await ports.start(addresses)
    if in_step:
        ports.bench.agents = [*ports.monitors.values(), ports]
        ports.sources = []
        await _in_step(ports, addresses, count)
    await ports.finish(10 * count)
    requests = min(ports.accepted(port)[0][0] for port in range(len(starts)))
    words = [ports.accepted(port)[1] for port in range(len(starts))]
    return max(accepted[-1] for accepted in words) - requests, words, ports.waits()


async def _in_step(ports, addresses, count):
    """A request of each port when all were accepted; a word of each when all are there."""
    dut, n = ports.dut, len(addresses)
    handles = [
        [getattr(dut, f"{name}_{port}_{signal}") for port in range(n)]
        for name, signal in (
            ("read", "payload"),
            ("read", "valid"),
            ("read", "ready"),
            ("data", "valid"),
            ("data", "ready"),
        )
    ]
    payloads, valids, readies, offered, takes = handles
    at, open_ = -1, [False] * n
    for _ in range(10 * count):
        await ports.bench.tick()
        open_ = [o and not r.value for o, r in zip(open_, readies, strict=True)]
        if not any(open_):
            at += 1
            open_ = [at < count] * n
        for port in range(n):
            valids[port].value = int(open_[port])
            if at < count:
                payloads[port].value = addresses[port][at]
        await settle()
        together = all(handle.value for handle in offered)
        for handle in takes:
            handle.value = int(together)
        if not any(ports.expected):
            return
    raise AssertionError("not all words came")


@cocotb.test()
async def throughput_of_phases(dut):
    """Ports that begin in different banks read a word a cycle each, and none waits."""
    params = manifest().parameters
    starts = list(range(min(params["reads"], params["banks"])))
    cycles, _, waits = await walk(dut, starts, 60, in_step=False)
    assert cycles == 59 + LATENCY
    assert waits == [0] * params["reads"]


@cocotb.test()
@cocotb.parametrize(in_step=[False, True])
async def throughput_of_rows(dut, in_step):
    """Three ports that read in the same banks: the k-th waits k times, and then none waits."""
    params = manifest().parameters
    ports = min(params["reads"], params["banks"], 3)
    starts = [row * params["banks"] for row in range(ports)]
    cycles, words, waits = await walk(dut, starts, 60, in_step=in_step)
    assert cycles == 59 + LATENCY + ports - 1
    assert waits[:ports] == list(range(ports))
    for accepted in words:
        assert {late - early for early, late in pairwise(accepted)} == {1}


@cocotb.test()
async def ports_take_turns(dut):
    """All ports want the same bank: each has its turn, also a port that never rests."""
    ports = Ports(dut)
    await ports.fill()
    bank = ports.rng.randrange(ports.params["banks"])
    data = [ports.rng.getrandbits(ports.width) for _ in range(20)]
    for name, count in (("data", ports.reads), ("write", ports.writes)):
        await ports.start(
            [[ports.read(port, bank) for _ in range(20)] for port in range(count)]
            if name == "data"
            else [],
            [[ports.write(port, bank, word) for word in data] for port in range(count)]
            if name == "write"
            else [],
        )
        await ports.finish(20 * count + 40)
        for port in range(count):
            accepted = ports.monitors[f"{name}_{port}"].accepted[-15:]
            assert {late - early for early, late in pairwise(accepted)} == {count}


@cocotb.test()
@cocotb.parametrize(reads=[0, 60], writes=[0, 60], words=[0, 70])
async def random_accesses(dut, reads, writes, words):
    ports = Ports(dut)
    await ports.fill()
    rng = ports.rng
    ports.patterns = stalls(reads, rng), stalls(writes, rng), stalls(words, rng)
    await ports.start(
        [ports.random_reads(port, 150) for port in range(ports.reads)],
        [ports.random_writes(port, 120) for port in range(ports.writes)],
    )
    await ports.finish(8000)
    assert ports.checks > 50 * ports.reads
    ports.patterns = never, never, never
    await ports.start([[ports.read(0, a) for a in range(ports.depth)]])
    await ports.finish(ports.depth + 40)


@cocotb.test()
async def resets(dut):
    """Requests on their way are gone; words stay."""
    ports = Ports(dut)
    await ports.fill()
    for cycles in range(14):
        await ports.start(
            [[ports.rng.randrange(ports.depth) for _ in range(9)] for _ in range(ports.reads)]
        )
        ports.bench.agents = [*ports.sources, *(ports.sinks if cycles % 2 else [])]
        for _ in range(cycles):
            await ports.bench.tick()
        await ports.start(
            [
                [ports.read(port, ports.rng.randrange(ports.depth)) for _ in range(5)]
                for port in range(ports.reads)
            ]
        )
        await ports.bench.tick()
        assert not any(getattr(dut, f"data_{port}_valid").value for port in range(ports.reads))
        await ports.finish(100)


@cocotb.test()
async def outputs_come_from_registers(dut):
    ports = Ports(dut)
    await ports.fill()
    rng = ports.rng
    ports.patterns = stalls(20, rng), stalls(40, rng), stalls(40, rng)
    await ports.start(
        [ports.random_reads(port, 40) for port in range(ports.reads)],
        [ports.random_writes(port, 40) for port in range(ports.writes)],
    )
    inputs, outputs = [], ["read_waits", "write_waits"]
    for port in range(ports.reads):
        inputs += [f"read_{port}_payload", f"read_{port}_valid", f"data_{port}_ready"]
        outputs += [f"read_{port}_ready", f"data_{port}_payload", f"data_{port}_valid"]
    for port in range(ports.writes):
        inputs += [f"write_{port}_payload", f"write_{port}_valid"]
        outputs += [f"write_{port}_ready", f"written_{port}"]
    for _ in range(40):
        await ports.bench.tick()
        await check_no_paths(ports.bench, inputs, outputs)
    await ports.finish(2000)
