"""Parts of testbenches: do they notice what they are there for?"""

import random

import pytest
from brickwork.sim.lib.streams import (
    Monitor,
    Recorder,
    Scoreboard,
    Sink,
    Source,
    always,
    never,
    sparse,
    stalls,
    waits,
)
from cocotb.types import LogicArray

STREAM = {"payload": "payload", "valid": "valid", "ready": "ready"}


class Signal:
    """What a part sees of a signal: until the next edge it is as it was before it is written."""

    def __init__(self, width):
        self.width, self.now, self.next = width, 0, 0

    def __len__(self):
        return self.width

    @property
    def value(self):
        return self.now if self.width == 1 else LogicArray(self.now, self.width)

    @value.setter
    def value(self, value):
        self.next = int(value)


class Dut:
    """A wire from a source to a sink."""

    def __init__(self, width=8):
        self.payload, self.valid, self.ready = Signal(width), Signal(1), Signal(1)

    def edge(self, *values):
        """The next cycle, with payload, valid and ready as they were written, or as given."""
        signals = (self.payload, self.valid, self.ready)
        for signal, value in zip(signals, values or [s.next for s in signals], strict=True):
            signal.now = value


def watch(steps):
    dut, seen = Dut(), []
    monitor = Monitor(dut, "o", STREAM, seen.append)
    for cycle, step in enumerate(steps):
        dut.edge(*step)
        monitor.step(cycle)
    return seen


def test_monitor_passes_on_what_is_transferred():
    assert watch([(1, 1, 0), (1, 1, 1), (2, 0, 1), (3, 1, 1), (4, 1, 1)]) == [1, 3, 4]


def test_monitor_notices_a_word_taken_back():
    with pytest.raises(AssertionError, match=r"^cycle 1: o took back a word that it had offered$"):
        watch([(1, 1, 0), (1, 0, 0)])


def test_monitor_notices_a_changed_word():
    message = r"^cycle 2: o changed a waiting word from 0x1 to 0x2$"
    with pytest.raises(AssertionError, match=message):
        watch([(1, 1, 0), (1, 1, 0), (2, 1, 1)])


def test_recorder():
    dut = Dut()
    recorder = Recorder(dut, "o", STREAM)
    for cycle, step in enumerate([(1, 1, 0), (1, 1, 1), (2, 1, 1), (9, 0, 1), (3, 1, 0)]):
        dut.edge(*step)
        recorder.step(cycle)
    assert recorder.words == [1, 2]
    assert recorder.accepted == [1, 2]
    assert recorder.offered == [0, 2, 4]


@pytest.mark.parametrize("width", [1, 8, 100])
@pytest.mark.parametrize(("stall_in", "stall_out"), [(0, 0), (60, 0), (0, 60), (50, 50)])
def test_source_and_sink(width, stall_in, stall_out):
    rng = random.Random(1)
    words = [rng.getrandbits(width) for _ in range(200)]
    dut = Dut(width)
    source = Source(dut, STREAM, words, stalls(stall_in, rng))
    sink = Sink(dut, STREAM, stalls(stall_out, rng))
    recorder = Recorder(dut, "o", STREAM)
    for cycle in range(3000):
        for part in (source, sink, recorder):
            part.step(cycle)
        dut.edge()
    assert source.done
    assert recorder.words == words == sink.words
    assert source.accepted == len(words)


def test_scoreboard():
    board = Scoreboard()
    with pytest.raises(AssertionError, match=r"^nothing was checked$"):
        board.finish()
    board.expect(5)
    board.expect(6)
    board.check(5)
    with pytest.raises(AssertionError, match=r"^1 expected words did not come$"):
        board.finish()
    with pytest.raises(AssertionError, match=r"^word 1: 0x7 instead of 0x6$"):
        board.check(7)
    with pytest.raises(AssertionError, match=r"^word 0x8 was not expected$"):
        board.check(8)


def test_patterns():
    def take(pattern, count):
        return [int(pattern()) for _ in range(count)]

    assert take(always, 3) == [1, 1, 1]
    assert take(never, 3) == [0, 0, 0]
    assert take(waits(2), 5) == [1, 1, 0, 0, 0]
    assert take(sparse(2, 3), 10) == [0, 0, 1, 1, 1] * 2


@pytest.mark.parametrize("percent", [10, 50, 90])
def test_stalls_take_their_share(percent):
    pattern = stalls(percent, random.Random(1))
    assert sum(pattern() for _ in range(100_000)) / 1000 == pytest.approx(percent, abs=3)


def test_stalls_of_all_cycles_are_refused():
    with pytest.raises(ValueError, match=r"^Stalls must be from 0 to 99 percent, not 100$"):
        stalls(100, random.Random(1))
