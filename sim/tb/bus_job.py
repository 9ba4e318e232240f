"""Moves a job through a core behind AXI: reads ``job.npz`` in its folder, writes ``done.npz``.

For AXI4-Stream a job has ``<stream>_data`` and ``<stream>_keep`` (beats × bytes), one packet, for
each input stream; its outcome is the packet ``data`` and ``keep``. For AXI4 a job has the
``memory``, ``writes`` (offsets of registers and values), and the memory's ``latency`` in cycles;
its outcome is ``memory``. ``cycles`` are those from the first to the last transfer of the streams,
or on the memory's bus, both counted. The host never pauses, and does not check results.
"""

from collections import deque
from pathlib import Path

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from ..lib.bench import manifest


@cocotb.test()
async def job(dut):
    arrays = np.load(Path("job.npz"))
    bus = manifest().bus
    host = {"axis": _Streams, "axi": _Memory}[bus["top"]](dut, bus, arrays)
    dut.aresetn.value = 0
    Clock(dut.aclk, 2, "ns").start(start_high=False)
    edge = RisingEdge(dut.aclk)
    for _ in range(3):
        await edge
    dut.aresetn.value = 1
    await edge
    for cycle in range(int(arrays["limit"])):
        if host.done:
            break
        host.step(cycle)
        await edge
    assert host.done, f"not done after {int(arrays['limit'])} cycles"
    np.savez("done.npz", cycles=host.last - host.first + 1, **host.outcome())


def _integers(beats):
    return [int.from_bytes(beat.tobytes(), "little") for beat in beats]


class _Host:
    """Records the cycles of the first and the last transfer."""

    def __init__(self):
        self.first = self.last = None

    def note(self, cycle):
        self.first = cycle if self.first is None else self.first
        self.last = cycle


