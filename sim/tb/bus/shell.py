"""Testbench of what all tops have in common, with one of the GEMM engines as the core."""

from typing import NamedTuple

import cocotb
import numpy as np

from ...golden.engine import product as golden_product
from ...host.packing import unpack_fields
from ...lib.bench import check_no_paths
from ...lib.host import Host
from ...lib.streams import Recorder, Sink, Source, always, never, stalls, waits
from ._beats import Beat, layout
from ._registers import ERRORS, Asker, register_map

#: Cycles from a beat to the core, and from the core to a beat.
INTO, OUT_OF = 1, 2


class Work(NamedTuple):
    """A product: words of each stream, results of each run, and the matrix that they are."""

    words: dict
    runs: list
    plan: object
    expected: np.ndarray


class Shell:
    """A shell between sources, a sink and someone who reads registers."""

    def __init__(self, dut, inputs=0, outputs=0):
        # Only what has to do with words and products: streams are not the shell's.
        self.host = Host(dut)
        self.dut, self.bench = dut, self.host.bench
        self.rng = self.bench.rng
        self.facts = self.host.facts
        self.given, self.bus = self.facts.parameters, self.facts.bus
        self.dma = self.given["address_width"] > 0
        self.layouts = {
            name: layout(stream["width"], self.bus["data_width"])
            for name, stream in self.bus["streams"].items()
        }
        self.inputs = [name for name in self.layouts if name != "results"]
        self.at = {register["name"]: register["offset"] for register in self.bus["registers"]}
        self.asker = Asker(dut, self.bench.tick)
        self.stalls = {name: stalls(inputs, self.rng) for name in self.inputs}
        self.sink = Sink(dut, self.port("results"), stalls(outputs, self.rng))
        self.o = Recorder(dut, "results", self.port("results"))
        self.sources, self.taken = {}, {}
        for name in self.inputs:
            self.sources[name] = Source(dut, self.port(name), iter(()))
            self.taken[name] = Recorder(dut, name, self.port(name))
        dut.drained.value = 1
        if self.dma:
            for name in ("running", "done", "failed", "failed_kind", "failed_stream"):
                getattr(dut, name).value = 0

    def port(self, name):
        return {part: f"{name}_{part}" for part in ("payload", "valid", "ready")}

    async def start(self):
        await self.bench.reset()
        self.parts()

    def parts(self):
        self.bench.parts = [self.sink, self.o, *self.sources.values(), *self.taken.values()]

    async def read(self, name):
        return await self.asker.read(self.at[name])

    async def write(self, name, value):
        await self.asker.write(self.at[name], value)

    def work(self, m, k, n) -> Work:
        product = self.host.product(m, k, n)
        (plan,) = self.host.plans([product])
        words = {
            name: [int.from_bytes(word.tobytes(), "little") for part in parts for word in part]
            for name, parts in plan.words(product.a, product.w, product.channels).items()
        }
        expected = golden_product(
            self.facts, product.a, product.w, product.channels, **product.modes
        )
        return Work(words, [len(rows) for rows, _ in plan.runs], plan, expected)

    def some(self):
        host = self.host
        sizes = (self.rng.randint(1, 2 * most + 1) for most in (host.depth, host.rows, host.cols))
        return self.work(*sizes)

    def send(self, packets):
        """Packets, lists of work; those of other streams than commands end anywhere."""
        for name in self.inputs:
            words = []
            for works in packets:
                found = [word for work in works for word in work.words[name]]
                ends = {len(found) - 1}
                if name != "tiles":
                    ends |= {self.rng.randrange(len(found))}
                words += [(word, int(place in ends)) for place, word in enumerate(found)]
            beats = self.layouts[name].beats(words)
            width = self.bus["data_width"]
            self.sources[name] = Source(
                self.dut,
                self.port(name),
                [beat.payload(width) for beat in beats],
                self.stalls[name],
            )
        self.parts()

    def results(self, first=0):
        """Words of the beats from ``first`` on, each with whether it is the last."""
        beats = [Beat.of(word, self.bus["data_width"]) for word in self.o.words[first:]]
        if self.layouts["results"].beats_per_word == 1:
            # Nothing but words, from the lowest on, and what lies between them is zero.
            for beat in beats:
                assert beat.keep & (beat.keep + 1) == 0
                assert beat.last or beat.keep + 1 == 1 << self.bus["data_width"] // 8
        words, broken = self.layouts["results"].words(beats)
        assert not any(broken)
        return words

    def check(self, packets, first=0, single=False):
        found = self.results(first)
        fields = self.facts.streams["results"]
        size = -(-fields["width"] // 8)
        at, ends = 0, []
        for works in packets:
            for work in works:
                words = [word for word, _ in found[at : at + sum(work.runs)]]
                packed = b"".join(word.to_bytes(size, "little") for word in words)
                lanes = np.frombuffer(packed, np.uint8).reshape(-1, size)
                assert len(words) == sum(work.runs), "too few results"
                lanes = unpack_fields(lanes, fields["fields"])
                assert np.array_equal(work.plan.gather(lanes), work.expected), "wrong results"
                for run in work.runs:
                    at += run
                    ends += [at] if single else []
            if not single:
                ends.append(at)
        assert len(found) == at, "too many results"
        assert [n + 1 for n, (_, last) in enumerate(found) if last] == ends

    async def run(self, packets, single=False, limit=20000):
        first, beats = self.o.count, len(packets)
        if single:
            beats = sum(len(work.runs) for works in packets for work in works)
        self.send(packets)

        def ended():
            return sum(word >> self.bus["data_width"] * 9 // 8 for word in self.o.words[first:])

        await self.bench.run(lambda: ended() >= beats, limit)
        for _ in range(10):
            await self.bench.tick()
        self.check(packets, first, single)


@cocotb.test()
@cocotb.parametrize(inputs=[0, 60], outputs=[0, 60])
async def products(dut, inputs, outputs):
    """Packets of several products; a packet of results for each, and all words are counted."""
    shell = Shell(dut, inputs, outputs)
    await shell.start()
    packets = [[shell.some() for _ in range(count)] for count in (1, 3, 1, 2)]
    await shell.run(packets)
    for name in shell.inputs:
        words = sum(len(work.words[name]) for works in packets for work in works)
        assert await shell.read(f"WORDS_{name.upper()}") == words
    results = sum(sum(work.runs) for works in packets for work in works)
    assert await shell.read("WORDS_RESULTS") == results
    assert await shell.read("ERROR") == 0
    assert await shell.read("STATUS") == 0
    assert dut.quiet.value
    if not shell.dma:
        assert await shell.read("INTERRUPT") == 1
        assert 0 < await shell.read("CYCLES_LOW") < shell.bench.cycle
    assert not dut.interrupt.value
    await shell.write("INTERRUPT_ENABLE", 1)
    assert dut.interrupt.value != shell.dma
    await shell.write("INTERRUPT", 1)
    assert not dut.interrupt.value
    await shell.write("COMMAND", 1)
    for name in shell.inputs:
        assert await shell.read(f"WORDS_{name.upper()}") == 0


@cocotb.test()
async def runs(dut):
    """A packet of results for each run, where that can be chosen."""
    shell = Shell(dut)
    await shell.start()
    if not shell.dma:
        await shell.write("MODE", 1)
        assert await shell.read("MODE") == 1
        await shell.run([[shell.some(), shell.some()], [shell.some()]], single=True)
        await shell.write("MODE", 0)
    await shell.run([[shell.some(), shell.some()]])


@cocotb.test()
async def map_and_identity(dut):
    """Registers are where they always were, and say what the core is."""
    shell = Shell(dut)
    await shell.start()
    given, facts = shell.given, shell.facts
    widths = {name: stream["fields"][0]["width"] for name, stream in facts.streams.items()}
    design = ["gemm_ws", "gemm_os"].index(facts.design) + 1
    top = {"axis": 1, "axi": 2, "uart": 3}[given["top"]]
    identity = {
        "CAPS": design
        | top << 8
        | ((given["data_width"] // 8).bit_length() - 1) << 12
        | ("channels" in shell.inputs) << 16
        | len(shell.layouts) << 18,
        "DIGEST": given["digest"],
        "SHAPE": given["rows"] | given["cols"] << 16,
        "LIMIT": shell.host.depth,
        "WIDTHS": widths["acts"]
        | widths["weights"] << 8
        | widths["results"] << 16
        | shell.host.acc_width << 24,
        "MAX_K": given["max_k"],
    }
    expected = register_map(
        ",".join(shell.layouts), given["address_width"], given["counters"], identity.items()
    )
    found = {register["name"]: register for register in shell.bus["registers"]}
    assert set(found) == set(expected)
    for name, register in expected.items():
        assert found[name]["offset"] == register.offset, name
        assert found[name]["access"] == register.access, name
        error, value = await shell.asker.access(register.offset)
        assert (error, value) == (register.access == "wo", register.value), name
    assert {name: entry["number"] for name, entry in shell.bus["errors"].items()} == ERRORS


@cocotb.test()
async def latency(dut):
    """A word comes to the core a cycle later, and leaves it two cycles later, than alone."""
    shell = Shell(dut)
    if "acts_to_results" not in shell.facts.timing:
        return
    await shell.start()
    # One row, and its activations last of all.
    work = shell.work(1, shell.host.rows, shell.host.cols)
    shell.stalls["acts"] = waits(60)
    await shell.run([[work]])
    words = len(work.words["acts"])
    slots = shell.layouts["acts"].words_per_beat
    beats = shell.layouts["acts"].beats_per_word
    assert words == 1
    assert slots >= 1
    came = shell.taken["acts"].taken[beats - 1]
    offered = came + INTO + shell.facts.timing["acts_to_results"] + OUT_OF
    assert shell.o.offered[0] == offered


@cocotb.test()
async def waiting_is_counted(dut):
    """What the core waits for, and what the host lets wait, while it is busy."""
    shell = Shell(dut)
    await shell.start()
    if shell.dma:
        dut.running.value = 1
    shell.stalls["acts"] = waits(150)
    await shell.run([[shell.some()]])
    assert await shell.read("WAITS_ACTS") >= 100
    assert await shell.read("WAITS_RESULTS") < 50
    await shell.write("COMMAND", 1)
    shell.stalls["acts"] = never
    blocked = [always]
    shell.sink._stall = lambda: blocked[0]()
    work = shell.work(2 * shell.host.depth, shell.host.rows, 2 * shell.host.cols)
    shell.send([[work]])
    first = shell.o.count
    for _ in range(400):
        await shell.bench.tick()
    assert not dut.quiet.value
    blocked[0] = never
    await shell.bench.run(lambda: len(shell.results(first)) >= sum(work.runs), 3000)
    shell.check([[work]], first)
    assert await shell.read("WAITS_RESULTS") >= 200


@cocotb.test()
async def quiet(dut):
    """Not from the first word until the last beat of results has left."""
    shell = Shell(dut, outputs=50)
    await shell.start()
    assert dut.quiet.value
    work = shell.some()
    shell.stalls["tiles"] = never
    shell.send([[work]])
    await shell.bench.run(lambda: shell.taken["tiles"].count, 20)
    first, limit = shell.o.count, 3000
    ends = shell.bus["data_width"] * 9 // 8
    while not any(word >> ends for word in shell.o.words[first:]):
        await shell.bench.tick()
        assert not dut.quiet.value
        limit -= 1
        assert limit
    for _ in range(3):
        await shell.bench.tick()
    assert dut.quiet.value
    shell.check([[work]], first)


class InReset:
    """Checks that in every cycle of a soft reset all is taken, and nothing is offered."""

    def __init__(self, shell):
        self.dut, self.inputs = shell.dut, shell.inputs

    def step(self, cycle):
        dut = self.dut
        if dut.reset.value:
            assert not dut.results_valid.value, f"cycle {cycle}: results are offered in reset"
            for name in self.inputs:
                assert getattr(dut, f"{name}_ready").value, f"cycle {cycle}: {name} wait in reset"


@cocotb.test()
@cocotb.parametrize(inputs=[0, 60], outputs=[0, 60])
async def soft_reset(dut, inputs, outputs):
    """At any moment; what comes is dropped, nothing leaves, and what follows is right."""
    shell = Shell(dut, inputs, outputs)
    await shell.start()
    for cycles in (1, 5, 9, *(shell.rng.randrange(10, 200) for _ in range(6))):
        shell.send([[shell.some() for _ in range(3)]])
        for _ in range(cycles):
            await shell.bench.tick()
        dut.drained.value = 0
        # Only what was offered is offered on; the others have nothing more to say.
        for source in shell.sources.values():
            source._next = None
        # A beat of results may be taken back here: the tops see to it that no one notices.
        shell.bench.parts.remove(shell.o)
        shell.bench.parts.append(InReset(shell))
        await shell.write("CONTROL", 1)
        assert dut.reset.value
        await shell.bench.tick()
        assert all(source.done for source in shell.sources.values())
        # Nor is anything said of packets that are wrong.
        wrong = Beat(0, 0, 1).payload(shell.bus["data_width"])
        for name in shell.inputs:
            source = Source(dut, shell.port(name), [wrong] * 3)
            shell.bench.parts.append(source)
        for _ in range(6):
            await shell.bench.tick()
        assert source.done
        assert await shell.read("ERROR") == 0
        assert await shell.read("STATUS") == 2
        await shell.write("CONTROL", 0)
        for _ in range(5):
            await shell.bench.tick()
            assert dut.reset.value, "not all has ended"
        assert await shell.read("STATUS") == 2
        dut.drained.value = 1
        for _ in range(3):
            await shell.bench.tick()
        assert not dut.reset.value
        assert dut.quiet.value
        assert await shell.read("STATUS") == 0
        await shell.write("INTERRUPT", 3)
        shell.o = Recorder(dut, "results", shell.port("results"))
        await shell.run([[shell.some()]])
        assert await shell.read("ERROR") == 0


@cocotb.test()
async def malformed(dut):
    """A packet without a word, or that ends within one, is told, with its stream."""
    shell = Shell(dut)
    await shell.start()
    width = shell.bus["data_width"]
    await shell.write("INTERRUPT_ENABLE", 2)
    for index, name in enumerate(shell.inputs):
        keep = (1 << width // 8) - 1 if shell.layouts[name].beats_per_word > 1 else 0
        beat = Beat(shell.rng.getrandbits(width), keep, 1).payload(width)
        shell.sources[name] = Source(dut, shell.port(name), [beat])
        shell.parts()
        for _ in range(6):
            await shell.bench.tick()
        assert await shell.read("ERROR") == ERRORS["FRAMING"] | index << 8
        assert await shell.read("INTERRUPT") == 2
        assert dut.interrupt.value
        await shell.write("INTERRUPT", 2)
        assert not dut.interrupt.value
    await shell.run([[shell.some()]])


@cocotb.test()
async def job(dut):
    """What registers and the DMA tell each other."""
    shell = Shell(dut)
    if not shell.dma:
        return
    await shell.start()
    width = shell.given["address_width"]
    addresses, counts = 0, 0
    for index, name in enumerate(shell.layouts):
        address, count = shell.rng.getrandbits(width), shell.rng.getrandbits(32)
        addresses |= address << index * width
        counts |= count << index * 32
        await shell.write(f"ADDRESS_LOW_{name.upper()}", address & 0xFFFF_FFFF)
        if width > 32:
            await shell.write(f"ADDRESS_HIGH_{name.upper()}", address >> 32)
        await shell.write(f"COUNT_{name.upper()}", count)
    assert dut.address.value.to_unsigned() == addresses
    assert dut.count.value.to_unsigned() == counts
    starts = []

    class Watch:
        def step(self, cycle):
            if dut.start.value:
                starts.append(cycle)

    shell.bench.parts.append(Watch())
    await shell.write("COMMAND", 2)
    assert len(starts) == 1
    await shell.write("COMMAND", 1)
    assert len(starts) == 1
    dut.running.value = 1
    await shell.bench.tick()
    assert await shell.read("STATUS") == 1
    for _ in range(50):
        await shell.bench.tick()
    dut.running.value = 0
    await shell.bench.tick()
    assert await shell.read("STATUS") == 0
    assert 50 < await shell.read("CYCLES_LOW") < 60
    assert await shell.read("INTERRUPT") == 0
    dut.done.value = 1
    await shell.bench.tick()
    dut.done.value = 0
    assert await shell.read("INTERRUPT") == 1
    dut.failed.value, dut.failed_kind.value, dut.failed_stream.value = 1, 4, 2
    await shell.bench.tick()
    dut.failed.value = 0
    assert await shell.read("ERROR") == 4 | 2 << 8
    assert await shell.read("INTERRUPT") == 3


@cocotb.test()
async def beats_do_not_wait_for_each_other(dut):
    """No beat's ``valid`` depends on its ``ready``, or on another stream's in the same cycle."""
    shell = Shell(dut, 50, 50)
    await shell.start()
    shell.send([[shell.some(), shell.some()]])
    inputs = [f"{name}_{part}" for name in shell.inputs for part in ("payload", "valid")]
    outputs = [f"{name}_ready" for name in shell.inputs]
    outputs += ["results_valid", "results_payload", "interrupt", "reset", "quiet"]
    for _ in range(60):
        await shell.bench.tick()
        await check_no_paths(shell.bench, [*inputs, "results_ready", "drained"], outputs)
