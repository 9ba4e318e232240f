"""Testbench of the registers' port, with a manager of cocotbext-axi and one cycle by cycle."""

from itertools import pairwise

import cocotb
from cocotb.triggers import Combine
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp

from ...lib.bench import Bench, check_no_paths
from ...lib.streams import stalls

OKAY, SLVERR = 0, 2
#: Cycles from the last part of an access to its answer, and between two of a kind.
CYCLES = 3
CHANNELS = ("aw", "w", "ar")
ANSWERS = {"b": ("resp",), "r": ("resp", "data")}


class Registers:
    """Answers a request in the next cycle; every fourth register is wrong."""

    def __init__(self, dut):
        self.dut = dut
        self.words = {}
        self.asked = []  # (cycle, write, address, strobe, data)
        for name in ("done", "error", "read_data"):
            getattr(dut, f"registers_{name}").value = 0

    def step(self, cycle):
        dut = self.dut
        request = bool(dut.registers_request.value)
        dut.registers_done.value = request
        if not request:
            # What is there without ``done`` means nothing.
            dut.registers_error.value = 1
            dut.registers_read_data.value = cycle * 0x9E3779B9 & 0xFFFFFFFF
            return
        write, address, strobe, data = (
            int(getattr(dut, f"registers_{name}").value)
            for name in ("write", "address", "strobe", "write_data")
        )
        before = [when for when, access, *_ in self.asked[-2:] if access == write]
        assert all(cycle - when >= CYCLES for when in before), f"cycle {cycle}: asked too soon"
        self.asked.append((cycle, write, address, strobe, data))
        wrong = address >> 2 & 3 == 3
        dut.registers_error.value = wrong
        old = self.words.get(address, 0)
        if write and not wrong:
            mask = sum(0xFF << 8 * byte for byte in range(4) if strobe >> byte & 1)
            self.words[address] = old & ~mask | data & mask
        dut.registers_read_data.value = 0 if wrong else old


class Rules:
    """An answer that is offered stays as it is until it is taken; counts what moves.

    Attributes
    ----------
    moved : dict
        Channel to the cycles of its transfers; ``offered`` those of what is offered first.
    """

    def __init__(self, dut):
        self.dut = dut
        self.moved = {name: [] for name in (*CHANNELS, *ANSWERS)}
        self.offered = {name: [] for name in ANSWERS}
        self.waiting = dict.fromkeys(ANSWERS)

    def handle(self, name):
        return getattr(self.dut, f"axi_{name}")

    def step(self, cycle):
        for name in CHANNELS:
            if self.handle(f"{name}valid").value and self.handle(f"{name}ready").value:
                self.moved[name].append(cycle)
        for name, signals in ANSWERS.items():
            if not self.handle(f"{name}valid").value:
                assert self.waiting[name] is None, f"cycle {cycle}: {name}valid was taken back"
                continue
            values = [int(self.handle(name + signal).value) for signal in signals]
            if self.waiting[name] is None:
                self.offered[name].append(cycle)
            else:
                assert values == self.waiting[name], f"cycle {cycle}: the {name} answer changed"
            self.waiting[name] = values
            if self.handle(f"{name}ready").value:
                self.moved[name].append(cycle)
                self.waiting[name] = None
        # No answer without an access.
        writes = min(len(self.moved["aw"]), len(self.moved["w"]))
        assert len(self.offered["b"]) <= writes
        assert len(self.offered["r"]) <= len(self.moved["ar"])


class Lite:
    """The port between a manager and registers."""

    def __init__(self, dut):
        self.dut, self.bench = dut, Bench(dut)
        self.rng = self.bench.rng
        self.registers, self.rules = Registers(dut), Rules(dut)
        for name in CHANNELS:
            getattr(dut, f"axi_{name}valid").value = 0
        for name in ANSWERS:
            getattr(dut, f"axi_{name}ready").value = 0
        for name in ("awprot", "arprot"):
            getattr(dut, f"axi_{name}").value = 0

    async def start(self):
        await self.bench.reset()
        self.bench.agents = [self.rules, self.registers]

    def offer(self, channel, **values):
        """Offer something from this cycle on."""
        for name, value in values.items():
            getattr(self.dut, f"axi_{channel}{name}").value = value
        getattr(self.dut, f"axi_{channel}valid").value = 1

    async def ticks(self, cycles):
        """Cycles, after each of which what was taken is no longer offered."""
        for _ in range(cycles):
            before = {name: len(self.rules.moved[name]) for name in CHANNELS}
            await self.bench.tick()
            for name, count in before.items():
                if len(self.rules.moved[name]) > count:
                    getattr(self.dut, f"axi_{name}valid").value = 0


