"""Testbench of the dispatch of instructions."""

from random import Random

import cocotb

from ...golden.npu.dispatch import ENGINES, FUNCTIONS, dispatch, used_bits
from ...lib.bench import Bench, check_no_paths, manifest, settle
from ...lib.streams import Recorder, Sink, Source, always, never, stalls
from ._program import HALT, SYNC, halt, legal, sync

_STORE, _MATRIX, _VECTOR = 3, 4, 5


def functions():
    """The core's functions and their codes."""
    names = manifest().parameters["functions"].split(",")
    return {name: FUNCTIONS.index(name) for name in names}


class Dispatching:
    """The unit between a source of words and four queues; every word has another index.

    An engine is busy from the cycle after it took an instruction on, for up to ``busy`` cycles.
    """

    def __init__(self, dut, words, *, stall=never, queues=never, busy=0):
        unit = manifest()
        self.dut, self.bench = dut, Bench(dut)
        self.words, self.busy = words, busy
        width = unit.parameters["pc_width"]
        pcs = [(index + 3) % (1 << width) for index in range(len(words))]
        streams = unit.streams
        self.items = [word | pc << 256 for word, pc in zip(words, pcs, strict=True)]
        self.source = Source(dut, streams["i"], self.items, stall)
        self.i = Recorder(dut, "i", streams["i"])
        self.sinks = {name: Sink(dut, streams[name], queues) for name in ENGINES}
        self.engines = {name: Recorder(dut, name, streams[name]) for name in ENGINES}
        self.until = dict.fromkeys(ENGINES, 0)
        self.counts = dict.fromkeys(ENGINES, 0)
        self.events, self.done = [], []
        self.expected = dispatch(words, functions())
        dut.idle.value = 15

    async def start(self, *, any_state=True):
        await self.bench.reset(any_state=any_state)
        recorders = [self.i, *self.engines.values()]
        self.bench.agents = [self.source, *self.sinks.values(), *recorders, self]

    def step(self, cycle):
        dut = self.dut
        for name, recorder in self.engines.items():
            if recorder.count > self.counts[name]:
                self.counts[name] = recorder.count
                self.events.append((name, self.items.index(recorder.words[-1])))
                self.until[name] = cycle + 1 + self.bench.rng.randint(0, self.busy)
        if dut.done.value:
            assert dut.idle.value == 15
            self.events.append(("done", len(self.events)))
            self.done.append(cycle)
        dut.idle.value = sum(
            (cycle >= until) << number for number, until in enumerate(self.until.values())
        )

    async def finish(self, limit):
        failed = self.expected[-1] if self.expected[-1][0] == "failed" else None
        goal = len(self.expected) - (failed is not None)
        await self.bench.run(lambda: len(self.events) >= goal, limit)
        for _ in range(4):
            await self.bench.tick()
        if failed:
            _, index, kind = failed
            assert self.dut.failed.value, f"word {index} is not refused: {self.words[index]:#x}"
            assert self.dut.failed_kind.value == kind
            assert self.dut.failed_pc.value == self.items[index] >> 256
            assert not self.dut.i_ready.value
        else:
            assert not self.dut.failed.value
        assert self.events == self.expected[:goal]


def program(length, halts=0.05):
    """Legal instructions of all forms."""
    rng = Random(cocotb.RANDOM_SEED)
    names = functions()
    words = []
    for _ in range(length):
        draw = rng.random()
        words.append(
            halt(rng) if draw < halts else sync(rng) if draw < halts + 0.1 else legal(rng, names)
        )
    return words


@cocotb.test()
async def throughput(dut):
    """An instruction a cycle, each in the cycle after it came."""
    dispatching = Dispatching(dut, program(200, halts=0))
    await dispatching.start()
    await dispatching.finish(230)
    accepted = dispatching.i.accepted
    assert accepted == list(range(accepted[0], accepted[0] + 200))
    offered = sorted(cycle for r in dispatching.engines.values() for cycle in r.offered)
    assert offered == [cycle + 1 for cycle in accepted]


@cocotb.test()
async def halt_waits(dut):
    """Until all engines are idle, each of them alone; ``done`` comes in that cycle."""
    rng = Random(cocotb.RANDOM_SEED)
    for number in range(len(ENGINES)):
        dispatching = Dispatching(dut, [halt(rng)])
        await dispatching.start()
        dispatching.bench.agents.pop()
        dut.idle.value = 15 ^ 1 << number
        for _ in range(12):
            await dispatching.bench.tick()
            assert not dut.done.value
        dut.idle.value = 15
        await settle()
        assert dut.done.value
        await dispatching.bench.tick()
        await settle()
        assert not dut.done.value
    dispatching = Dispatching(dut, program(60, halts=0.3), busy=5)
    await dispatching.start()
    await dispatching.finish(600)
    dispatching = Dispatching(dut, [halt(rng) for _ in range(10)])
    await dispatching.start()
    await dispatching.finish(30)
    first = dispatching.done[0]
    assert dispatching.done == list(range(first, first + 10))