class _Streams(_Host):
    """Offers a beat of each stream, and accepts a beat of results, in every cycle."""

    def __init__(self, dut, bus, arrays):
        super().__init__()
        self._inputs = []
        for name, stream in bus["streams"].items():
            if name == "results":
                continue
            data = _integers(arrays[f"{name}_data"])
            keep = _integers(np.packbits(arrays[f"{name}_keep"], axis=1, bitorder="little"))
            last = [0] * (len(data) - 1) + [1]
            port = _port(dut, f"{stream['interface']}_t", ("data", "keep", "last"))
            self._inputs.append((port, iter(zip(data, keep, last, strict=True))))
        self._offered = [False] * len(self._inputs)
        interface = bus["streams"]["results"]["interface"]
        self._results = _port(dut, f"{interface}_t", ("data", "keep", "last"))
        self._results["ready"].value = 1
        for port, _ in self._inputs:
            port["valid"].value = 0
        _quiet(dut, bus)
        self._data, self._keep = [], []
        self._size = bus["data_width"] // 8
        self.done = False

    def step(self, cycle):
        for number, (port, beats) in enumerate(self._inputs):
            if self._offered[number]:
                if not port["ready"].value:
                    continue
                self.note(cycle)
            beat = next(beats, None)
            self._offered[number] = beat is not None
            port["valid"].value = beat is not None
            if beat is not None:
                for name, value in zip(("data", "keep", "last"), beat, strict=True):
                    port[name].value = value
        results = self._results
        if results["valid"].value:
            self.note(cycle)
            self._data.append(int(results["data"].value))
            self._keep.append(int(results["keep"].value))
            self.done = bool(results["last"].value)

    def outcome(self):
        size = self._size
        data = b"".join(beat.to_bytes(size, "little") for beat in self._data)
        keep = b"".join(beat.to_bytes(-(-size // 8), "little") for beat in self._keep)
        keep = np.frombuffer(keep, np.uint8).reshape(-1, -(-size // 8))
        return {
            "data": np.frombuffer(data, np.uint8).reshape(-1, size),
            "keep": np.unpackbits(keep, axis=1, count=size, bitorder="little").astype(bool),
        }


class _Memory(_Host):
    """Writes the registers, then serves as memory: a beat a cycle each way, in order."""

    def __init__(self, dut, bus, arrays):
        super().__init__()
        self._memory = arrays["memory"].copy()
        self._latency = int(arrays["latency"])
        self._size = bus["data_width"] // 8
        self._registers = _Registers(dut, bus, arrays["writes"].tolist())
        self._interrupt = dut.interrupt
        prefix = bus["memory"]["interface"]
        address = ("id", "addr", "len")
        self._aw, self._ar = (_port(dut, f"{prefix}_{name}", address) for name in ("aw", "ar"))
        self._w = _port(dut, f"{prefix}_w", ("data", "strb", "last"))
        self._r = _port(dut, f"{prefix}_r", ("id", "data", "resp", "last"))
        self._b = _port(dut, f"{prefix}_b", ("id", "resp"))
        for port in (self._aw, self._ar, self._w):
            port["ready"].value = 1
        for port in (self._r, self._b):
            port["valid"].value = 0
            port["resp"].value = 0
        self._reads, self._writes, self._beats, self._answers = (deque() for _ in range(4))

    @property
    def done(self):
        return self._registers.done and bool(self._interrupt.value)

    def step(self, cycle):
        self._registers.step()
        if burst := _transfer(self._ar, self.note, cycle):
            for beat in range(burst["len"] + 1):
                at = burst["addr"] + beat * self._size
                last = beat == burst["len"]
                self._reads.append((cycle + self._latency, at, burst["id"], last))
        if burst := _transfer(self._aw, self.note, cycle):
            self._writes.append(burst)
        if beat := _transfer(self._w, self.note, cycle):
            self._beats.append(beat)
        if self._writes and len(self._beats) > self._writes[0]["len"]:
            self._write(cycle)
        for port in (self._r, self._b):
            if port["valid"].value:
                self.note(cycle)
        due = bool(self._reads) and self._reads[0][0] <= cycle
        self._r["valid"].value = due
        if due:
            _, at, number, last = self._reads.popleft()
            data = self._memory[at : at + self._size].tobytes()
            self._r["id"].value, self._r["last"].value = number, last
            self._r["data"].value = int.from_bytes(data, "little")
        due = bool(self._answers) and self._answers[0][0] <= cycle
        self._b["valid"].value = due
        if due:
            self._b["id"].value = self._answers.popleft()[1]

    def _write(self, cycle):
        burst = self._writes.popleft()
        for beat in range(burst["len"] + 1):
            word = self._beats.popleft()
            at = burst["addr"] + beat * self._size
            data = word["data"].to_bytes(self._size, "little")
            for index in range(self._size):
                if word["strb"] >> index & 1:
                    self._memory[at + index] = data[index]
        self._answers.append((cycle + self._latency, burst["id"]))

    def outcome(self):
        return {"memory": self._memory}


class _Registers:
    """Writes registers one after the other."""

    def __init__(self, dut, bus, writes):
        prefix = bus["control"]["interface"]
        self._address = _port(dut, f"{prefix}_aw", ("addr", "prot"))
        self._data = _port(dut, f"{prefix}_w", ("data", "strb"))
        self._answer = _port(dut, f"{prefix}_b", ("resp",))
        self._writes = deque(writes)
        self._open = False
        self.done = not writes
        _quiet(dut, bus)

    def step(self):
        for port in (self._address, self._data):
            if port["valid"].value and port["ready"].value:
                port["valid"].value = 0
        if self._open and self._answer["valid"].value:
            assert not int(self._answer["resp"].value), "a register refuses to be written"
            self._open = False
            self.done = not self._writes
        if not self._open and self._writes:
            offset, value = self._writes.popleft()
            self._open = True
            self._address["addr"].value, self._address["prot"].value = offset, 0
            self._data["data"].value, self._data["strb"].value = value, 15
            self._address["valid"].value = self._data["valid"].value = 1


def _port(dut, prefix, payload):
    return {name: getattr(dut, f"{prefix}{name}") for name in (*payload, "valid", "ready")}


def _transfer(port, note, cycle):
    """The payload of a transfer, or None; the port is always ready."""
    if not port["valid"].value:
        return None
    note(cycle)
    names = [name for name in port if name not in ("valid", "ready")]
    return {name: int(port[name].value) for name in names}


def _quiet(dut, bus):
    """Leave the register interface idle."""
    prefix = bus["control"]["interface"]
    for name in ("aw", "w", "ar"):
        getattr(dut, f"{prefix}_{name}valid").value = 0
    for name in ("b", "r"):
        getattr(dut, f"{prefix}_{name}ready").value = 1