@cocotb.test(timeout_time=100, timeout_unit="us")
@cocotb.parametrize(pauses=[(0, 0), (60, 0), (0, 60), (60, 60)])
async def manager(dut, pauses):
    """Reads and writes of single bytes and of many words, several at a time."""
    lite = Lite(dut)
    rng = lite.rng
    master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "axi"), dut.clk, dut.rst)
    asks, takes = pauses
    for side, channels in (
        (master.write_if, {"aw": asks, "w": asks, "b": takes}),
        (master.read_if, {"ar": asks, "r": takes}),
    ):
        side.log.setLevel("WARNING")
        for name, percent in channels.items():
            channel = getattr(side, f"{name}_channel")
            channel.log.setLevel("WARNING")
            if percent:
                channel.set_pause_generator(iter(stalls(percent, rng), None))
    await lite.start()
    expected = {}

    async def write(address):
        """A few bytes; a word of them is refused if it is one of the wrong ones."""
        data = rng.randbytes(rng.choice([1, 2, 3, 4, 4, 4, 8]))
        data = data[: 4 - address % 4] if len(data) <= 4 else data
        answer = await master.write(address, data)
        right = True
        for offset, byte in enumerate(data):
            word = (address + offset) & ~3
            # The first address of a burst need not be aligned; registers see it as it is.
            at = address if offset < 4 - address % 4 else word
            wrong = at >> 2 & 3 == 3
            right &= not wrong
            if not wrong:
                lane = (address + offset) % 4
                old = expected.get(at, 0)
                expected[at] = old & ~(0xFF << 8 * lane) | byte << 8 * lane
        assert answer.resp == (AxiResp.OKAY if right else AxiResp.SLVERR)

    async def read(address):
        """The bytes from an address to the end of its word."""
        lane = address % 4
        answer = await master.read(address, 4 - lane)
        wrong = address >> 2 & 3 == 3
        assert answer.resp == (AxiResp.SLVERR if wrong else AxiResp.OKAY)
        word = 0 if wrong else lite.registers.words.get(address, 0)
        assert int.from_bytes(answer.data, "little") == word >> 8 * lane

    async def clock():
        while True:
            await lite.bench.tick()

    clocked = cocotb.start_soon(clock())
    # A few words, byte by byte, and any others.
    few = [rng.randrange(0, 4080) & ~3 for _ in range(4)]
    for number in range(90):
        word = rng.choice(few) if number % 3 else rng.randrange(0, 4080)
        await write(word & ~3 | rng.randrange(4) if number % 2 else word)
        await read(rng.choice([*lite.registers.words, 0x0C]))
    assert lite.registers.words == expected
    # A read and writes at the same time, to other registers than those that are read.
    for _ in range(15):
        tasks = [cocotb.start_soon(write(0x800 + 4 * rng.randrange(64))) for _ in range(3)]
        tasks += [cocotb.start_soon(read(4 * rng.randrange(64))) for _ in range(3)]
        await Combine(*tasks)
    clocked.cancel()
    moved = lite.rules.moved
    assert len(moved["b"]) == len(moved["aw"]) == len(moved["w"])
    assert len(moved["r"]) == len(moved["ar"])
    assert len(lite.registers.asked) == len(moved["b"]) + len(moved["r"])


@cocotb.test()
async def latency(dut):
    """Of a read, and of a write whose parts come together or one after the other."""
    lite = Lite(dut)
    await lite.start()
    dut.axi_bready.value = dut.axi_rready.value = 1
    for first in (None, "aw", "w"):
        for gap in (1, 2, 7):
            values = {"aw": {"addr": 0x10}, "w": {"data": gap, "strb": 15}}
            for channel in sorted(values, key=lambda name, first=first: name != first):
                lite.offer(channel, **values[channel])
                if first:
                    await lite.ticks(gap)
                first = first or channel
            await lite.ticks(12)
            last = max(lite.rules.moved["aw"][-1], lite.rules.moved["w"][-1])
            assert lite.rules.offered["b"][-1] == last + CYCLES
            assert lite.registers.asked[-1][1:] == (1, 0x10, 15, gap)
    lite.offer("ar", addr=0x10)
    await lite.ticks(12)
    assert lite.rules.offered["r"][-1] == lite.rules.moved["ar"][-1] + CYCLES
    assert len(lite.registers.asked) == 10


