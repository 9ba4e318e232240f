"""Sources, sinks, monitors and scoreboards for streams with valid and ready."""

from collections import deque
from collections.abc import Iterable, Iterator

from cocotb.types import LogicArray

from .patterns import always, never, sparse, stalls, waits

__all__ = [
    "Monitor",
    "Recorder",
    "Scoreboard",
    "Sink",
    "Source",
    "always",
    "never",
    "sparse",
    "stalls",
    "waits",
]


class _Port:
    """The three signals of a stream; their values are those just before the last clock edge."""

    def __init__(self, dut, stream: dict):
        self.payload = getattr(dut, stream["payload"])
        self.valid = getattr(dut, stream["valid"])
        self.ready = getattr(dut, stream["ready"])
        # cocotb has no array for a single bit, and no conversion of it.
        self._word = int if len(self.payload) == 1 else LogicArray.to_unsigned


class Source(_Port):
    """Offers words to an input stream; it stalls before a word and never takes one back.

    Parameters
    ----------
    words : iterable of int
        Fetched one by one, when they are needed.
    stall : function
        Called once in each cycle in which a new word could be offered.

    Attributes
    ----------
    first_accepted : int or None
        The cycle in which the first word was accepted.
    """

    def __init__(self, dut, stream: dict, words: Iterable[int], stall=never):
        super().__init__(dut, stream)
        self._words: Iterator[int] = iter(words)
        self._next = next(self._words, None)
        self._stall = stall
        self._offered = False
        self.accepted = 0
        self.first_accepted = None
        self.valid.value = 0
        self.payload.value = 0

    @property
    def done(self) -> bool:
        return self._next is None and not self._offered

    def step(self, cycle: int) -> None:
        if self._offered:
            if not self.ready.value:
                return
            self._offered = False
            self.accepted += 1
            if self.first_accepted is None:
                self.first_accepted = cycle
            if self._next is None or self._stall():
                self.valid.value = 0
                return
        elif self._next is None or self._stall():
            return
        else:
            self.valid.value = 1
        self._offered = True
        self.payload.value = self._next
        self._next = next(self._words, None)


class Sink(_Port):
    """Takes words from an output stream into ``words``, as unsigned integers.

    Attributes
    ----------
    last_taken : int or None
        The cycle in which the last word was taken.
    """

    def __init__(self, dut, stream: dict, stall=never):
        super().__init__(dut, stream)
        self._stall = stall
        self._open = False
        self.words: list[int] = []
        self.last_taken = None
        self.ready.value = 0

    def step(self, cycle: int) -> None:
        if self._open and self.valid.value:
            self.words.append(self._word(self.payload.value))
            self.last_taken = cycle
        ready = not self._stall()
        if ready != self._open:
            self.ready.value = self._open = ready


class Monitor(_Port):
    """Checks the rules of a stream.

    An offered word stays unchanged until it is accepted. The function ``transferred``, if it is
    set, is called with each transferred word.
    """

    def __init__(self, dut, name: str, stream: dict, transferred=None):
        super().__init__(dut, stream)
        self.name = name
        self.count = 0
        self._transferred = transferred
        self._waiting = None

    def step(self, cycle: int) -> None:
        valid = bool(self.valid.value)
        if self._waiting is not None:
            assert valid, f"cycle {cycle}: {self.name} took back a word that it had offered"
        if not valid:
            return
        word = self._word(self.payload.value)
        if self._waiting is not None:
            assert word == self._waiting, (
                f"cycle {cycle}: {self.name} changed a waiting word from {self._waiting:#x} "
                f"to {word:#x}"
            )
        if self.ready.value:
            self._waiting = None
            self.count += 1
            if self._transferred:
                self._transferred(word)
        else:
            self._waiting = word


class Recorder(Monitor):
    """A monitor that records the transferred words.

    Attributes
    ----------
    words : list of int
        Every word that was transferred.
    offered, accepted : list of int
        The cycles in which the words were first offered, and accepted.
    """

    def __init__(self, dut, name: str, stream: dict):
        super().__init__(dut, name, stream, self._keep)
        self.words: list[int] = []
        self.offered: list[int] = []
        self.accepted: list[int] = []
        self._cycle = 0

    def step(self, cycle: int) -> None:
        self._cycle = cycle
        waited = self._waiting is not None
        super().step(cycle)
        if not waited and (self._waiting is not None or len(self.accepted) > len(self.offered)):
            self.offered.append(cycle)

    def _keep(self, word: int) -> None:
        self.words.append(word)
        self.accepted.append(self._cycle)


class Scoreboard:
    """Compares output words with expected words, in order.

    A model, fed by the monitor of the inputs, calls ``expect``; the monitor of the outputs calls
    ``check``.
    """

    def __init__(self):
        self._expected = deque()
        self.checks = 0

    def expect(self, word: int) -> None:
        self._expected.append(word)

    def check(self, word: int) -> None:
        assert self._expected, f"word {word:#x} was not expected"
        expected = self._expected.popleft()
        assert word == expected, f"word {self.checks}: {word:#x} instead of {expected:#x}"
        self.checks += 1

    def finish(self) -> None:
        """Fail on missing words, and if no word was checked."""
        assert not self._expected, f"{len(self._expected)} expected words did not come"
        assert self.checks > 0, "nothing was checked"
