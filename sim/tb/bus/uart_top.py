"""Testbench of a core behind a serial line, with the host's code at the pins."""

from collections import deque
from random import Random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.task import bridge, resume
from cocotb.triggers import Event, FallingEdge, First, Timer

from ...designs import registry
from ...designs.base import Frame, Job
from ...host.uart_link import Link, LinkError
from ...lib.bench import manifest

#: Duration of a cycle in nanoseconds.
PERIOD = 2
#: Bits of a low line after which a break is seen.
BREAK_BITS = 27
#: Streams of a core of GEMM for each product.
_OPERANDS = ("tiles", "weights", "acts")


class Pins:
    """A serial port for :class:`Link` at the design's pins.

    The host's code calls it from a thread; a blocking call lets simulated time pass.
    """

    def __init__(self, dut, rate=1.0, pause=0):
        self.dut = dut
        self.rng = Random(cocotb.RANDOM_SEED)
        self._bit = manifest().bus["divisor"] * PERIOD / rate
        self._pause = pause
        self._out: deque[int] = deque()
        self._received = bytearray()
        self._sends, self._came = Event(), Event()
        #: Number of following frames without a stop bit.
        self.broken = 0
        dut.uart_rx.value = 1
        Clock(dut.clk, PERIOD, "ns").start(start_high=False)
        self._sender = cocotb.start_soon(self._send())
        cocotb.start_soon(self._receive())

    async def bits(self, count):
        await Timer(round(count * self._bit * 1000), "ps")

    async def _send(self):
        while True:
            while not self._out:
                self._sends.clear()
                await self._sends.wait()
            byte = self._out.popleft()
            stop, self.broken = self.broken == 0, max(0, self.broken - 1)
            for level in (0, *(byte >> bit & 1 for bit in range(8)), int(stop)):
                self.dut.uart_rx.value = level
                await self.bits(1)
            self.dut.uart_rx.value = 1
            if not stop or self.rng.randrange(100) < self._pause:
                await self.bits(self.rng.uniform(0.5, 30))

    async def _receive(self):
        while True:
            await FallingEdge(self.dut.uart_tx)
            await self.bits(0.5)
            byte = 0
            for bit in range(8):
                await self.bits(1)
                byte |= int(self.dut.uart_tx.value) << bit
            await self.bits(1)
            assert self.dut.uart_tx.value, "a frame came without a stop bit"
            self._received.append(byte)
            self._came.set()

    @property
    def in_waiting(self):
        return len(self._received)

    def write(self, data):
        self._out += data
        resume(self._wake)()

    async def _wake(self):
        self._sends.set()

    def read(self, size):
        if not self._received:
            resume(self._wait)()
        data = bytes(self._received[:size])
        del self._received[:size]
        return data

    async def _wait(self):
        """Wait for a byte, but not for ever after the last one was sent."""
        for _ in range(50):
            self._came.clear()
            await First(self._came.wait(), Timer(round(100 * self._bit), "ns"))
            while self._out and not self._received:
                await self.bits(20)
            if self._received:
                return

    def send_break(self, duration):
        self._out.clear()
        resume(self._break)()

    async def _break(self):
        self._sender.cancel()
        self.dut.uart_rx.value = 0
        await self.bits(BREAK_BITS + 1)
        for _ in range(12):
            assert self.dut.uart_tx.value, "something is sent in a break"
            await self.bits(1)
        self.dut.uart_rx.value = 1
        await self.bits(2)
        self._sender = cocotb.start_soon(self._send())

    def reset_input_buffer(self):
        self._received.clear()


class Work:
    """Jobs with random operands, whose results must match the golden model."""

    def __init__(self, dut):
        self.manifest = manifest()
        self.model = registry.model(self.manifest)
        self.random = np.random.default_rng(cocotb.RANDOM_SEED)

    def job(self) -> Job:
        return self.model.random_job(self.random, 1)

    def some(self):
        """Frames, the number of result words for them, and a function that checks these."""
        job = self.job()

        def check(words):
            assert np.array_equal(job.gather(words), job.expected), "wrong results"

        return job.frames(), job.result_words, check


def run(link, work):
    """Run some work to its end."""
    frames, count, check = work.some()
    check(link.transfer(frames, count))


def in_thread(function):
    """A test whose body is the host's blocking code, in a thread."""

    async def test(dut, **options):
        pins, work = Pins(dut, **options), Work(dut)

        def body():
            return function(dut, pins, work)

        await pins.bits(5)
        await bridge(body)()

    test.__name__ = test.__qualname__ = function.__name__
    test.__doc__, test.__module__ = function.__doc__, function.__module__
    return test


@cocotb.test()
@cocotb.parametrize(rate=[0.98, 1.0, 1.02], pause=[0, 20])
@in_thread
def works(dut, pins, work):
    """Jobs one after the other, by slow, fast and pausing hosts."""
    link = Link(pins, work.manifest)
    for _ in range(3):
        run(link, work)


