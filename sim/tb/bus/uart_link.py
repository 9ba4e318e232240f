"""Testbench of the protocol of a serial line."""

import cocotb

from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Monitor, Recorder, Sink, Source, always, never, sparse, stalls

# As the unit's description has them; not taken from its code.
ESCAPE = 0xA5
END, CREDIT, LOST, UNKNOWN = 1, 2, 3, 4
DATA, BEGIN, LAST, WRITE, READ = 0x80, 0x40, 0x30, 0x20, 0x10


class Wire:
    """Sends bytes, never more than there are credits for, unless ``rude``."""

    def __init__(self, dut, device, stall, rude=False):
        self.dut, self.device, self.stall, self.rude = dut, device, stall, rude
        self.queue = []
        self.sent = 0
        dut.valid.value = dut.error.value = 0

    def step(self, cycle):
        room = self.rude or self.sent < self.device.credited
        send = bool(self.queue) and room and not self.stall()
        self.dut.valid.value = int(send)
        if send:
            self.dut.data.value = self.queue.pop(0)
            self.sent += 1


class Registers:
    """Answers accesses, sooner or later, with any values; records what was asked."""

    def __init__(self, dut, rng):
        self.dut, self.rng = dut, rng
        self.accesses, self.answers = [], []
        self.wait = None
        dut.registers_done.value = 0

    def step(self, cycle):
        bus = self.dut
        bus.registers_done.value = 0
        bus.registers_error.value = self.rng.getrandbits(1)
        bus.registers_read_data.value = self.rng.getrandbits(32)
        if self.wait == 0:
            error, value = self.rng.random() < 0.3, self.rng.getrandbits(32)
            self.answers.append((error, value))
            bus.registers_done.value = 1
            bus.registers_error.value = int(error)
            bus.registers_read_data.value = value
        if self.wait is not None:
            assert not bus.registers_request.value, "a request came before the answer"
            self.wait = self.wait - 1 if self.wait else None
        if bus.registers_request.value:
            assert int(bus.registers_strobe.value) == 0xF
            write, address = bool(bus.registers_write.value), int(bus.registers_address.value)
            value = int(bus.registers_write_data.value) if write else None
            self.accesses.append((write, address, value))
            self.wait = self.rng.choice([0, 0, 1, 7])


class Decoder:
    """What the bytes of ``o`` say: each is given to ``take``."""

    def __init__(self):
        self.results, self.replies = [], []
        self.credits = self.lost = 0
        self._reader = self._read()
        next(self._reader)

    def take(self, byte):
        self._reader.send(byte)

    def _read(self):
        while True:
            byte = yield
            if byte != ESCAPE:
                self.results.append(byte)
                continue
            code = yield
            if code == 0:
                self.results.append(ESCAPE)
            elif code == END:
                self.results.append("end")
            elif code == CREDIT:
                self.credits += 1
            elif code == LOST:
                self.lost += 1
            elif code == UNKNOWN:
                self.replies.append(("unknown", (yield)))
            elif code in (6, 7):
                self.replies.append(("write", code == 7))
            else:
                assert code in (8, 9), f"code {code:#x}"
                value = [(yield), (yield), (yield), (yield)]
                self.replies.append(("read", code == 9, int.from_bytes(value, "little")))


