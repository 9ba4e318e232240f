"""Testbench of a core behind a serial line: the host's own code, at the pins."""

from collections import deque
from random import Random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.task import bridge, resume
from cocotb.triggers import Event, FallingEdge, First, Timer

from ...designs._eie import Layer, Plan
from ...designs._gemm import tiling
from ...golden.engine import product as golden_product
from ...golden.sparse import encode
from ...host.uart import Frame, Link, LinkError, eie_frames, gemm_frames
from ...lib.bench import manifest
from ...lib.host import Host

#: Duration of a cycle in nanoseconds.
PERIOD = 2


class Pins:
    """A serial port at the design's pins, as :class:`Link` takes it.

    Its calls are made in a thread, by the host's code; what they wait for happens in simulation.
    """

    def __init__(self, dut, rate=1.0, pause=0):
        self.dut = dut
        self.rng = Random(cocotb.RANDOM_SEED)
        self._bit = manifest().bus["divisor"] * PERIOD / rate
        self._pause = pause
        self._out: deque[int] = deque()
        self._received = bytearray()
        self._sends, self._came = Event(), Event()
        #: Frames to come whose stop bit is left out.
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
            for level in (0, *(byte >> place & 1 for place in range(8)), int(stop)):
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
            for place in range(8):
                await self.bits(1)
                byte |= int(self.dut.uart_tx.value) << place
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
        """Until a byte has come, or none comes for long after the last one was sent."""
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
        await self.bits(40)
        self.dut.uart_rx.value = 1
        await self.bits(2)
        self._sender = cocotb.start_soon(self._send())

    def reset_input_buffer(self):
        self._received.clear()


class Work:
    """Products, or jobs of the sparse engine, with random operands."""

    def __init__(self, dut):
        self.facts = manifest()
        self.given = self.facts.parameters
        self.sparse = self.facts.design == "eie"
        self.host = None if self.sparse else Host(dut)
        self.random = np.random.default_rng(cocotb.RANDOM_SEED)

    def some(self):
        """Frames, the words of results that they call for, and a function that checks these."""
        return self._network() if self.sparse else self._product()

    def _product(self):
        host, draw = self.host, self.random
        m, k, n = (int(draw.integers(1, 2 * most + 1)) for most in (3, host.rows, host.cols))
        one = host.product(m, k, n)
        plan = tiling(self.facts, *one.a.shape, one.w.shape[1], **one.modes)
        expected = golden_product(self.facts, one.a, one.w, one.channels, **one.modes)

        def check(words):
            assert np.array_equal(plan.gather(words), expected), "wrong results"

        frames = gemm_frames(self.facts, plan, one.a, one.w, one.channels)
        return frames, plan.result_words, check

    def _network(self):
        given, draw = self.given, self.random

        def least_and_most(width):
            return -(1 << (width - 1)), (1 << (width - 1)) - 1

        # A column has at most as many entries in an element as there are rows of it, or zeros.
        rows = min(given["rows"], 8)
        columns = given["entries"] // (rows * given["lanes"])
        columns = min(columns, given["columns"], given["pes"] * given["acts"], 32)
        shape = [int(draw.integers(1, most + 1)) for most in (given["pes"] * rows, columns)]
        values = 1 << given["value_width"]
        codebook = draw.integers(*least_and_most(given["weight_width"]), values)
        codebook[0] = 0
        names = ("pes", "lanes", "value_width", "zeros_width")
        indices = draw.integers(0, values, shape) * (draw.random(shape) < 0.3)
        encoded = encode(indices, codebook, **{name: given[name] for name in names})
        layer = Layer(encoded=encoded, shift=int(draw.integers(0, 8)), relu=bool(draw.integers(2)))
        plan = Plan(self.facts, [layer])
        a = draw.integers(*least_and_most(given["act_width"]), (2, shape[1]))
        expected = plan.expected(a)[0]

        def check(words):
            found = words.reshape(len(a), -1)[:, encoded.outputs]
            assert np.array_equal(found, expected), "wrong results"

        return eie_frames(self.facts, plan, a), len(a) * encoded.rows, check


def run(link, work):
    """Some work from beginning to end."""
    frames, count, check = work.some()
    check(link.transfer(frames, count))


def in_thread(function):
    """A test whose body, after the simulation's parts were made, is the host's blocking code."""

    async def test(dut, **how):
        pins, work = Pins(dut, **how), Work(dut)

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
    """One piece of work after the other, by hosts that are slow, fast, or pause."""
    link = Link(pins, work.facts)
    for _ in range(3):
        run(link, work)


@cocotb.test()
@in_thread
def registers(dut, pins, work):
    """Constants are the manifest's; what must not be read or written is refused."""
    link = Link(pins, work.facts)
    for name, register in link.registers.items():
        if register["access"] == "wo":
            refused(lambda name=name: link.read(name), f"Register {name} must be readable")
        elif name not in ("MODE", "STATUS"):
            value = link.read(name)
            assert value == register["reset"], f"{name} reads {value:#x}"
        if register["access"] == "ro":
            refused(lambda name=name: link.write(name, 1), f"Register {name} must be writable")
    # The digest of the parameters, or the parameter of that name if the top was made directly.
    facts = work.facts
    digest = int(facts.digest[:8], 16)
    assert link.read("DIGEST") == digest
    link.write("INTERRUPT_ENABLE", 2)
    assert link.read("INTERRUPT_ENABLE") == 2


@cocotb.test()
@in_thread
def status(dut, pins, work):
    """The LED is on while results are owed; the registers tell when they have left."""
    link = Link(pins, work.facts)
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
    """Of frames, accesses and results; the next piece of work is right."""
    link = Link(pins, work.facts)
    for _ in range(4):
        frames, _, _ = work.some()
        data = b"".join(link.encoded(frame) for frame in frames)
        pins.write(data[: min(len(data), pins.rng.randint(1, 500))])
        resume(pins.bits)(pins.rng.uniform(0, 6000))
        link.reset()
        run(link, work)


@cocotb.test()
@in_thread
def nonsense(dut, pins, work):
    """Any bytes at all, at once, and a break: then it works."""
    link = Link(pins, work.facts)
    for _ in range(2):
        pins.write(pins.rng.randbytes(600))
        resume(pins.bits)(7000)
        link.reset()
        run(link, work)


@cocotb.test()
@in_thread
def lost_byte(dut, pins, work):
    """A byte without a stop bit is told of, and a reset helps."""
    link = Link(pins, work.facts)
    pins.broken = 1
    refused(lambda: link.read("ID"), "Device must get every byte, but lost one")
    link.reset()
    run(link, work)


@cocotb.test()
@in_thread
def soft_reset(dut, pins, work):
    """Words that came before are forgotten, and those that come meanwhile are dropped."""
    link = Link(pins, work.facts)
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
    found = "no error"
    try:
        call()
    except LinkError as error:
        found = str(error)
    assert found.startswith(message), found
