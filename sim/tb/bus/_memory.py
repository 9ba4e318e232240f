"""A memory behind AXI4 that keeps to the letter of the rules, and sees that the manager does."""

from collections import deque

from ...lib.streams import never
from ._beats import BYTES_PER_PAGE, memory_word

__all__ = ["Memory"]

_ADDRESS = ("id", "addr", "len", "size", "burst", "lock", "cache", "prot", "qos")
_CHANNELS = {"aw": _ADDRESS, "ar": _ADDRESS, "w": ("data", "strb", "last")}
OKAY, SLVERR = 0, 2


class _Channel:
    """The address or data of the manager's."""

    def __init__(self, dut, prefix, name, stall):
        self.name = name
        self._valid = getattr(dut, f"{prefix}_{name}valid")
        self._ready = getattr(dut, f"{prefix}_{name}ready")
        self._parts = {
            signal: getattr(dut, f"{prefix}_{name}{signal}") for signal in _CHANNELS[name]
        }
        self.stall = stall
        self._open = False
        self._waiting = None
        self._ready.value = 0

    def step(self, cycle):
        """What is transferred, or None."""
        accepted = None
        if self._valid.value:
            values = {signal: int(handle.value) for signal, handle in self._parts.items()}
            assert self._waiting in (None, values), (
                f"cycle {cycle}: {self.name} changed from {self._waiting} to {values}"
            )
            accepted, self._waiting = (values, None) if self._open else (None, values)
        else:
            assert self._waiting is None, f"cycle {cycle}: {self.name}valid was taken back"
        self._open = not self.stall()
        self._ready.value = self._open
        return accepted


class Memory:
    """Answers reads in any order of their IDs, beat by beat, and writes after a while.

    Bytes that were not written are those of :func:`memory_word`.

    Parameters
    ----------
    prefix : str
        Of the names of the ports.
    latency : int
        Cycles from an address, or the last beat, to the answer, at least.
    stalls : dict
        Patterns of stalls: of ``aw``, ``w``, ``ar``, ``r`` and ``b``.

    Attributes
    ----------
    reads, writes : list of (int, int, int)
        Of each burst the ID, the first beat and the number of beats.
    bytes : dict
        Address to what was written there.
    fail_reads, fail_writes : set of int
        Beats whose access is answered with an error.
    answered : int
        Bursts of writes.
    """

    def __init__(self, dut, prefix, rng, *, latency=1, stalls=None):
        self._dut, self._prefix, self._rng = dut, prefix, rng
        stalls = stalls or {}
        self._aw, self._ar, self._w = (
            _Channel(dut, prefix, name, stalls.get(name, never)) for name in ("aw", "ar", "w")
        )
        self._r_stall, self._b_stall = stalls.get("r", never), stalls.get("b", never)
        self.latency = latency
        self.width = len(self._port("wdata"))
        self.size = self.width // 8
        self.reads, self.writes, self.bytes = [], [], {}
        self.fail_reads, self.fail_writes = set(), set()
        self.answered = self.given = 0
        self._due = {}  # ID to beats, as (cycle, index, last)
        self._beats = deque()
        self._answers = deque()
        self._begun = 0  # bursts of writes whose data have come
        self._port("rvalid").value = 0
        self._port("bvalid").value = 0

    def _port(self, name):
        return getattr(self._dut, f"{self._prefix}_{name}")

    @property
    def busy(self):
        """Whether a burst has not come to its end."""
        return (
            any(self._due.values())
            or self.answered < len(self.writes)
            or bool(self._beats)
            or bool(self._port("rvalid").value)
            or bool(self._port("bvalid").value)
        )

    def step(self, cycle):
        if burst := self._ar.step(cycle):
            self.reads.append(self._burst(burst))
            number, index, length = self.reads[-1]
            self._due.setdefault(number, deque()).extend(
                (cycle + self.latency, index + n, n == length - 1) for n in range(length)
            )
        if burst := self._aw.step(cycle):
            self.writes.append(self._burst(burst))
        if beat := self._w.step(cycle):
            self._beats.append(beat)
        self._write(cycle)
        self._read(cycle)
        self._answer(cycle)

    def _burst(self, burst):
        index, off = divmod(burst["addr"], self.size)
        length = burst["len"] + 1
        assert off == 0, f"a burst from {burst['addr']:#x} is not aligned"
        assert burst["addr"] % BYTES_PER_PAGE + length * self.size <= BYTES_PER_PAGE, (
            f"a burst of {length} from {burst['addr']:#x} crosses a page"
        )
        assert 1 << burst["size"] == self.size
        assert burst["burst"] == 1, "a burst whose addresses do not increment"
        attributes = {name: burst[name] for name in ("lock", "cache", "prot", "qos")}
        assert attributes == {"lock": 0, "cache": 0b0011, "prot": 0, "qos": 0}
        return burst["id"], index, length

    def _write(self, cycle):
        if self._begun == len(self.writes):
            assert len(self._beats) <= 256, "data without an address"
            return
        number, index, length = self.writes[self._begun]
        if len(self._beats) < length:
            assert not any(beat["last"] for beat in self._beats), "a burst ends early"
            return
        failed = False
        for n in range(length):
            beat = self._beats.popleft()
            assert beat["last"] == (n == length - 1), "wlast is wrong"
            failed |= index + n in self.fail_writes
            self._store(index + n, beat)
        self._begun += 1
        self._answers.append((cycle + self.latency, number, SLVERR if failed else OKAY))

    def _store(self, index, beat):
        for byte in range(self.size):
            if beat["strb"] >> byte & 1:
                address = index * self.size + byte
                assert address not in self.bytes, f"{address:#x} was written twice"
                self.bytes[address] = beat["data"] >> 8 * byte & 0xFF

    def _word(self, index):
        return memory_word(index, self.width)

    def _read(self, cycle):
        valid = self._port("rvalid")
        if valid.value:
            assert self._port("rready").value, f"cycle {cycle}: there is no room for what was read"
            self.given += 1
        ready = [number for number, due in self._due.items() if due and due[0][0] <= cycle]
        comes = bool(ready) and not self._r_stall()
        valid.value = comes
        if comes:
            number = self._rng.choice(ready)
            _, index, last = self._due[number].popleft()
            self._port("rid").value = number
            self._port("rlast").value = last
            self._port("rdata").value = self._word(index)
            self._port("rresp").value = SLVERR if index in self.fail_reads else OKAY

    def _answer(self, cycle):
        valid = self._port("bvalid")
        if valid.value:
            assert self._port("bready").value, f"cycle {cycle}: an answer is refused"
            self.answered += 1
        comes = bool(self._answers) and self._answers[0][0] <= cycle and not self._b_stall()
        valid.value = comes
        if comes:
            _, number, response = self._answers.popleft()
            self._port("bid").value = number
            self._port("bresp").value = response
