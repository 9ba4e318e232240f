"""A host for the testbenches of bus wrappers, built on cocotbext-axi, and work for the core."""

import dataclasses
import itertools
import logging
from collections.abc import Callable, Iterator
from random import Random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, Combine, RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp

from ...designs import registry
from ...designs.base import Job
from ...host.bus_job import BusJob
from ...host.packing import integers, unpack_fields
from ...lib.bench import manifest
from ...lib.patterns import stalls

__all__ = ["Rules", "Work", "WrapperHost", "check_accesses", "check_identity", "pauses"]

#: Duration of a cycle in nanoseconds.
PERIOD = 2
#: Longest latency of a memory in cycles.
LATENCY = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work:
    """Words for a core, and the results that it owes for them.

    Attributes
    ----------
    words : dict
        Input stream to its words, as unsigned integers.
    owed : list of int
        Number of result words of each descriptor.
    check : function
        Fails if these words of results are wrong.
    registers : dict
        Values of registers that the work needs.
    moved : dict
        Words of streams of which the core takes other numbers than memory has.
    """

    words: dict[str, list[int]]
    owed: list[int]
    check: Callable[[list[int]], None]
    registers: dict[str, int] = dataclasses.field(default_factory=dict)
    moved: dict[str, int] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, job: Job) -> "Work":
        """A job whose results must match the golden model."""
        manifest = job.manifest

        def check(results):
            size = manifest.word_bytes("results")
            packed = b"".join(word.to_bytes(size, "little") for word in results)
            lanes = np.frombuffer(packed, np.uint8).reshape(-1, size)
            lanes = unpack_fields(lanes, manifest.streams["results"]["fields"])
            assert len(results) == job.result_words, f"{len(results)} results"
            assert np.array_equal(job.gather(lanes), job.expected), "wrong results"

        if "walk" in manifest.bus:
            in_memory, rows = BusJob(job), manifest.bus["walk"]["rows"]
            return cls(
                words={name: integers(words) for name, words in in_memory.words.items()},
                owed=job.results_owed,
                check=check,
                registers=in_memory.registers,
                moved={rows: job.stream_words[rows]},
            )
        words = {
            name: list(itertools.chain.from_iterable(map(integers, chunks)))
            for name, chunks in job.words().items()
        }
        return cls(words=words, owed=job.results_owed, check=check)

    @property
    def results(self) -> int:
        return sum(self.owed)


def pauses(percent: int, rng: Random) -> Iterator[bool] | None:
    """An endless generator of pauses in bursts, or None for none."""
    return iter(stalls(percent, rng), None) if percent else None


class Rules:
    """Checks AXI's rules for valid and ready (IHI 0022, A3.2; A3.1.2) on channels that the design
    drives.

    An offered transfer stays unchanged until it is accepted, and none is offered in reset.

    Parameters
    ----------
    channels : list of (str, list of str)
        Prefix of a channel's ``valid`` and ``ready``, and names of its payload signals.
    constants : tuple of (str, str, int)
        Prefix of a channel, the name of a payload signal, and the only value that it has.
    """

    def __init__(
        self,
        dut,
        channels: list[tuple[str, list[str]]],
        constants: tuple[tuple[str, str, int], ...] = (),
    ):
        self._dut = dut
        self._constants = {prefix: [] for prefix, _ in channels}
        for prefix, name, value in constants:
            self._constants[prefix].append((getattr(dut, prefix + name), value))
        self._channels = [
            (
                prefix,
                getattr(dut, f"{prefix}valid"),
                getattr(dut, f"{prefix}ready"),
                [getattr(dut, f"{prefix}{name}") for name in payload],
            )
            for prefix, payload in channels
        ]
        #: Transfers so far, channel by channel.
        self.transfers = dict.fromkeys((prefix for prefix, _ in channels), 0)
        self._task = cocotb.start_soon(self._watch())

    async def _watch(self):
        edge = RisingEdge(self._dut.aclk)
        waiting = dict.fromkeys(self.transfers)
        in_reset = False
        while True:
            await edge
            for prefix, valid, ready, payload in self._channels:
                offered = bool(valid.value)
                assert not (offered and in_reset), f"{prefix}valid in reset"
                before, waiting[prefix] = waiting[prefix], None
                assert offered or before is None or in_reset, f"{prefix}valid was taken back"
                if not offered:
                    continue
                if before is None:
                    for signal, value in self._constants[prefix]:
                        assert signal.value == value, f"{signal._name} is {signal.value}"
                now = [int(signal.value) for signal in payload]
                assert before in (None, now), f"{prefix} changed while it waited"
                if ready.value:
                    self.transfers[prefix] += 1
                else:
                    waiting[prefix] = now
            in_reset = not self._dut.aresetn.value
            if in_reset:
                waiting = dict.fromkeys(self.transfers)