class Device:
    """The link under test, with everything around it."""

    def __init__(self, dut, stall_in=0, stall_out=0, stall_tx=0, results=(), rude=False):
        self.dut, self.bench = dut, Bench(dut)
        unit = manifest()
        rng = self.rng = self.bench.rng
        self.inputs, self.depth = unit.parameters["inputs"], unit.parameters["depth"]
        self.wire = Wire(dut, self, stalls(stall_in, rng), rude)
        self.registers = Registers(dut, rng)
        self.results = [data | keep << 8 | last << 9 for data, keep, last in results]
        streams = unit.streams
        names = [f"i_{number}" for number in range(self.inputs)]
        self.recorders = [Recorder(dut, name, streams[name]) for name in names]
        self.sinks = [Sink(dut, streams[name], stalls(stall_out, rng)) for name in names]
        self.found = Decoder()
        self.tx = Monitor(dut, "o", streams["o"], self.found.take)
        self.out = Sink(dut, streams["o"], stalls(stall_tx, rng))
        self.source = Source(dut, streams["results"], self.results, stalls(stall_in, rng))
        self.fed = Recorder(dut, "results", streams["results"])
        # What was sent, as the model sees it.
        self.expected = [[] for _ in names]
        self.accesses = []
        self.last = False

    async def start(self, *, any_state=True):
        await self.bench.reset(any_state=any_state)
        agents = [self.wire, self.registers, *self.sinks, *self.recorders]
        self.bench.agents = [*agents, self.tx, self.out, self.source, self.fed]

    @property
    def credited(self):
        """Bytes that the host may have sent by now."""
        return self.depth + self.found.credits * self.depth // 2

    def send(self, *data):
        self.wire.queue += data

    def words(self, stream, data):
        self.send(DATA | stream << 5 | (len(data) - 1), *data)
        for number, byte in enumerate(data):
            last = self.last and number == len(data) - 1
            self.expected[stream].append(byte | 1 << 8 | last << 9)
        self.last = False

    def mark_last(self):
        self.send(LAST)
        self.last = True

    def write(self, address, value):
        self.send(WRITE | address >> 8, address & 255, *value.to_bytes(4, "little"))
        self.accesses.append((True, address, value))

    def read(self, address):
        self.send(READ | address >> 8, address & 255)
        self.accesses.append((False, address, None))

    def unknown(self):
        """A header that there is not."""
        headers = [LAST, BEGIN, *range(READ, WRITE + 16), *range(DATA, DATA + 32 * self.inputs)]
        byte = self.rng.choice([b for b in range(256) if b not in headers])
        self.send(byte)
        self.accesses.append(byte)

    async def wait(self, cycles):
        for _ in range(cycles):
            await self.bench.tick()

    async def finish(self, limit=40_000, lost=0):
        """Until all that was sent has had its effect; checks it."""

        def done():
            replies = len(self.found.replies)
            accepted = all(
                len(recorder.words) >= len(expected)
                for recorder, expected in zip(self.recorders, self.expected, strict=True)
            )
            there = replies >= len(self.accesses) and self.source.done
            return not self.wire.queue and accepted and there

        await self.bench.run(done, limit)
        await self.wait(60)
        for recorder, expected in zip(self.recorders, self.expected, strict=True):
            assert recorder.words == expected
        accesses = [access for access in self.accesses if not isinstance(access, int)]
        assert self.registers.accesses == accesses
        received = self.found
        answers, replies = iter(self.registers.answers), []
        for access in self.accesses:
            if isinstance(access, int):
                replies.append(("unknown", access))
                continue
            error, value = next(answers)
            replies.append(("write", error) if access[0] else ("read", error, value))
        assert received.replies == replies
        results = []
        for word in self.results:
            results += [word & 255] * (word >> 8 & 1) + ["end"] * (word >> 9)
        assert received.results == results
        assert received.lost == lost
        return received


def something(device, count):
    """Frames of all kinds."""
    rng = device.rng
    for _ in range(count):
        action = rng.random()
        if action < 0.5:
            size = rng.choice([1, 1, 2, 31, 32, rng.randint(1, 32)])
            device.words(rng.randrange(device.inputs), [rng.getrandbits(8) for _ in range(size)])
        elif action < 0.6:
            device.mark_last()
        elif action < 0.75:
            device.write(rng.getrandbits(12), rng.getrandbits(32))
        elif action < 0.9:
            device.read(rng.getrandbits(12))
        else:
            device.unknown()


def some_results(rng, count):
    """Bytes, many of them the escape; packets end with a byte, or, without one, after it."""
    return [
        (rng.choice([ESCAPE, 0, rng.getrandbits(8)]), rng.random() < 0.9, rng.random() < 0.2)
        for _ in range(count)
    ]


