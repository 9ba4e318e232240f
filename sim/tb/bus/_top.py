"""What the testbenches of tops share: a host with parts of cocotbext-axi, and work for the core."""

import dataclasses
import functools
import logging
from collections.abc import Callable, Iterator
from random import Random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp

from ...golden.engine import product as golden_product
from ...host.packing import unpack_fields
from ...lib.bench import manifest
from ...lib.host import Host
from ...lib.patterns import stalls
from ..sparse.eie import Engine

__all__ = ["Rules", "Top", "Work", "check_accesses", "check_identity", "pauses"]

#: Duration of a cycle in nanoseconds.
PERIOD = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work:
    """Words for a core, and what has to come of them.

    Attributes
    ----------
    words : dict
        Input stream to its words, as unsigned integers.
    owed : list of int
        For each command the number of words of results that it calls for.
    check : function
        Fails if these words of results are wrong.
    """

    words: dict[str, list[int]]
    owed: list[int]
    check: Callable[[list[int]], None]

    @property
    def results(self) -> int:
        return sum(self.owed)


def pauses(percent: int, rng: Random) -> Iterator[bool] | None:
    """An endless generator of pauses in bursts, or None for none."""
    return iter(stalls(percent, rng), None) if percent else None


class Rules:
    """Watches what the design drives: AXI's rules for valid and ready (IHI 0022, A3.2; A3.1.2).

    What is offered stays, unchanged, until it is taken, and nothing is offered in reset.

    Parameters
    ----------
    channels : list of (str, list of str)
        Prefix of a channel's ``valid`` and ``ready``, and what is stable besides.
    """

    def __init__(self, dut, channels: list[tuple[str, list[str]]]):
        self._dut = dut
        self._channels = [
            (
                prefix,
                getattr(dut, f"{prefix}valid"),
                getattr(dut, f"{prefix}ready"),
                [getattr(dut, f"{prefix}{name}") for name in payload],
            )
            for prefix, payload in channels
        ]
        #: Transfers that were seen, channel by channel.
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
                now = [int(part.value) for part in payload]
                assert before in (None, now), f"{prefix} changed while it waited"
                if ready.value:
                    self.transfers[prefix] += 1
                else:
                    waiting[prefix] = now
            in_reset = not self._dut.aresetn.value
            if in_reset:
                waiting = dict.fromkeys(self.transfers)