class WrapperHost:
    """A core behind a bus, and the host that reads and writes its registers.

    Attributes
    ----------
    manifest : Manifest
    bus : dict
        The entry ``bus`` of the manifest.
    streams : dict
        Layout of the words of each stream, inputs and results.
    rng : random.Random
    rules : Rules
    """

    #: Channels that the design drives, besides the register interface.
    CHANNELS: tuple[tuple[str, tuple[str, ...]], ...] = ()
    #: Of these channels: see :class:`Rules`.
    CONSTANTS: tuple[tuple[str, str, int], ...] = ()

    def __init__(self, dut):
        self.dut = dut
        self.manifest = manifest()
        self.bus = self.manifest.bus
        self.streams = self.bus["streams"]
        self.inputs = [n for n, stream in self.streams.items() if stream["direction"] == "input"]
        self.registers = {register["name"]: register for register in self.bus["registers"]}
        self.model = registry.model(self.manifest)
        self.rng = Random(cocotb.RANDOM_SEED)
        self.random = np.random.default_rng(cocotb.RANDOM_SEED)
        #: Most cycles for all work so far.
        self.cycle_limit = 20_000
        self.edge = RisingEdge(dut.aclk)
        #: Duration of a cycle in the simulator's steps.
        self.step = cocotb.utils.get_sim_steps(PERIOD, "ns")
        # Each word that passes would be a line of the log.
        logging.getLogger(f"cocotb.{dut._name}").setLevel(logging.WARNING)
        self.control = AxiLiteMaster(
            AxiLiteBus.from_prefix(dut, "s_axi_ctrl"), dut.aclk, dut.aresetn, False
        )
        registers = (("s_axi_ctrl_b", ("resp",)), ("s_axi_ctrl_r", ("resp", "data")))
        self.rules = Rules(dut, [*registers, *self.CHANNELS], self.CONSTANTS)
        #: Channels that can pause: a name to an object with ``set_pause_generator``.
        self.channels = {
            "aw": self.control.write_if.aw_channel,
            "w": self.control.write_if.w_channel,
            "b": self.control.write_if.b_channel,
            "ar": self.control.read_if.ar_channel,
            "r": self.control.read_if.r_channel,
        }

    async def begin(self):
        """Start the clock, and reset."""
        # Before its first reset the design may break every rule.
        self.dut.aresetn.value = 0
        Clock(self.dut.aclk, PERIOD, "ns").start(start_high=False)
        await self.edge
        await self.reset()

    async def reset(self, cycles: int = 2):
        self.dut.aresetn.value = 0
        await ClockCycles(self.dut.aclk, cycles)
        self.dut.aresetn.value = 1
        await ClockCycles(self.dut.aclk, 2)

    def pause(self, percent: int):
        """Every channel pauses in ``percent`` of the cycles, independently of the others."""
        for channel in self.channels.values():
            channel.set_pause_generator(pauses(percent, Random(self.rng.random())))

    def address(self, name: str) -> int:
        return self.registers[name]["offset"]

    async def read(self, name: str) -> int:
        """A register's value."""
        response = await self.control.read(self.address(name), 4)
        assert response.resp == AxiResp.OKAY, f"{name}: {response.resp!r}"
        return int.from_bytes(response.data, "little")

    async def write(self, name: str, value: int):
        response = await self.control.write(self.address(name), value.to_bytes(4, "little"))
        assert response.resp == AxiResp.OKAY, f"{name}: {response.resp!r}"

    async def fields(self, name: str) -> dict[str, int]:
        """A register's value, by its fields."""
        value = await self.read(name)
        return {
            field["name"]: value >> field["low"] & ((1 << field["width"]) - 1)
            for field in self.registers[name]["fields"]
        }

    async def put(self, name: str, **fields: int):
        """Write a register; other fields are 0."""
        lows = {field["name"]: field["low"] for field in self.registers[name]["fields"]}
        await self.write(name, sum(value << lows[field] for field, value in fields.items()))

    async def error(self) -> tuple[str, str]:
        """The names of the error and the stream in ``ERROR``, which is cleared."""
        fields = await self.fields("ERROR")
        assert (await self.fields("INTERRUPT"))["error"]
        await self.put("INTERRUPT", error=1)
        assert (await self.read("ERROR")) == 0
        errors = {error["number"]: name for name, error in self.bus["errors"].items()}
        streams = {stream["index"]: name for name, stream in self.streams.items()}
        return errors[fields["kind"]], streams[fields["stream"]]

    async def no_error(self):
        assert await self.read("ERROR") == 0
        assert (await self.fields("INTERRUPT"))["error"] == 0

    async def until(self, holds: Callable[[], bool], limit: int | None = None):
        """Wait; by default at most as long as all work so far may take."""
        limit = limit or self.cycle_limit
        for _ in range(limit):
            if holds():
                return
            await self.edge
        raise AssertionError(f"not done after {limit} cycles")

    def packed(self, name: str, words: list[int]) -> bytes:
        """The bytes of a stream's words in memory, and in a packet.

        Bits above a word are zero in results, and anything in operands.
        """
        stream = self.streams[name]
        above = (8 * stream["stride"] - stream["width"]) * (name in self.inputs)
        return b"".join(
            (word | self.rng.getrandbits(above) << stream["width"]).to_bytes(
                stream["stride"], "little"
            )
            for word in words
        )

    def unpacked(self, packed: bytes) -> list[int]:
        """Result words; padding bits must be zero."""
        stream = self.streams["results"]
        stride = stream["stride"]
        assert len(packed) % stride == 0, f"{len(packed)} bytes are no whole words"
        words = [
            int.from_bytes(packed[at : at + stride], "little")
            for at in range(0, len(packed), stride)
        ]
        assert all(word >> stream["width"] == 0 for word in words), "padding is not zero"
        return words

    def work(self, size: int = 2) -> Work:
        """Work with random operands; its amount grows with ``size``, from 1 up."""
        job = self.model.random_job(self.random, size)
        work = Work.of(job)
        beats = sum(
            len(work.words.get(name, work.owed)) * stream["beats_per_word"]
            for name, stream in self.streams.items()
        )
        # A beat may wait for the latency of a burst, and for pauses in most cycles.
        self.cycle_limit += 10 * job.cycle_bound + 2 * beats * (LATENCY + 10)
        return work

    def split(self, name, words):
        """Words of a stream by their fields."""
        for word in words:
            yield {
                field["name"]: word >> field["offset"] & ((1 << field["width"]) - 1)
                for field in self.manifest.streams[name]["fields"]
            }