@cocotb.test()
@cocotb.parametrize(stall_in=[0, 60], stall_out=[0, 60], stall_tx=[0, 80])
async def everything(dut, stall_in, stall_out, stall_tx):
    """Frames, accesses, results and credits at the same time."""
    rng = Bench(dut).rng
    device = Device(dut, stall_in, stall_out, stall_tx, some_results(rng, 300))
    await device.start()
    something(device, 150)
    received = await device.finish()
    assert received.credits == device.wire.sent // (device.depth // 2)


@cocotb.test()
async def every_header(dut):
    """Each byte as a header, with what it takes after it; an unknown one is skipped."""
    device = Device(dut)
    await device.start()
    rng = device.rng
    for head in range(256):
        if head >= DATA and head - DATA >> 5 < device.inputs:
            count = (head & 31) + 1
            device.words(head - DATA >> 5, [rng.getrandbits(8) for _ in range(count)])
        elif head >> 4 == 1:
            device.read((head & 15) << 8 | rng.getrandbits(8))
        elif head >> 4 == 2:
            device.write((head & 15) << 8 | rng.getrandbits(8), rng.getrandbits(32))
        elif head == LAST:
            device.mark_last()
        elif head == BEGIN:
            device.send(head)
        else:
            device.send(head)
            device.accesses.append(head)
    await device.finish()


@cocotb.test()
async def throughput(dut):
    """A cycle for a header, one for each byte."""
    device = Device(dut)
    await device.start()
    frames = device.depth // 33
    for number in range(frames):
        device.words(number % device.inputs, list(range(32)))
    await device.finish()
    accepted = sorted(cycle for recorder in device.recorders for cycle in recorder.accepted)
    assert accepted == [accepted[0] + frame * 33 + n for frame in range(frames) for n in range(32)]


