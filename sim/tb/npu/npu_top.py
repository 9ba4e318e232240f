"""Testbench of the network processor with its bus: programs beside their simulator."""

import random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster

from ...lib.bench import manifest
from ...lib.patterns import never, stalls
from ...npu.core import Core
from ...npu.instruction import Instruction
from ...npu.random_programs import random_program, spans
from ...npu.simulator import Simulator
from ._dram import Dram

#: Bytes of DRAM; segments lie in it at random places.
DRAM = 1 << 20
PERIOD = 2
DONE, ERROR, INSTRUCTION = 1, 2, 4
BUSY, RESETTING = 1, 2
#: Numbers of errors, and of what they come from.
ERRORS = {"LENGTH": 1, "ALIGNMENT": 2, "RANGE": 3, "READ": 4, "WRITE": 5, "BUSY": 7}
ERRORS |= {"OPCODE": 8, "FUNCTION": 9, "RESERVED": 10, "SOURCE": 11, "END": 12}
PROGRAM, FETCH, LOAD, STORE = range(4)


class Host:
    """Registers, DRAM, and programs that run in both."""

    def __init__(self, dut, percent=0, latency=5):
        self.dut, self.manifest = dut, manifest()
        self.core = Core.from_manifest(self.manifest)
        self.rng = np.random.default_rng(cocotb.RANDOM_SEED)
        choices = random.Random(cocotb.RANDOM_SEED)
        patterns = {
            name: stalls(percent, choices) if percent else never
            for name in ("aw", "w", "ar", "r", "b")
        }
        self.dram = Dram(dut, "m_axi_mem", choices, DRAM, latency=latency, stalls=patterns)
        self.registers = {
            register["name"]: register["offset"] for register in self.manifest.bus["registers"]
        }
        self.beat = self.manifest.bus["data_width"] // 8
        self.cycle = 0
        dut.aresetn.value = 0
        self._clock = Clock(dut.aclk, PERIOD, unit="ns")
        bus = AxiLiteBus.from_prefix(dut, "s_axi_ctrl")
        self.control = AxiLiteMaster(bus, dut.aclk, dut.aresetn, reset_active_level=False)

    async def start(self):
        self._clock.start(start_high=False)
        await ClockCycles(self.dut.aclk, 3)
        self._task = cocotb.start_soon(self._step())
        self.dut.aresetn.value = 1
        await ClockCycles(self.dut.aclk, 2)

    async def _step(self):
        edge = RisingEdge(self.dut.aclk)
        while True:
            await edge
            self.cycle += 1
            self.dram.step(self.cycle)

    async def write(self, name, value):
        await self.control.write_dword(self.registers[name], value)

    async def read(self, name):
        return await self.control.read_dword(self.registers[name])

    async def reset(self):
        """Resets core and bus, which forgets what was on its way."""
        self.dut.aresetn.value = 0
        self.dram.forget()
        await ClockCycles(self.dut.aclk, 2)
        self.dram.forget()
        self.dut.aresetn.value = 1
        await ClockCycles(self.dut.aclk, 2)

    async def begin(self, instructions, segments, start=True):
        """Puts a program and its segments into DRAM, and starts it; returns the segments' bases."""
        words = self.core.instructions.program(instructions)
        return await self.begin_words(words, segments, start)

    async def begin_words(self, words, segments, start=True):
        """Likewise, for the bytes of a program."""
        segments = {"program": np.frombuffer(words, np.uint8), **segments}
        bases, at = {}, 0
        for name, content in segments.items():
            at += int(self.rng.integers(0, 5000))
            if name == "program":
                at = -(-at // 64) * 64
            bases[name] = at
            self.dram.content[at : at + len(content)] = content
            at += len(content)
            await self.write(f"BASE_LOW_{name.upper()}", bases[name])
        await self.write("LENGTH", len(words) // 32)
        if start:
            await self.write("COMMAND", 2)
        return bases

    async def finish(self, limit=200_000):
        """Waits for the end or an error; returns the events, and the error with its instruction."""
        end = self.cycle + limit
        while not (await self.read("INTERRUPT")) & (DONE | ERROR):
            assert self.cycle < end, f"not done after {limit} cycles"
        happened = await self.read("INTERRUPT")
        value = await self.read("ERROR")
        error = value & 0xFF, value >> 8, await self.read("ERROR_PC")
        await self.write("INTERRUPT", 7)
        return happened, error

    async def soft_reset(self):
        """Resets the core by its register, whatever it does."""
        await self.write("CONTROL", 1)
        await self.write("CONTROL", 0)
        while (await self.read("STATUS")) & RESETTING:
            pass
        assert not self.dram.busy
        await self.write("INTERRUPT", 7)

    async def check(self, instructions, segments, seed=0, limit=200_000):
        """A program on both; returns its cycles."""
        bases = await self.begin(instructions, segments)
        happened, error = await self.finish(limit)
        assert happened & (DONE | ERROR) == DONE, f"error {error}"
        simulator = Simulator(self.core, segments)
        simulator.run(instructions, seed)
        for name, content in simulator.segments.items():
            seen = self.dram.content[bases[name] : bases[name] + len(content)]
            wrong = np.flatnonzero(seen != content)
            assert not wrong.size, (
                f"segment {name}: {wrong.size} bytes differ, from {wrong[0]} on: {seen[wrong[0]]} "
                f"instead of {content[wrong[0]]}"
            )
        return await self.read("CYCLES_LOW")


def with_buffer(core, program):
    """The program, which stores all words of the buffer that it uses in the end; and segments."""
    words = spans(core)["buffer"]
    plain = {"wait": (), "signal": (), "mark": 0, "irq": 0}
    sync = Instruction("sync", plain | {"engine": "store"})
    store = Instruction(
        "store",
        plain
        | {"memory": "buffer", "segment": "spare", "offset": 0, "base": 0, "tail": 0}
        | {"run": words * core.rows, "n1": 1, "n2": 1}
        | dict.fromkeys(("stride1", "stride2", "base1", "base2"), 0),
    )
    *instructions, halt = program.instructions
    segments = dict(program.segments) | {"spare": np.zeros(words * core.rows, np.uint8)}
    return [*instructions, sync, store, halt], segments


@cocotb.test()
@cocotb.parametrize(percent=[0, 30], latency=[1, 60])
async def random_programs(dut, percent, latency):
    """Instructions of all functions with random tokens, byte for byte."""
    host = Host(dut, percent, latency)
    await host.start()
    for seed in range(2):
        program = random_program(host.core, host.rng, 40)
        await host.check(*with_buffer(host.core, program), seed)


async def small_program(host, seed):
    """A right program, which a core runs that is in order."""
    program = random_program(host.core, np.random.default_rng(seed), 8)
    await host.check(*with_buffer(host.core, program), seed)


@cocotb.test()
async def resets(dut):
    """A soft reset at any moment of a program; the next program is right."""
    host = Host(dut, 20, 30)
    await host.start()
    for cycles in (0, 3, 40, 150, 400, 900, 1500):
        program = random_program(host.core, host.rng, 20)
        await host.begin(*with_buffer(host.core, program))
        await ClockCycles(dut.aclk, cycles)
        await host.soft_reset()
        assert not await host.read("STATUS")
        await small_program(host, cycles)


@cocotb.test()
async def hard_resets(dut):
    """A reset at any moment of a program, in which the bus forgets what was on its way."""
    host = Host(dut)
    await host.start()
    for cycles in (7, 200, 700):
        program = random_program(host.core, host.rng, 20)
        await host.begin(*with_buffer(host.core, program))
        await ClockCycles(dut.aclk, cycles)
        await host.reset()
        await small_program(host, cycles)


@cocotb.test()
async def bad_instructions(dut):
    """Each is told with its error and number, nothing behind it begins, and a reset helps."""
    host = Host(dut)
    await host.start()
    encode = host.core.instructions.program
    plain = {"wait": (), "signal": (), "mark": 0, "irq": 0}
    halt = int.from_bytes(encode([Instruction("halt", plain)]), "little")
    sync = int.from_bytes(encode([Instruction("sync", plain | {"engine": "load"})]), "little")
    for error, word in (
        ("OPCODE", 6),
        ("OPCODE", 15 | 1 << 200),
        ("RESERVED", halt | 1 << 255),
        ("RESERVED", sync | 1 << 14),
        ("FUNCTION", 5 | 31 << 12),
        ("SOURCE", 4 | 1 << 223),
        ("SOURCE", 3 | 2 << 12),
        ("END", sync),
    ):
        words = (sync, sync, word, *([] if error == "END" else [halt]))
        content = b"".join(value.to_bytes(32, "little") for value in words)
        await host.begin_words(content, {})
        happened, (kind, source, pc) = await host.finish()
        assert happened == ERROR
        assert kind == ERRORS[error]
        assert (source, pc) == ((FETCH, 3) if error == "END" else (PROGRAM, 2))
        await host.soft_reset()
        await small_program(host, kind)


@cocotb.test()
async def memory_errors(dut):
    """Of the fetch, of LOAD and of STORE; a soft reset makes the core ready again."""
    host = Host(dut, 0, 20)
    await host.start()
    program = random_program(host.core, host.rng, 10)
    for segment, error, source in (
        ("program", "READ", FETCH),
        ("input", "READ", LOAD),
        ("spare", "WRITE", STORE),
    ):
        instructions, segments = with_buffer(host.core, program)
        bases = await host.begin(instructions, segments, start=False)
        first = bases[segment] // host.beat
        beats = set(range(first, first + len(segments.get(segment, [0])) // host.beat + 1))
        if error == "READ":
            host.dram.fail_reads = beats
        else:
            host.dram.fail_writes = beats
        await host.write("COMMAND", 2)
        happened, (kind, origin, _) = await host.finish()
        assert happened & ERROR
        assert (kind, origin) == (ERRORS[error], source)
        await host.soft_reset()
        host.dram.fail_reads = host.dram.fail_writes = set()
        await small_program(host, kind)


@cocotb.test()
async def wrong_starts(dut):
    """Nothing is read; a start while a program runs has no effect on it."""
    host = Host(dut)
    await host.start()
    program = random_program(host.core, host.rng, 6)
    instructions, segments = with_buffer(host.core, program)
    for error, registers in (
        ("LENGTH", {"LENGTH": 0}),
        ("ALIGNMENT", {"BASE_LOW_PROGRAM": 4}),
        ("RANGE", {"BASE_LOW_PROGRAM": (1 << 32) - 64, "LENGTH": 100}),
    ):
        await host.begin(instructions, segments, start=False)
        for name, value in registers.items():
            await host.write(name, value)
        reads = len(host.dram.reads)
        await host.write("COMMAND", 2)
        happened, (kind, source, _) = await host.finish()
        assert (happened, kind, source) == (ERROR, ERRORS[error], FETCH)
        assert len(host.dram.reads) == reads
        assert not await host.read("STATUS")
    await host.begin(instructions, segments)
    assert await host.read("STATUS") == BUSY
    await host.write("COMMAND", 2)
    happened, (kind, _, _) = await host.finish()
    assert (happened & ERROR, kind) == (ERROR, ERRORS["BUSY"])
    while await host.read("STATUS"):
        pass
    await host.write("INTERRUPT", 7)
    await small_program(host, 3)


@cocotb.test()
async def interrupts(dut):
    """The line is high while an enabled event is pending; ``irq`` of an instruction is one."""
    host = Host(dut)
    await host.start()
    plain = {"wait": (), "signal": (), "mark": 0, "irq": 0}
    marked = Instruction("sync", plain | {"engine": "vector", "irq": 1})
    halt = Instruction("halt", plain)
    for enabled in (DONE, INSTRUCTION):
        await host.write("INTERRUPT_ENABLE", enabled)
        for program, events in (([halt], DONE), ([marked, halt], DONE | INSTRUCTION)):
            await host.begin(program, {})
            while not (await host.read("INTERRUPT")) & DONE:
                pass
            assert await host.read("INTERRUPT") == events
            assert bool(dut.interrupt.value) == bool(events & enabled)
            await host.write("INTERRUPT", 7)
            await ClockCycles(dut.aclk, 3)
            assert not dut.interrupt.value


@cocotb.test()
async def identity(dut):
    """Registers tell what the core is."""
    host = Host(dut)
    await host.start()
    for register in host.manifest.bus["registers"]:
        if register["access"] == "ro" and register["offset"] < 0x20:
            assert await host.read(register["name"]) == register["reset"], register["name"]
    parameters = host.manifest.parameters
    assert await host.read("SHAPE") == parameters["rows"] | parameters["cols"] << 16
    assert await host.read("LIMIT") == parameters["acc_depth"]


@cocotb.test()
async def counters(dut):
    """Beats, rows of activations, and cycles of each engine, from the clearing on."""
    host = Host(dut, 10, 10)
    await host.start()
    await small_program(host, 1)
    program = random_program(host.core, host.rng, 30)
    instructions, segments = with_buffer(host.core, program)
    await host.begin(instructions, segments, start=False)
    given, beats = host.dram.given, sum(length for _, _, length in host.dram.writes)
    await host.write("COMMAND", 3)
    happened, _ = await host.finish()
    assert happened & (DONE | ERROR) == DONE
    await ClockCycles(dut.aclk, 5)
    names = ("READS", "WRITES", "STEPS", "CYCLES_LOW", "NO_WEIGHTS", "NO_ACTS", "NO_ROOM")
    counts = {name: await host.read(name) for name in names}
    assert counts["READS"] == host.dram.given - given
    assert counts["WRITES"] == sum(length for _, _, length in host.dram.writes) - beats
    shape = ("oh", "ow", "kh", "kw", "kc", "nb")
    products = [each for each in instructions if each.opcode == "matrix"]
    assert counts["STEPS"] == sum(int(np.prod([one[name] for name in shape])) for one in products)
    for engine in host.core.isa["engines"]:
        busy = await host.read(f"BUSY_{engine.upper()}_LOW")
        waits = [await host.read(f"{kind}_{engine.upper()}") for kind in ("TOKENS", "BANK")]
        assert 0 < busy <= counts["CYCLES_LOW"]
        assert max(waits) <= counts["CYCLES_LOW"]
    await host.write("COMMAND", 1)
    assert not any([await host.read(name) for name in names])