@cocotb.test()
@in_thread
def registers(dut, pins, work):
    """Constants match the manifest; accesses that a register does not allow are refused."""
    link = Link(pins, work.manifest)
    for name, register in link.registers.items():
        if register["access"] == "wo":
            refused(lambda name=name: link.read(name), f"Register {name} must be readable")
        elif name not in ("MODE", "STATUS"):
            value = link.read(name)
            assert value == register["reset"], f"{name} reads {value:#x}"
        if register["access"] == "ro":
            refused(lambda name=name: link.write(name, 1), f"Register {name} must be writable")
    assert link.read("DIGEST") == int(work.manifest.digest[:8], 16)
    if work.manifest.digest[8:]:  # of a design, rather than of a unit by itself
        assert link.read("REVISION") == int(work.manifest.revision, 16)
    link.write("INTERRUPT_ENABLE", 2)
    assert link.read("INTERRUPT_ENABLE") == 2


@cocotb.test()
@in_thread
def status(dut, pins, work):
    """The LED is on while results are owed; registers report the end of the results."""
    link = Link(pins, work.manifest)
    assert link.read("INTERRUPT") == 0
    assert not dut.led.value
    frames, count, check = work.some()
    first = next(frames)
    link.transfer([first], 0)
    assert link.read("STATUS") & 1
    assert dut.led.value
    check(link.transfer(frames, count))
    assert link.read("STATUS") == 0
    assert link.read("INTERRUPT") == 1
    assert link.read("ERROR") == 0
    assert not dut.led.value


@cocotb.test()
@in_thread
def break_in_the_middle(dut, pins, work):
    """A break in frames, accesses and results; the next job is right."""
    link = Link(pins, work.manifest)
    for _ in range(4):
        frames, _, _ = work.some()
        data = b"".join(link.encoded(frame) for frame in frames)
        pins.write(data[: min(len(data), pins.rng.randint(1, 500))])
        resume(pins.bits)(pins.rng.uniform(0, 6000))
        link.reset()
        run(link, work)


@cocotb.test()
@in_thread
def blocked(dut, pins, work):
    """Words that the core does not take keep accesses behind them waiting, until a break."""
    link = Link(pins, work.manifest)
    for name, stream in work.manifest.bus["streams"].items():
        # A core of GEMM takes few weights and activations without a tile, and few tiles without.
        if name not in _OPERANDS or "tiles" not in work.manifest.bus["streams"]:
            continue
        frames = (work.manifest.bus["depth"] - 2) // 33
        if frames < 10:
            continue
        frames = frames if name != "tiles" else 3
        for _ in range(frames):
            pins.write(bytes([0x80 | stream["index"] << 5 | 31]) + pins.rng.randbytes(32))
        pins.write(bytes([0x10, 0x00]))
        resume(pins.bits)(10 * 33 * frames + 100)
        answer = pins.read(pins.in_waiting)
        assert 0x08 not in answer, f"an access passed words of {name}"
        link.reset()
    run(link, work)


@cocotb.test()
@in_thread
def break_while_sending(dut, pins, work):
    """A break ends a long answer at once."""
    link = Link(pins, work.manifest)
    for _ in range(4):
        pins.write(bytes([0x10, 0x00]) * 20)
        resume(pins.bits)(pins.rng.uniform(410, 440))
        link.reset()
        assert link.read("ID") == int.from_bytes(b"BRWK", "big")


@cocotb.test()
@in_thread
def nonsense(dut, pins, work):
    """Random bytes without pauses; a break recovers from them."""
    link = Link(pins, work.manifest)
    for _ in range(2):
        pins.write(pins.rng.randbytes(600))
        resume(pins.bits)(7000)
        link.reset()
        run(link, work)


@cocotb.test()
@in_thread
def lost_byte(dut, pins, work):
    """A byte without a stop bit is reported; a reset recovers from it."""
    link = Link(pins, work.manifest)
    pins.broken = 1
    refused(lambda: link.read("ID"), "Device must get every byte, but lost one")
    link.reset()
    run(link, work)


@cocotb.test()
@in_thread
def soft_reset(dut, pins, work):
    """Earlier words, and words during the reset, are dropped."""
    link = Link(pins, work.manifest)
    frames, _, _ = work.some()
    first = next(frames)
    link.transfer([first], 0)
    link.write("CONTROL", 1)
    assert link.read("STATUS") & 2
    link.transfer([first, Frame("acts", np.zeros((99, 1), np.uint8))], 0)
    link.write("CONTROL", 0)
    assert link.read("STATUS") == 0
    run(link, work)


def refused(call, message):
    text = "no error"
    try:
        call()
    except LinkError as error:
        text = str(error)
    assert text.startswith(message), text
