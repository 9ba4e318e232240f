"""Testbench of the receiver of a serial line."""

from collections import deque

import cocotb

from ...lib.bench import Bench, manifest
from ...lib.streams import never

#: Bits of a low line after which a break must not, and must, be seen.
FRAMES, BREAK_BITS = 20, 27
#: Cycles from the middle of a stop bit to the byte: synchroniser, majority, decision.
LATENCY = 6


def off(divisor):
    """What the other end's rate may be off by."""
    return 0.025 if divisor < 5 else 0.035 if divisor < 11 else 0.045


class Line:
    """Drives the line with levels and their durations in cycles, which need not be whole.

    Times are summed up, so that the duration of many bits is right whatever the clock's grid.
    """

    def __init__(self, dut, clock):
        self.dut, self.clock = dut, clock
        self.levels = []  # (time of the end, level)
        self.end = 0.0
        self.at = 0
        self.dut.i.value = 1

    def hold(self, level, cycles):
        self.end = max(self.end, self.clock() + 1) + cycles
        self.levels.append((self.end, level))

    def frame(self, byte, bit, stop=1):
        for level in (0, *(byte >> position & 1 for position in range(8)), stop):
            self.hold(level, bit)

    @property
    def idle(self):
        return not self.levels

    def step(self, cycle):
        while self.levels and self.levels[0][0] <= cycle:
            self.levels.pop(0)
        self.dut.i.value = self.levels[0][1] if self.levels else 1