async def check_identity(host: WrapperHost) -> None:
    """The registers that identify the core."""
    manifest, model = host.manifest, host.model
    assert await host.read("ID") == int.from_bytes(b"BRWK", "big")
    assert (await host.fields("VERSION"))["major"] == 1
    assert await host.fields("CAPS") == {
        "design": model.number,
        "top": ["axis", "axi"].index(host.bus["top"]) + 1,
        "beat": (host.bus["data_width"] // 8).bit_length() - 1,
        "channels": int("channels" in host.streams),
        "special": int(len(manifest.streams["results"]["fields"]) > 1),
        "streams": len(host.streams),
    } | ({"walk": 1} if "walk" in host.bus else {})
    assert await host.read("DIGEST") == int(manifest.digest[:8], 16)
    if manifest.digest[8:]:  # of a design, rather than of a unit by itself
        version = (await host.fields("GENERATOR")).values()
        assert ".".join(map(str, reversed(version))) == manifest.tools["brickwork"]
        assert await host.read("REVISION") == int(manifest.revision, 16)
    identity = model.identity()
    assert await host.fields("SHAPE") == identity["SHAPE"]
    assert await host.read("LIMIT") == identity["LIMIT"]
    assert await host.read("MAX_K") == identity["MAX_K"]
    assert (await host.fields("WIDTHS")).items() >= identity["WIDTHS"].items()
    for register in host.bus["registers"]:
        if register["access"] == "ro":
            assert await host.read(register["name"]) == register["reset"], register["name"]


async def check_accesses(host: WrapperHost) -> None:
    """An access that a register does not allow is an error without effect; bytes can be written
    individually."""
    access = {register["offset"]: register["access"] for register in host.bus["registers"]}
    last = 1 << host.bus["control"]["address_width"]
    # Of each bit of an address two that differ in it, one of which can be written.
    stored = [offset for offset, rights in access.items() if rights == "rw"]
    others = {host.rng.randrange(0, last, 4) for _ in range(10)}
    for bit in range(2, last.bit_length() - 1):
        others |= set(host.rng.sample([each ^ 1 << bit for each in stored], 1))
    offsets = sorted(others | {*access} | {last - 4, max(access) + 4})
    host.rng.shuffle(offsets)
    wrong = AxiResp.SLVERR
    before = {}
    for name, register in host.registers.items():
        if register["access"] != "wo":
            before[name] = await host.read(name)
    for offset in offsets:
        rights = access.get(offset, "none")
        response = await host.control.read(offset, 4)
        assert response.resp == (wrong if rights in ("wo", "none") else AxiResp.OKAY), hex(offset)
        assert response.resp == AxiResp.OKAY or response.data == bytes(4)
        if rights in ("ro", "none"):
            response = await host.control.write(offset, host.rng.randbytes(4))
            assert response.resp == wrong, hex(offset)
        else:  # the old value, which changes nothing yet
            value = before.get(_name_at(host, offset), 0) if rights == "rw" else 0
            response = await host.control.write(offset, value.to_bytes(4, "little"))
            assert response.resp == AxiResp.OKAY, hex(offset)
        at = offset + host.rng.randint(1, 3)
        assert (await host.control.read(at, 1)).resp == wrong, hex(at)
        assert (await host.control.write(at, b"\xff")).resp == wrong, hex(at)
    for name, value in before.items():
        assert await host.read(name) == value, name
    # Several at a time, each with another value.
    constants = [n for n, register in host.registers.items() if register["access"] == "ro"]
    constants = host.rng.sample(constants, 6)
    tasks = [cocotb.start_soon(host.read(name)) for name in constants]
    assert [await task for task in tasks] == [before[name] for name in constants]
    for value in range(4):
        await Combine(
            *(
                cocotb.start_soon(host.write("INTERRUPT_ENABLE", each))
                for each in (value ^ 1, value ^ 2, value)
            )
        )
        assert await host.read("INTERRUPT_ENABLE") == value
    await host.write("INTERRUPT_ENABLE", before["INTERRUPT_ENABLE"])
    await _check_storage(host)


def _name_at(host, offset):
    registers = host.registers.items()
    return next(name for name, register in registers if register["offset"] == offset)


async def _check_storage(host):
    """Registers store written words and bytes, in the bits of their fields."""
    for name, register in host.registers.items():
        if register["access"] != "rw":
            continue
        mask = sum(((1 << field["width"]) - 1) << field["low"] for field in register["fields"])
        value = host.rng.getrandbits(32) if name != "CONTROL" else 0
        await host.write(name, value)
        assert await host.read(name) == value & mask, name
        # The first byte alone; an access to another byte alone is an error.
        await host.control.write(register["offset"], bytes([~value & mask & 0xFF]))
        flipped = value & mask & ~0xFF | ~value & mask & 0xFF
        if name != "CONTROL":
            assert await host.read(name) == flipped, name
        await host.write(name, 0)
        assert await host.read(name) == 0, name