class Top:
    """A core behind a bus, and the host that reads and writes its registers.

    Attributes
    ----------
    facts, bus : dict
        The manifest, and its part ``bus``.
    streams : dict
        Where words are, of each stream, inputs and results.
    rng : random.Random
    rules : Rules
    """

    #: Channels that the design drives, besides those of the registers.
    CHANNELS: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __init__(self, dut):
        self.dut = dut
        self.facts = manifest()
        self.bus = self.facts.bus
        self.streams = self.bus["streams"]
        self.inputs = [n for n, stream in self.streams.items() if stream["direction"] == "input"]
        self.registers = {register["name"]: register for register in self.bus["registers"]}
        self.rng = Random(cocotb.RANDOM_SEED)
        self.edge = RisingEdge(dut.aclk)
        #: Duration of a cycle in the simulator's steps.
        self.step = cocotb.utils.get_sim_steps(PERIOD, "ns")
        # Each word that passes would be a line of the log.
        logging.getLogger(f"cocotb.{dut._name}").setLevel(logging.WARNING)
        self.control = AxiLiteMaster(
            AxiLiteBus.from_prefix(dut, "s_axi_ctrl"), dut.aclk, dut.aresetn, False
        )
        registers = (("s_axi_ctrl_b", ("resp",)), ("s_axi_ctrl_r", ("resp", "data")))
        self.rules = Rules(dut, [*registers, *self.CHANNELS])
        #: What can pause: a name to an object with ``set_pause_generator``.
        self.channels = {
            "aw": self.control.write_if.aw_channel,
            "w": self.control.write_if.w_channel,
            "b": self.control.write_if.b_channel,
            "ar": self.control.read_if.ar_channel,
            "r": self.control.read_if.r_channel,
        }

    async def begin(self):
        """Start the clock, and reset."""
        self.dut.aresetn.value = 1
        Clock(self.dut.aclk, PERIOD, "ns").start(start_high=False)
        await self.edge
        await self.reset()

    async def reset(self, cycles: int = 2):
        self.dut.aresetn.value = 0
        await ClockCycles(self.dut.aclk, cycles)
        self.dut.aresetn.value = 1
        await ClockCycles(self.dut.aclk, 2)

    def pause(self, percent: int):
        """Every channel pauses in so many percent of the cycles, each for itself."""
        for channel in self.channels.values():
            channel.set_pause_generator(pauses(percent, Random(self.rng.random())))

    def address(self, name: str) -> int:
        return self.registers[name]["offset"]

    async def read(self, name: str) -> int:
        """A register's value."""
        found = await self.control.read(self.address(name), 4)
        assert found.resp == AxiResp.OKAY, f"{name}: {found.resp!r}"
        return int.from_bytes(found.data, "little")

    async def write(self, name: str, value: int):
        found = await self.control.write(self.address(name), value.to_bytes(4, "little"))
        assert found.resp == AxiResp.OKAY, f"{name}: {found.resp!r}"

    async def fields(self, name: str) -> dict[str, int]:
        """A register's value, by its fields."""
        value = await self.read(name)
        return {
            part["name"]: value >> part["low"] & ((1 << part["width"]) - 1)
            for part in self.registers[name]["fields"]
        }

    async def put(self, name: str, **fields: int):
        """Write a register, 0 where no field is given."""
        lows = {part["name"]: part["low"] for part in self.registers[name]["fields"]}
        await self.write(name, sum(value << lows[field] for field, value in fields.items()))

    async def error(self) -> tuple[str, str]:
        """What ``ERROR`` says: the names of kind and stream; it is cleared."""
        found = await self.fields("ERROR")
        assert (await self.fields("INTERRUPT"))["error"]
        await self.put("INTERRUPT", error=1)
        assert (await self.read("ERROR")) == 0
        kinds = {error["number"]: kind for kind, error in self.bus["errors"].items()}
        streams = {stream["index"]: name for name, stream in self.streams.items()}
        return kinds[found["kind"]], streams[found["stream"]]

    async def no_error(self):
        assert await self.read("ERROR") == 0
        assert (await self.fields("INTERRUPT"))["error"] == 0

    async def until(self, holds: Callable[[], bool], limit: int = 50_000):
        for _ in range(limit):
            if holds():
                return
            await self.edge
        raise AssertionError(f"not done after {limit} cycles")

    def packed(self, name: str, words: list[int]) -> bytes:
        """Words of a stream as they lie in memory, and in a packet."""
        return b"".join(word.to_bytes(self.streams[name]["stride"], "little") for word in words)

    def unpacked(self, packed: bytes) -> list[int]:
        """Words of results; bits above them must be zero."""
        stream = self.streams["results"]
        stride = stream["stride"]
        assert len(packed) % stride == 0, f"{len(packed)} bytes are no whole words"
        words = [
            int.from_bytes(packed[at : at + stride], "little")
            for at in range(0, len(packed), stride)
        ]
        assert all(word >> stream["width"] == 0 for word in words), "padding is not zero"
        return words

    @functools.cached_property
    def _host(self):
        return Engine(self.dut) if self.facts.design == "eie" else Host(self.dut)

    def work(self, size: int = 2) -> Work:
        """Some work with random operands, the larger the larger ``size`` is, from 1 up."""
        return self._jobs(size) if self.facts.design == "eie" else self._product(size)

    def _product(self, size):
        host = self._host
        m, k, n = (self.rng.randint(1, size * most) for most in (host.depth, host.rows, host.cols))
        product = host.product(m, k, n)
        (plan,) = host.plans([product])
        words = {
            name: [int.from_bytes(word.tobytes(), "little") for chunk in chunks for word in chunk]
            for name, chunks in plan.words(product.a, product.w, product.channels).items()
        }
        facts = self.facts
        expected = golden_product(facts, product.a, product.w, product.channels, **product.modes)

        def check(found):
            width = -(-facts.streams["results"]["width"] // 8)
            packed = b"".join(word.to_bytes(width, "little") for word in found)
            lanes = np.frombuffer(packed, np.uint8).reshape(-1, width)
            lanes = unpack_fields(lanes, facts.streams["results"]["fields"])
            assert len(found) == plan.result_words, f"{len(found)} results"
            assert np.array_equal(plan.gather(lanes), expected), "wrong results"

        owed = [_owed_by_tile(tile) for tile in self.split("tiles", words["tiles"])]
        return Work(words=words, owed=owed, check=check)

    def _jobs(self, size):
        engine = self._host
        engine.words = {name: [] for name in engine.words}
        engine.forget()
        engine.fill()
        # Sums of the work before, or of before a reset, don't count.
        engine.job(load=1, clear=1, column=0, book=0, in_last=engine.given["acts"] - 1)
        engine.random_jobs([{}] * 4 * size)
        words = {name: list(engine.words[name]) for name in self.inputs}
        expected = list(engine.words["results"])

        def check(found):
            assert found == expected, "wrong results"

        owed = [_owed_by_job(job) for job in self.split("jobs", words["jobs"])]
        return Work(words=words, owed=owed, check=check)

    def split(self, name, words):
        """Words of commands by their fields."""
        for word in words:
            yield {
                field["name"]: word >> field["offset"] & ((1 << field["width"]) - 1)
                for field in self.facts.streams[name]["fields"]
            }


async def check_identity(host: Top) -> None:
    """The registers that say what the core is."""
    given, facts = host.facts.parameters, host.facts
    eie = facts.design == "eie"
    assert await host.read("ID") == int.from_bytes(b"BRWK", "big")
    assert (await host.fields("VERSION"))["major"] == 1
    assert await host.fields("CAPS") == {
        "design": ["gemm_ws", "gemm_os", "gemm_fusion", "eie"].index(facts.design) + 1,
        "top": ["axis", "axi"].index(host.bus["top"]) + 1,
        "beat": (host.bus["data_width"] // 8).bit_length() - 1,
        "channels": int("channels" in host.streams),
        "special": int(given.get("specials") == "flag"),
        "streams": len(host.streams),
    }
    assert await host.read("DIGEST") == int(facts.digest[:8], 16)
    shape = {"rows": given["pes"], "cols": 1} if eie else {n: given[n] for n in ("rows", "cols")}
    assert await host.fields("SHAPE") == shape
    assert await host.read("LIMIT") == given["acts" if eie else _LIMITS[facts.design]]
    assert await host.read("MAX_K") == given.get("max_k", 0)
    widths = await host.fields("WIDTHS")
    assert widths["acc"] == (given["acc_width"] or facts.derived["acc_width"])
    for stream, name in (("acts", "act"), ("results", "result")):
        assert widths[name] == facts.streams[stream]["fields"][0]["width"], name
    for register in host.bus["registers"]:
        if register["access"] == "ro":
            assert await host.read(register["name"]) == register["reset"], register["name"]


#: The parameter that says how many rows of A a run can have.
_LIMITS = {"gemm_ws": "acc_depth", "gemm_fusion": "acc_depth", "gemm_os": "rows"}


async def check_accesses(host: Top) -> None:
    """What a register does not allow is an error without effect; bytes are written alone."""
    access = {register["offset"]: register["access"] for register in host.bus["registers"]}
    last = 1 << host.bus["control"]["address_width"]
    others = {host.rng.randrange(0, last, 4) for _ in range(20)}
    offsets = sorted(others | {*access} | {last - 4, max(access) + 4})
    host.rng.shuffle(offsets)
    wrong = AxiResp.SLVERR
    before = {}
    for name, register in host.registers.items():
        if register["access"] != "wo":
            before[name] = await host.read(name)
    for offset in offsets:
        kind = access.get(offset, "none")
        found = await host.control.read(offset, 4)
        assert found.resp == (wrong if kind in ("wo", "none") else AxiResp.OKAY), hex(offset)
        assert found.resp == AxiResp.OKAY or found.data == bytes(4)
        if kind in ("ro", "none"):
            found = await host.control.write(offset, host.rng.randbytes(4))
            assert found.resp == wrong, hex(offset)
        else:  # which changes nothing yet
            zero = before.get(_name_at(host, offset), 0) if kind == "rw" else 0
            found = await host.control.write(offset, zero.to_bytes(4, "little"))
            assert found.resp == AxiResp.OKAY, hex(offset)
        at = offset + host.rng.randint(1, 3)
        assert (await host.control.read(at, 1)).resp == wrong, hex(at)
        assert (await host.control.write(at, b"\xff")).resp == wrong, hex(at)
    for name, value in before.items():
        assert await host.read(name) == value, name
    await _check_storage(host)


def _name_at(host, offset):
    return next(name for name, found in host.registers.items() if found["offset"] == offset)


async def _check_storage(host):
    """Registers keep what was written, whole or byte by byte, and nothing else."""
    for name, register in host.registers.items():
        if register["access"] != "rw":
            continue
        mask = sum(((1 << part["width"]) - 1) << part["low"] for part in register["fields"])
        value = host.rng.getrandbits(32) if name != "CONTROL" else 0
        await host.write(name, value)
        assert await host.read(name) == value & mask, name
        # The first byte alone; the others can only be written with it.
        await host.control.write(register["offset"], bytes([~value & mask & 0xFF]))
        flipped = value & mask & ~0xFF | ~value & mask & 0xFF
        if name != "CONTROL":
            assert await host.read(name) == flipped, name
        await host.write(name, 0)
        assert await host.read(name) == 0, name


def _owed_by_tile(tile):
    if "height" in tile:
        return tile["height"] + 1 if tile.get("last", 1) else 0
    return tile["length"] + 1 if tile["last"] else 0


def _owed_by_job(job):
    return job["out_last"] + 1 if job["finish"] and job["emit"] and not job["fill"] else 0