@cocotb.test()
async def throughput(dut):
    """Writes, reads, and both in turn, as fast as they go."""
    lite = Lite(dut)
    await lite.start()
    dut.axi_bready.value = dut.axi_rready.value = 1
    for write, read in ((1, 0), (0, 1), (1, 1)):
        first = len(lite.registers.asked)
        for n in range(40):
            if write:
                lite.offer("aw", addr=4 * n & 0xFF)
                lite.offer("w", data=n, strb=15)
            if read:
                lite.offer("ar", addr=4 * n & 0xFF)
            await lite.ticks(1)
        for name in CHANNELS:
            getattr(dut, f"axi_{name}valid").value = 0
        asked = lite.registers.asked[first:]
        apart = {b[0] - a[0] for a, b in pairwise(asked)}
        accesses = [access for _, access, *_ in asked]
        if write and read:
            # In turn, whatever came first.
            assert all(a != b for a, b in pairwise(accesses)), accesses
            assert apart == {2}
            for access in (0, 1):
                cycles = [cycle for cycle, which, *_ in asked if which == access]
                assert min(b - a for a, b in pairwise(cycles)) >= CYCLES
        else:
            assert apart == {CYCLES}
            assert set(accesses) == {write}
        await lite.ticks(20)


@cocotb.test()
async def answers_that_wait(dut):
    """While nobody takes an answer the next access of its kind waits, the other kind does not."""
    lite = Lite(dut)
    await lite.start()
    for n in (1, 2):
        lite.offer("aw", addr=0x20)
        lite.offer("w", data=n, strb=15)
        await lite.ticks(10)
    assert lite.registers.words == {0x20: 1}
    dut.axi_rready.value = 1
    lite.offer("ar", addr=0x20)
    await lite.ticks(10)
    assert len(lite.rules.moved["r"]) == 1
    dut.axi_rready.value = 0
    for _ in range(2):
        lite.offer("ar", addr=0x24)
        await lite.ticks(10)
    dut.axi_bready.value = 1
    await lite.ticks(10)
    assert lite.registers.words == {0x20: 2}
    assert len(lite.rules.moved["b"]) == 2
    assert len(lite.rules.moved["r"]) == 1
    dut.axi_rready.value = 1
    await lite.ticks(10)
    assert len(lite.rules.moved["r"]) == 3


@cocotb.test()
async def half_a_write(dut):
    """It waits for the other half, and lets reads pass."""
    for channel, values in (("aw", {"addr": 8}), ("w", {"data": 1, "strb": 15})):
        lite = Lite(dut)
        await lite.start()
        dut.axi_bready.value = dut.axi_rready.value = 1
        lite.offer(channel, **values)
        await lite.ticks(10)
        lite.offer("ar", addr=0)
        await lite.ticks(10)
        assert [asked[1:3] for asked in lite.registers.asked] == [(0, 0)]
        assert not lite.rules.offered["b"]


@cocotb.test()
async def outputs_come_from_registers(dut):
    lite = Lite(dut)
    rng = lite.rng
    await lite.start()
    inputs = [f"axi_{name}" for name in ("awvalid", "wvalid", "arvalid", "bready", "rready")]
    inputs += ["axi_awaddr", "axi_wdata", "axi_wstrb", "axi_araddr"]
    outputs = [f"axi_{name}ready" for name in CHANNELS]
    outputs += [f"axi_{name}" for name in ("bvalid", "bresp", "rvalid", "rresp", "rdata")]
    outputs += [f"registers_{name}" for name in ("request", "write", "address", "write_data")]
    for _ in range(60):
        dut.axi_bready.value, dut.axi_rready.value = rng.randrange(2), rng.randrange(2)
        for channel, name in (("aw", "addr"), ("w", "data"), ("ar", "addr")):
            if rng.randrange(2):
                lite.offer(channel, **{name: rng.randrange(1 << 12)})
        await lite.bench.tick()
        await check_no_paths(lite.bench, inputs, outputs)
    assert lite.registers.asked