async def refuse(bench, word):
    """An instruction that is not legal goes nowhere, and the next one is not taken."""
    dut, pc = bench.dut, bench.rng.getrandbits(len(bench.dut.failed_pc))
    ((_, _, kind),) = dispatch([word], functions())
    dut.i_payload.value, dut.i_valid.value = word | pc << 256, 1
    for cycle in range(3):
        await bench.tick()
        assert bool(dut.i_ready.value) == (cycle == 0)
        assert not any(getattr(dut, f"{name}_valid").value for name in ENGINES)
        assert not dut.done.value
        assert bool(dut.failed.value) == (cycle > 0), f"{word:#x}"
    assert dut.failed_kind.value == kind, f"{word:#x}"
    assert dut.failed_pc.value == pc
    dut.rst.value, dut.i_valid.value = 1, 0
    await bench.tick()
    dut.rst.value = 0
    await bench.tick()


async def begin(dut):
    dispatching = Dispatching(dut, [HALT])
    await dispatching.start()
    bench = dispatching.bench
    bench.agents = []
    await bench.tick()
    return bench


@cocotb.test()
async def reserved_bits(dut):
    """Each bit that belongs to no field of a form, alone, with the fields all 0 or random."""
    bench = await begin(dut)
    forms = [(opcode, None, 0) for opcode in range(5)]
    forms += [(_VECTOR, name, code << 12) for name, code in functions().items()]
    for opcode, name, chosen in forms:
        used = used_bits(opcode, name)
        for bit in range(256):
            if used >> bit & 1 == 0:
                rest = bench.rng.getrandbits(256) if bit % 4 == 0 else 0
                others = rest & used & ~(used_bits(HALT) | 31 << 12)
                await refuse(bench, opcode | chosen | others | 1 << bit)


@cocotb.test()
async def opcodes_and_functions(dut):
    """All that are unknown, or that the core lacks, whatever else is wrong with them."""
    bench = await begin(dut)
    rng = bench.rng
    for opcode in range(_VECTOR + 1, 16):
        for rest in (0, rng.getrandbits(252)):
            await refuse(bench, opcode | rest << 4)
    for code in set(range(32)) - set(functions().values()):
        for rest in (0, rng.getrandbits(239)):
            await refuse(bench, _VECTOR | code << 12 | rest << 17)
    for source in (1, 2, 3):
        await refuse(bench, _MATRIX | source << 223)
        await refuse(bench, _STORE | source << 12)


@cocotb.test()
async def fields(dut):
    """All fields of all forms may be all ones."""
    words = [
        used_bits(HALT) & ~15,
        used_bits(SYNC) & ~14,
        used_bits(2) & ~13,
        used_bits(_STORE) & ~(3 << 12) & ~12,
    ]
    words += [used_bits(_MATRIX) & ~(3 << 223) & ~11]
    words += [
        used_bits(_VECTOR, name) & ~(31 << 12) & ~10 | code << 12
        for name, code in functions().items()
    ]
    dispatching = Dispatching(dut, words)
    await dispatching.start()
    await dispatching.finish(60)


@cocotb.test()
@cocotb.parametrize(inputs=[0, 60], queues=[0, 70], busy=[0, 9])
async def random(dut, inputs, queues, busy):
    dispatching = Dispatching(dut, program(300), busy=busy)
    rng = dispatching.bench.rng
    dispatching.source._stall = stalls(inputs, rng)
    for sink in dispatching.sinks.values():
        sink._stall = stalls(queues, rng)
    await dispatching.start()
    await dispatching.finish(5000)


@cocotb.test()
async def reset(dut):
    """Neither an instruction nor an error is left."""
    for words in (program(5), [15], [*program(3), 15], program(30)):
        dispatching = Dispatching(dut, words, queues=always)
        await dispatching.start()
        for _ in range(6):
            await dispatching.bench.tick()
        dispatching = Dispatching(dut, program(20))
        await dispatching.start()
        await dispatching.finish(60)


@cocotb.test()
async def offers_come_from_registers(dut):
    dispatching = Dispatching(dut, program(80))
    rng = dispatching.bench.rng
    dispatching.source._stall = stalls(40, rng)
    await dispatching.start()
    readies = [f"{name}_ready" for name in ENGINES]
    outputs = [f"{name}_{port}" for name in ENGINES for port in ("valid", "payload")]
    for _ in range(50):
        await dispatching.bench.tick()
        await check_no_paths(
            dispatching.bench,
            ["i_payload", "i_valid", "idle", *readies],
            [*outputs, "failed", "failed_kind", "failed_pc"],
        )