def received(divisor):
    """What is received, from a reset on, of a line without glitches.

    Yields ``(byte or None, error, break_)`` of each cycle, and is sent that cycle's level.
    """
    line = yield None, 0, 0
    until_break = 15 * divisor + 1
    while True:
        low = 0
        while not line:
            low += 1
            line = yield None, 0, int(low >= until_break)
        while True:
            while line:
                line = yield None, 0, 0
            bits = []
            for cycles in ((divisor - 1) // 2, *[divisor] * 9):
                for _ in range(cycles):
                    line = yield None, 0, 0
                bits.append(line)
                if bits[0]:
                    break
            byte = sum(bit << position for position, bit in enumerate(bits[1:9]))
            if bits[0]:
                line = yield None, 0, 0
            elif line:
                line = yield byte, 0, 0
            else:
                line = yield None, 1, 0
                break
        until_break = 16 * divisor


class Expected:
    """Compares the receiver with :func:`received` in each cycle, also of a reset."""

    def __init__(self, dut, divisor):
        self.dut, self.divisor = dut, divisor
        self._reset()

    def _reset(self):
        # Two flip-flops, three cycles in a row, and the majority's register.
        self.levels = deque([0] * 6, 6)
        self.received = received(self.divisor)
        self.expected = next(self.received)

    def step(self, cycle):
        dut = self.dut
        valid = int(dut.data.value) if dut.valid.value else None
        actual = valid, int(dut.error.value), int(dut.break_.value)
        assert actual == self.expected, f"cycle {cycle}: {actual} instead of {self.expected}"
        if dut.rst.value:
            self._reset()
            return
        self.levels.append(int(dut.i.value))
        line = sum(list(self.levels)[:3]) >= 2
        self.expected = self.received.send(int(line))


class Receiver:
    """Records what is received, and when."""

    def __init__(self, dut):
        self.dut = dut
        self.bytes, self.valid, self.errors, self.break_ = [], [], [], []

    def step(self, cycle):
        if self.dut.valid.value:
            self.bytes.append(int(self.dut.data.value))
            self.valid.append(cycle)
        if self.dut.error.value:
            self.errors.append(cycle)
        if self.dut.break_.value:
            self.break_.append(cycle)


class Serial:
    """The receiver under test, its line, and what comes of it."""

    def __init__(self, dut):
        self.bench = Bench(dut)
        self.divisor = manifest().parameters["divisor"]
        self.line = Line(dut, lambda: self.bench.cycle)
        self.receiver = Receiver(dut)

    async def start(self, *, exact=True):
        await self.bench.reset()
        self.bench.agents = [self.receiver, self.line]
        if exact:
            self.bench.agents.insert(0, Expected(self.bench.dut, self.divisor))
        await self.wait(2)

    async def wait(self, bits):
        for _ in range(int(bits * self.divisor) + 1):
            await self.bench.tick()

    async def finish(self):
        """Until all that is to be sent was sent, and received."""
        await self.bench.run(lambda: self.line.idle, 1 << 30)
        await self.wait(2)

    def bytes(self, count):
        rng = self.bench.rng
        count = min(count, 1500 // self.divisor)
        return [0x00, 0xFF, 0x55, 0xAA, 0x01, 0x80, *(rng.getrandbits(8) for _ in range(count))]


async def send(dut, share=0.0, pause=never):
    """Bytes at a rate that is off by ``share``, with pauses of any length where ``pause`` says."""
    serial = Serial(dut)
    await serial.start(exact=False)
    sent = serial.bytes(60)
    # Where the clock's grid meets the first edge is as it comes.
    for byte in sent:
        serial.line.frame(byte, serial.divisor / (1 + share))
        if pause():
            serial.line.hold(1, serial.bench.rng.uniform(0, 3 * serial.divisor))
    await serial.finish()
    assert serial.receiver.bytes == sent
    assert not serial.receiver.errors
    assert not serial.receiver.break_
    return serial


@cocotb.test()
async def throughput_and_latency(dut):
    """Frames without a pause; each byte comes right after the middle of its stop bit."""
    serial = await send(dut)
    valid = serial.receiver.valid
    frame = 10 * serial.divisor
    assert [cycle - valid[0] for cycle in valid] == [n * frame for n in range(len(valid))]
    late = valid[0] - (2 * serial.divisor + 1 + 9.5 * serial.divisor)
    assert LATENCY - 1 <= late <= LATENCY + 1, late


@cocotb.test()
@cocotb.parametrize(sign=[-1, 1], paused=[0, 1])
async def rates(dut, sign, paused):
    """The other end is slower, or faster, by as much as is allowed."""
    divisor = manifest().parameters["divisor"]
    rng = Bench(dut).rng
    await send(dut, sign * off(divisor), (lambda: rng.random() < 0.5) if paused else never)


@cocotb.test()
async def glitches(dut):
    """Neither pulses of a cycle, at any time, nor start bits that end early are anything."""
    serial = Serial(dut)
    await serial.start()
    divisor, rng, line = serial.divisor, serial.bench.rng, serial.line
    sent = serial.bytes(30)
    for byte in sent:
        line.hold(0, 1)
        line.hold(1, divisor)
        if divisor >= 8:
            line.hold(0, divisor // 2 - 2)
            line.hold(1, divisor)
        for level in (0, *(byte >> position & 1 for position in range(8)), 1):
            # Two cycles to either side remain, so that a majority is the level's.
            before = rng.randint(2, divisor - 2) if divisor >= 5 else divisor
            line.hold(level, before)
            if before + 1 < divisor:
                line.hold(1 - level, 1)
                line.hold(level, divisor - before - 1)
            elif before < divisor:
                line.hold(level, divisor - before)
    await serial.finish()
    assert serial.receiver.bytes == sent
    assert not serial.receiver.errors


@cocotb.test()
async def no_stop_bit(dut):
    """A frame without a stop bit is dropped; the next one is right once the line was high."""
    serial = Serial(dut)
    await serial.start()
    divisor, line = serial.divisor, serial.line
    sent, errors = [], 0
    for byte in serial.bytes(10):
        line.frame(byte, divisor, stop=0)
        # Low for a while longer, but for no break; a frame that began now would be nonsense.
        line.hold(0, serial.bench.rng.uniform(0, 9 * divisor))
        line.hold(1, 4)
        line.frame(byte ^ 0x5A, divisor)
        sent.append(byte ^ 0x5A)
        errors += 1
    await serial.finish()
    assert serial.receiver.bytes == sent
    assert len(serial.receiver.errors) == errors
    assert not serial.receiver.break_


@cocotb.test()
async def anything(dut):
    """Frames with and without a stop bit, noise, and lines that are low for any time."""
    serial = Serial(dut)
    await serial.start()
    divisor, rng, line = serial.divisor, serial.bench.rng, serial.line
    for number in range(48 if divisor < 16 else 10):
        for _ in range(rng.choice([0, 12])):
            line.hold(rng.randrange(2), rng.randint(1, 4))
        if number % 4 == 1:
            # A start bit that is low again by its middle is one.
            line.hold(1, 12 * divisor)
            for level in (0, 1):
                line.hold(level, 2)
        line.frame(rng.getrandbits(8), divisor, stop=rng.randrange(2))
        # Around multiples of a bit's cycles something is decided.
        low = rng.choice([0, *range(17)])
        line.hold(0, max(1, low * divisor + rng.randint(-3, 3)))
        line.hold(1, rng.choice([1, 2, 3, divisor // 2, divisor, 9 * divisor]))
        if number % 4 == 3:
            await serial.wait(rng.uniform(0, 60))
            dut.rst.value = 1
            await serial.bench.tick()
            dut.rst.value = 0
            # The line is low from the reset on, or goes on.
            if rng.randrange(2):
                line.levels, line.end = [], 0.0
            line.hold(0, rng.randint(14, 17) * divisor + rng.randint(-3, 3))
            line.hold(1, divisor)
    await serial.finish()


@cocotb.test()
async def ends_of_low_lines(dut):
    """The line goes high in the very cycle of a sample, behind a frame without a stop bit."""
    serial = Serial(dut)
    await serial.start()
    divisor, rng, line = serial.divisor, serial.bench.rng, serial.line
    # Samples of a line that stays low are a bit apart, from the middle of the stop bit on.
    middle = divisor // 2 + 1
    for bits in range(1, 18) if divisor < 16 else (1, 10, 15, 16, 17):
        for off_by in (0, -1, 1) if bits > 15 else (0,):
            line.frame(rng.getrandbits(8), divisor, stop=0)
            line.hold(0, bits * divisor - middle + off_by)
            line.hold(1, 2 * divisor)
    await serial.finish()


@cocotb.test()
async def breaks(dut):
    """Only after two frames of a low line, and until it is high."""
    serial = Serial(dut)
    await serial.start()
    divisor, line, receiver = serial.divisor, serial.line, serial.receiver
    for number, bits in enumerate((FRAMES, BREAK_BITS, 100)):
        begin = serial.bench.cycle
        line.hold(0, bits * divisor)
        line.hold(1, 2 * divisor)
        line.frame(0xA7 + number, divisor)
        await serial.finish()
        assert receiver.bytes.pop() == 0xA7 + number
        assert len(receiver.errors) == number + 1
        if bits == FRAMES:
            assert not receiver.break_
            continue
        first, last = receiver.break_[0] - begin, receiver.break_[-1] - begin
        assert FRAMES * divisor < first <= BREAK_BITS * divisor, first / divisor
        assert bits * divisor <= last <= bits * divisor + LATENCY + 1, last / divisor
        assert len(receiver.break_) == last - first + 1, "break_ was not up all the time"
        receiver.break_.clear()
    assert not receiver.bytes


@cocotb.test()
async def reset(dut):
    """It ends a frame, and a break; nothing is received before the line was high."""
    serial = Serial(dut)
    await serial.start()
    divisor, line, receiver = serial.divisor, serial.line, serial.receiver
    for bits in (3, BREAK_BITS + 2):
        line.hold(0, (bits + 9) * divisor)
        await serial.wait(bits)
        assert bool(dut.break_.value) == (bits > BREAK_BITS)
        errors = len(receiver.errors)
        dut.rst.value = 1
        await serial.bench.tick()
        dut.rst.value = 0
        line.hold(1, 2 * divisor)
        line.frame(0x3C, divisor)
        await serial.finish()
        assert receiver.bytes.pop() == 0x3C
        assert not receiver.bytes
        assert len(receiver.errors) == errors
        assert not dut.break_.value
