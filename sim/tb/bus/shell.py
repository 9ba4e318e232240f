"""Testbench of the common shell of the bus wrappers, with a GEMM engine as the core."""

import itertools
from typing import NamedTuple

import cocotb
import numpy as np

from ...designs._gemm import GemmJob
from ...host.packing import integers, unpack_fields
from ...lib.bench import check_no_paths
from ...lib.gemm_host import Host
from ...lib.streams import Recorder, Sink, Source, always, never, stalls, waits
from ._beats import Beat, layout
from ._registers import ERRORS, Asker, register_map

#: Latency from a beat to the core, and from the core to a beat.
INTO, OUT_OF = 1, 2


class Work(NamedTuple):
    """A product: words of each stream, result words of each output tile, and the job."""

    words: dict
    tiles: list
    job: GemmJob


class Shell:
    """A shell between sources, a sink and a reader of registers."""

    def __init__(self, dut, inputs=0, outputs=0):
        # The host makes words and products; its streams are those of the core, not of the shell.
        self.host = Host(dut)
        self.dut, self.bench = dut, self.host.bench
        self.rng = self.bench.rng
        self.manifest = self.host.manifest
        self.bus = self.manifest.bus
        self.parameters = self.manifest.parameters | self.bus["parameters"]
        self.parameters |= {"top": self.bus["top"], "digest": int(self.manifest.digest[:8], 16)}
        self.dma = self.parameters["address_width"] > 0
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
        self.sources, self.recorders = {}, {}
        for name in self.inputs:
            self.sources[name] = Source(dut, self.port(name), iter(()))
            self.recorders[name] = Recorder(dut, name, self.port(name))
        dut.drained.value = 1
        if self.dma:
            for name in ("running", "done", "failed", "failed_kind", "failed_stream"):
                getattr(dut, name).value = 0

    def port(self, name):
        return {signal: f"{name}_{signal}" for signal in ("payload", "valid", "ready")}

    async def start(self, *, any_state=True):
        await self.bench.reset(any_state=any_state)
        self.connect()

    def connect(self):
        """Have the bench step the current sources, sink and recorders."""
        self.bench.agents = [self.sink, self.o, *self.sources.values(), *self.recorders.values()]

    async def read(self, name):
        return await self.asker.read(self.at[name])

    async def write(self, name, value):
        await self.asker.write(self.at[name], value)

    def work(self, m, k, n) -> Work:
        job = self.host.product(m, k, n)
        words = {
            name: list(itertools.chain.from_iterable(map(integers, chunks)))
            for name, chunks in job.words().items()
        }
        return Work(words, [len(rows) for rows, _ in job.tiles], job)

    def some(self):
        host = self.host
        sizes = (self.rng.randint(1, 2 * most + 1) for most in (host.depth, host.rows, host.cols))
        return self.work(*sizes)

    def send(self, packets):
        """Offer packets, lists of work; packets of streams without descriptors end anywhere."""
        for name in self.inputs:
            words = []
            for works in packets:
                packet = [word for work in works for word in work.words[name]]
                ends = {len(packet) - 1}
                if name != "tiles":
                    ends |= {self.rng.randrange(len(packet))}
                words += [(word, int(index in ends)) for index, word in enumerate(packet)]
            self.offer(name, self.layouts[name].beats(words))
        self.connect()

    def offer(self, name, beats):
        width = self.bus["data_width"]
        self.sources[name] = Source(
            self.dut,
            self.port(name),
            [beat.payload(width) for beat in beats],
            self.stalls[name],
        )

    async def waiting(self):
        """The streams whose counters of waits rise, in each cycle or not at all."""
        reads = []
        for _ in range(2):
            begin = self.bench.cycle
            reads.append({name: await self.read(f"WAITS_{name.upper()}") for name in self.layouts})
            cycles = self.bench.cycle - begin
        rises = {name: reads[1][name] - reads[0][name] for name in self.layouts}
        assert set(rises.values()) <= {0, cycles}, rises
        return {name for name, rise in rises.items() if rise}

    def results(self, first=0):
        """Words of the beats from ``first`` on, each with its ``last``."""
        beats = [Beat.of(word, self.bus["data_width"]) for word in self.o.words[first:]]
        words, broken = self.layouts["results"].words(beats)
        assert not any(broken)
        # All that is kept is words, from the lowest bytes on, and zeros between them.
        for beat, expected in zip(beats, self.layouts["results"].beats(words), strict=False):
            assert beat.kept() == expected.data
            assert beat[1:] == expected[1:]
        return words

    def check(self, packets, first=0, single=False):
        results = self.results(first)
        fields = self.manifest.streams["results"]
        size = -(-fields["width"] // 8)
        at, ends = 0, []
        for works in packets:
            for work in works:
                words = [word for word, _ in results[at : at + sum(work.tiles)]]
                packed = b"".join(word.to_bytes(size, "little") for word in words)
                lanes = np.frombuffer(packed, np.uint8).reshape(-1, size)
                assert len(words) == sum(work.tiles), "too few results"
                lanes = unpack_fields(lanes, fields["fields"])
                assert np.array_equal(work.job.gather(lanes), work.job.expected), "wrong results"
                for count in work.tiles:
                    at += count
                    ends += [at] if single else []
            if not single:
                ends.append(at)
        assert len(results) == at, "too many results"
        assert [n + 1 for n, (_, last) in enumerate(results) if last] == ends

    async def run(self, packets, single=False, limit=20000):
        first, beats = self.o.count, len(packets)
        if single:
            beats = sum(len(work.tiles) for works in packets for work in works)
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
    """Packets of several products give a packet of results each; all words are counted."""
    shell = Shell(dut, inputs, outputs)
    await shell.start()
    packets = [[shell.some() for _ in range(count)] for count in (1, 3, 1, 2)]
    await shell.run(packets)
    for name in shell.inputs:
        words = sum(len(work.words[name]) for works in packets for work in works)
        assert await shell.read(f"WORDS_{name.upper()}") == words
    results = sum(sum(work.tiles) for works in packets for work in works)
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
    """A packet of results for each output tile, in wrappers with that mode."""
    shell = Shell(dut)
    await shell.start()
    if not shell.dma:
        await shell.write("MODE", 1)
        assert await shell.read("MODE") == 1
        await shell.run([[shell.some(), shell.some()], [shell.some()]], single=True)
        await shell.write("MODE", 0)
    await shell.run([[shell.some(), shell.some()]])


@cocotb.test()
async def many_packets(dut):
    """Packets of one result, more than the shell keeps in mind, while no result is taken."""
    shell = Shell(dut)
    await shell.start()
    shell.sink._stall = itertools.chain([True] * 400, itertools.repeat(False)).__next__
    await shell.run([[shell.work(1, 1, 1)] for _ in range(24)])


def registers(shell):
    """The register map of the specification, with the identity of the core."""
    parameters, streams = shell.parameters, shell.manifest.streams
    widths = {name: stream["fields"][0]["width"] for name, stream in streams.items()}
    top = {"axis": 1, "axi": 2, "uart": 3}[parameters["top"]]
    identity = {
        "CAPS": shell.host.model.number
        | top << 8
        | ((parameters["data_width"] // 8).bit_length() - 1) << 12
        | ("channels" in shell.inputs) << 16
        | len(shell.layouts) << 18,
        "DIGEST": parameters["digest"],
        "SHAPE": parameters["rows"] | parameters["cols"] << 16,
        "LIMIT": shell.host.depth,
        "WIDTHS": widths["acts"]
        | widths["weights"] << 8
        | widths["results"] << 16
        | shell.host.acc_width << 24,
        "MAX_K": parameters["max_k"],
        "GENERATOR": parameters["generator"],
        "REVISION": parameters["revision"],
    }
    return register_map(
        ",".join(shell.layouts),
        parameters["address_width"],
        parameters["counters"],
        identity.items(),
    )


@cocotb.test()
async def map_and_identity(dut):
    """The register map is that of the specification, and identifies the core."""
    shell = Shell(dut)
    await shell.start()
    expected = registers(shell)
    entries = {register["name"]: register for register in shell.bus["registers"]}
    assert set(entries) == set(expected)
    for name, register in expected.items():
        assert entries[name]["offset"] == register.offset, name
        assert entries[name]["access"] == register.access, name
        error, value = await shell.asker.access(register.offset)
        assert (error, value) == (register.access == "wo", register.value), name
    assert {name: entry["number"] for name, entry in shell.bus["errors"].items()} == ERRORS


@cocotb.test()
async def latency(dut):
    """The shell adds a cycle in front of the core, and two cycles behind it."""
    shell = Shell(dut)
    if "acts_to_results" not in shell.manifest.timing:
        return
    await shell.start()
    # One row, whose activations come after all other words.
    work = shell.work(1, shell.host.rows, shell.host.cols)
    shell.stalls["acts"] = waits(60)
    await shell.run([[work]])
    words = len(work.words["acts"])
    slots = shell.layouts["acts"].words_per_beat
    beats = shell.layouts["acts"].beats_per_word
    assert words == 1
    assert slots >= 1
    accepted = shell.recorders["acts"].accepted[beats - 1]
    offered = accepted + INTO + shell.manifest.timing["acts_to_results"] + OUT_OF
    assert shell.o.offered[0] == offered


@cocotb.test()
async def waiting_is_counted(dut):
    """Cycles in which a busy core waits for operands, or for the host to accept results."""
    shell = Shell(dut)
    await shell.start()
    if shell.dma:
        dut.running.value = 1
    for name in shell.inputs[1:]:
        shell.stalls[name] = waits(150)
        await shell.run([[shell.some()]])
        assert await shell.read(f"WAITS_{name.upper()}") >= 100
        assert await shell.read("WAITS_RESULTS") < 50
        await shell.write("COMMAND", 1)
        shell.stalls[name] = never
    blocked = [always]
    shell.sink._stall = lambda: blocked[0]()
    work = shell.work(2 * shell.host.depth, shell.host.rows, 2 * shell.host.cols)
    shell.send([[work]])
    first = shell.o.count
    for _ in range(400):
        await shell.bench.tick()
    assert not dut.quiet.value
    blocked[0] = never
    await shell.bench.run(lambda: len(shell.results(first)) >= sum(work.tiles), 3000)
    shell.check([[work]], first)
    assert await shell.read("WAITS_RESULTS") >= 200


@cocotb.test()
async def waiting_is_exact(dut):
    """A cycle counts if a busy core could take a word that is not there, and no other does.

    While results are blocked the core takes some words of each stream, and then waits for none,
    whether there are more or not. If one of these words is missing it waits for that one.
    """
    blocked, cycles = [always], 300
    host = Host(dut)
    works = []

    async def begin(name=None, count=0):
        """A busy shell; of one stream there are so many words, in a packet that does not end."""
        shell = Shell(dut)
        shell.sink._stall = lambda: blocked[0]()
        await shell.start(any_state=False)
        if not works:
            works.extend(shell.work(2 * host.depth, host.rows, 2 * host.cols) for _ in range(12))
        shell.send([works])
        if name:
            words = [word for work in works for word in work.words[name]][:count]
            words = [(word, int(number == count - 1)) for number, word in enumerate(words)]
            *beats, last = shell.layouts[name].beats(words)
            shell.offer(name, [*beats, last._replace(last=0)])
            shell.connect()
        for cycle in range(cycles):
            if shell.dma and cycle == 4:  # the first words are there
                dut.running.value = 1
            await shell.bench.tick()
        return shell

    shell = await begin()
    assert await shell.waiting() == {"results"}
    for name in shell.inputs:
        if shell.layouts[name].beats_per_word == 1:
            assert await shell.read(f"WAITS_{name.upper()}") == 0, name
    taken = {name: await shell.read(f"WORDS_{name.upper()}") for name in shell.inputs}
    for name, count in taken.items():
        shell = await begin(name, count)
        assert await shell.waiting() == {"results"}, name
        shell = await begin(name, count - 1)
        assert await shell.waiting() == {"results", name}
        blocked[0] = never
        for _ in range(cycles):
            await shell.bench.tick()
        assert await shell.waiting() == {name}
        blocked[0] = always
        counts = [await shell.read(f"{each}_{name.upper()}") for each in ("WORDS", "WAITS")]
        assert sum(counts) <= await shell.read("CYCLES_LOW"), name


@cocotb.test()
async def done(dut):
    """A packet has ended when its last beat leaves, not while that waits."""
    shell = Shell(dut)
    if shell.dma:
        return
    await shell.start()
    blocked = [always]
    shell.sink._stall = lambda: blocked[0]()
    shell.send([[shell.work(1, shell.host.rows, shell.host.cols)]])
    await shell.bench.tick()
    await shell.bench.run(lambda: dut.results_valid.value, 300)
    for _ in range(5):
        await shell.bench.tick()
    assert await shell.read("INTERRUPT") == 0
    blocked[0] = never
    await shell.bench.run(lambda: shell.o.count, 5)
    assert await shell.read("INTERRUPT") == 1
    assert await shell.read("STATUS") == 0


@cocotb.test()
async def quiet(dut):
    """``quiet`` is low from the first word until the last beat of results has left."""
    shell = Shell(dut, outputs=50)
    await shell.start()
    await shell.bench.tick()
    assert dut.quiet.value
    work = shell.some()
    shell.stalls["tiles"] = never
    # So that at times no word is in a converter.
    shell.stalls["acts"] = waits(60)
    shell.send([[work]])
    await shell.bench.run(lambda: shell.recorders["tiles"].count, 20)
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


@cocotb.test()
async def not_quiet(dut):
    """Nor is it while words of any stream wait for the core."""
    for name in ("weights", "acts"):
        shell = Shell(dut)
        await shell.start()
        beats = shell.layouts[name].beats([(0, 0)] * 200)
        words = [beat.payload(shell.bus["data_width"]) for beat in beats]
        shell.sources[name] = Source(dut, shell.port(name), words)
        shell.connect()
        for _ in range(300):
            await shell.bench.tick()
        assert not shell.sources[name].done
        assert not dut.quiet.value, name


class InReset:
    """Checks that all words are accepted and none is offered in every cycle of a soft reset."""

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
    """A soft reset at any moment drops all words, offers none, and later results are right."""
    shell = Shell(dut, inputs, outputs)
    await shell.start()
    for cycles in (1, 5, 9, *(shell.rng.randrange(10, 200) for _ in range(6))):
        shell.send([[shell.some() for _ in range(3)]])
        for _ in range(cycles):
            await shell.bench.tick()
        dut.drained.value = 0
        # Words that were offered stay offered; the sources have no further ones.
        for source in shell.sources.values():
            source._next = None
        # The shell may take an offered beat of results back here, which the wrappers hide.
        shell.bench.agents.remove(shell.o)
        shell.bench.agents.append(InReset(shell))
        await shell.write("CONTROL", 1)
        assert dut.reset.value
        await shell.bench.tick()
        assert all(source.done for source in shell.sources.values())
        # Malformed packets are not reported either.
        wrong = Beat(0, 0, 1).payload(shell.bus["data_width"])
        for name in shell.inputs:
            source = Source(dut, shell.port(name), [wrong] * 3)
            shell.bench.agents.append(source)
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
async def reset(dut):
    """In the middle of anything: registers, core and converters are as at the beginning."""
    for number in range(6):
        shell = Shell(dut, 30, 30)
        await shell.start(any_state=not number)
        for name, register in registers(shell).items():
            if register.access == "rw" and name != "CONTROL":
                await shell.write(name, shell.rng.getrandbits(32))
        # Words move in the very cycle of the reset, but for those in a soft reset.
        shell.send([[shell.some() for _ in range(3)]])
        for _ in range(shell.rng.randrange(5, 150)):
            await shell.bench.tick()
        dut.drained.value = shell.rng.randrange(2)
        if number % 2:
            await shell.write("CONTROL", 1)
        shell = Shell(dut)
        dut.drained.value = 0
        await shell.start(any_state=False)
        for _ in range(3):
            await shell.bench.tick()
            assert dut.quiet.value
            assert not any(
                getattr(dut, name).value for name in ("reset", "interrupt", "results_valid")
            )
        dut.drained.value = 1
        for name, register in registers(shell).items():
            error, value = await shell.asker.access(register.offset)
            assert (error, value) == (register.access == "wo", register.value), name
        await shell.run([[shell.some()]])


@cocotb.test()
async def malformed(dut):
    """A packet without a word, or that ends within a word, is reported with its stream."""
    shell = Shell(dut)
    await shell.start()
    width = shell.bus["data_width"]
    await shell.write("INTERRUPT_ENABLE", 2)
    for index, name in enumerate(shell.inputs):
        keep = (1 << width // 8) - 1 if shell.layouts[name].beats_per_word > 1 else 0
        beat = Beat(shell.rng.getrandbits(width), keep, 1).payload(width)
        shell.sources[name] = Source(dut, shell.port(name), [beat])
        shell.connect()
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
    """The signals between the registers and the DMA."""
    shell = Shell(dut)
    if not shell.dma:
        return
    await shell.start()
    width = shell.parameters["address_width"]
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

    shell.bench.agents.append(Watch())
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
    inputs = [f"{name}_{signal}" for name in shell.inputs for signal in ("payload", "valid")]
    outputs = [f"{name}_ready" for name in shell.inputs]
    outputs += ["results_valid", "results_payload", "interrupt", "reset", "quiet"]
    for _ in range(60):
        await shell.bench.tick()
        await check_no_paths(shell.bench, [*inputs, "results_ready", "drained"], outputs)
