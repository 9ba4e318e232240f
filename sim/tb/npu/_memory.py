"""A memory on chip between a unit's addresses and its words."""

from collections import deque

from ...lib.streams import Recorder, never

__all__ = ["ReadPort"]


class ReadPort:
    """Takes addresses from a stream and answers each, in order, with its word.

    Parameters
    ----------
    ask, answer : str
        Names of the unit's streams: addresses out, words in.
    read : function
        The word at an address.
    latency : int
        Cycles from an address to its word, at least 1.
    depth : int
        Addresses on their way or with a word that waits.
    stall_ask, stall_answer : function
        Patterns of stalls.

    Attributes
    ----------
    asked : Recorder
        The addresses.
    """

    def __init__(
        self,
        dut,
        streams,
        ask,
        answer,
        read,
        *,
        latency=2,
        depth=4,
        stall_ask=never,
        stall_answer=never,
    ):
        self.asked = Recorder(dut, ask, streams[ask])
        self._read, self._latency, self._depth = read, latency, depth
        self._stall_ask, self._stall_answer = stall_ask, stall_answer
        self._ready = getattr(dut, streams[ask]["ready"])
        self._taken = getattr(dut, streams[answer]["ready"])
        self._valid = getattr(dut, streams[answer]["valid"])
        self._word = getattr(dut, streams[answer]["payload"])
        self._queue = deque()
        self._offered = False
        self._ready.value = self._valid.value = 0

    def step(self, cycle):
        before = len(self.asked.words)
        self.asked.step(cycle)
        for address in self.asked.words[before:]:
            self._queue.append((cycle + self._latency - 1, self._read(address)))
        if self._offered and self._taken.value:
            self._queue.popleft()
            self._offered = False
        if not self._offered:
            due = bool(self._queue) and self._queue[0][0] <= cycle and not self._stall_answer()
            self._valid.value = self._offered = due
            if due:
                self._word.value = self._queue[0][1]
        self._ready.value = len(self._queue) < self._depth and not self._stall_ask()