@cocotb.test()
async def credits(dut):
    """While nothing is taken, a full queue is all that is sent; then two credits come at once."""
    device = Device(dut)
    block = [always]
    device.sinks[0]._stall = lambda: block[0]()
    await device.start()
    half = device.depth // 2
    for _ in range(device.depth // 32):
        device.words(0, [device.rng.getrandbits(8) for _ in range(31)])
    device.words(0, list(range(10)))
    await device.wait(2 * device.depth)
    assert device.wire.sent == device.depth
    assert device.found.credits == 0
    block[0] = never
    received = await device.finish()
    assert received.credits == device.wire.sent // half == 2


@cocotb.test()
async def begin(dut):
    """Credits are counted from there on, and those that are not yet on their way are void."""
    device = Device(dut, rude=True)
    await device.start()
    half = device.depth // 2
    for count in (1, half - 1, half + 3):
        before = device.found.credits + count // half
        device.send(*[LAST] * count, BEGIN, *[LAST] * (half - 1))
        await device.wait(3 * device.depth)
        assert device.found.credits == before
        device.send(LAST)
        await device.wait(20)
        assert device.found.credits == before + 1
    device.out._stall = always
    await device.wait(3)
    device.send(*[LAST] * (2 * half), BEGIN)
    await device.wait(3 * device.depth)
    device.out._stall = never
    await device.wait(50)
    assert device.found.credits == before + 2


@cocotb.test()
async def too_much(dut):
    """A byte beyond the queue's room is lost, and all after it; not those before."""
    device = Device(dut, rude=True, results=[(1, 1, 0), (2, 1, 1)])
    block = [always]
    device.sinks[0]._stall = lambda: block[0]()
    await device.start()
    device.words(0, [7] * 32)
    await device.wait(50)  # its header has left the queue
    data = [device.rng.getrandbits(8) for _ in range(device.depth - 32)]
    device.send(*[(DATA | 0 << 5 | 0, byte)[n] for byte in data[::2] for n in (0, 1)])
    device.expected[0] += [byte | 1 << 8 for byte in data[::2]]
    await device.wait(device.depth)
    assert device.found.lost == 0
    device.send(0x13)
    await device.wait(20)
    assert device.found.lost == 1
    block[0] = never
    await device.wait(2 * device.depth)
    device.send(DATA, 1, READ, 0, 0x77)
    await device.finish(lost=1)


@cocotb.test()
async def broken_byte(dut):
    """After a byte without a stop bit nothing is done but what came before."""
    device = Device(dut)
    await device.start()
    device.words(0, [1, 2, 3])
    device.read(0x123)
    await device.wait(40)
    dut.error.value = 1
    await device.bench.tick()
    dut.error.value = 0
    device.send(DATA, 1, READ, 0, 0x77)
    await device.finish(lost=1)


@cocotb.test()
@cocotb.parametrize(waiting=["end", "reply", "credit", "all"])
async def broken_while_blocked(dut, waiting):
    """A lost byte is reported after all that waits for the line, and that is not lost."""
    waiting = {"end", "reply", "credit"} if waiting == "all" else {waiting}
    device = Device(dut, results=[(7, 1, "end" in waiting)])
    device.out._stall = always
    await device.start()
    if "reply" in waiting:
        device.read(0x123)
    if "credit" in waiting:
        device.send(*[LAST] * (device.depth // 2))
    await device.wait(device.depth)
    dut.error.value = 1
    await device.bench.tick()
    dut.error.value = 0
    await device.wait(9)
    device.out._stall = never
    received = await device.finish(lost=1)
    assert received.credits == ("credit" in waiting)


@cocotb.test()
async def broken_any_time(dut):
    """Among everything else: what came before is done, the host is told once, results go on."""
    rng = Bench(dut).rng
    for _ in range(10):
        device = Device(dut, 20, 30, rng.choice([0, 60]), some_results(rng, 80))
        await device.start()
        something(device, 60)
        await device.wait(rng.randrange(300))
        dut.error.value = 1
        await device.bench.tick()
        dut.error.value = 0
        await device.bench.run(lambda device=device: device.source.done, 4000)
        await device.wait(400)
        device.accesses = device.accesses[: len(device.found.replies)]
        for expected, recorder in zip(device.expected, device.recorders, strict=True):
            del expected[len(recorder.words) :]
        device.wire.queue.clear()
        await device.finish(lost=1)


@cocotb.test()
async def reset(dut):
    """In the middle of anything; then all is as at the beginning, with full credit."""
    rng = Bench(dut).rng
    for cycles in (3, 30, 100, 300, *(rng.randrange(400) for _ in range(10))):
        device = Device(dut, 20, 50, 70, some_results(rng, 50))
        await device.start()
        something(device, 100)
        await device.wait(cycles)
        device = Device(dut, results=[(ESCAPE, 1, 1)])
        await device.start(any_state=rng.randrange(2))
        something(device, 40)
        received = await device.finish()
        assert received.credits == device.wire.sent // (device.depth // 2)


@cocotb.test()
async def slow_line(dut):
    """A sender that takes a byte rarely, as a real one: nothing is lost, and credits don't wait."""
    rng = Bench(dut).rng
    device = Device(dut, results=some_results(rng, 3 * manifest().parameters["depth"]))
    device.out._stall = sparse(1, 20)
    await device.start()
    for _ in range(4 * device.depth // 33 + 1):
        device.words(0, list(range(32)))
    # Half a queue, what is being sent, and the credit itself.
    await device.bench.run(lambda: device.found.credits == 1, device.depth // 2 + 6 * 21)
    assert len(device.found.results) < len(device.results) // 2
    await device.finish(40 * len(device.results) + 40_000)


@cocotb.test()
async def no_input_reaches_o(dut):
    """The sender sees registers alone."""
    device = Device(dut, 30, 30, 30, some_results(Bench(dut).rng, 200))
    await device.start()
    something(device, 40)
    for _ in range(200):
        await device.bench.tick()
        inputs = ["data", "valid", "error", "results_payload", "results_valid", "o_ready"]
        await check_no_paths(device.bench, inputs, ["o_payload", "o_valid"])
    await device.finish()
