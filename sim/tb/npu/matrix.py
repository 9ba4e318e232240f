"""Testbench of the engine of MATRIX, between models of the memories."""

from collections import deque

import cocotb
import numpy as np

from ...golden.npu.matrix import activations, matrix
from ...golden.npu.regroup import regroup
from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Monitor, Recorder, Sink, Source, never, stalls
from ...lib.trace import join, split
from ._fields import pack, unpack

_WORDS = 1 << 16


class Memory:
    """Answers requests in order, ``latency`` cycles later or more, as a port of the buffer does.

    Attributes
    ----------
    answered : int
    """

    def __init__(self, dut, request, answer, read, latency, stall, places):
        self._address, self._asked = (getattr(dut, request[name]) for name in ("payload", "valid"))
        self._ready = getattr(dut, request["ready"])
        self._data, self._valid = (getattr(dut, answer[name]) for name in ("payload", "valid"))
        self._taken = getattr(dut, answer["ready"])
        self._read, self._latency, self._stall, self._places = read, latency, stall, places
        self._due = deque()
        self._open = self._offered = False
        self.answered = 0
        self._ready.value = self._valid.value = 0

    def step(self, cycle):
        if self._open and self._asked.value:
            self._due.append((cycle + self._latency - 1, self._read(int(self._address.value))))
        if self._offered and self._taken.value:
            self._offered = False
            self.answered += 1
        if not self._offered and self._due and self._due[0][0] <= cycle and not self._stall():
            self._data.value = self._due.popleft()[1]
            self._offered = True
        self._valid.value = self._offered
        self._open = len(self._due) + self._offered < self._places and not self._stall()
        self._ready.value = self._open


class Weights:
    """Words a cycle after they are asked for, and anything in other cycles."""

    def __init__(self, dut, read, rng):
        self.dut, self._read, self._rng = dut, read, rng
        self._width = len(dut.weight_data)
        self.asked = 0

    def step(self, cycle):
        word = self._rng.getrandbits(self._width)
        if self.dut.weight_enable.value:
            word = self._read(int(self.dut.weight_address.value))
            self.asked += 1
        self.dut.weight_data.value = word


class Engine:
    """The engine with its memories, and checks of every write and of every end.

    Parameters
    ----------
    instructions : list of dict
    stall : int
        Percentage of stalls on every stream.
    latency : int
        Cycles from a request to the word of the buffer.
    """

    def __init__(self, dut, instructions, stall=0, latency=4, write_cycles=(1, 1)):
        unit = manifest()
        params, streams = unit.parameters, unit.streams
        self.dut, self.bench, self.streams = dut, Bench(dut), streams
        self.rows, self.cols = params["rows"], params["cols"]
        self.instructions = instructions
        self.write_cycles = write_cycles
        self._contents(params, streams)
        self._expect(w_format=params["w_format"], rounding=params["rounding"])

        rng = self.bench.rng
        pattern = (lambda: stalls(stall, rng)) if stall else (lambda: never)
        buffer = [join(word, 8) for word in self.buffer]
        bits = len(dut.weight_data) // self.cols
        self.weights = Weights(dut, lambda at: join(self.codes[at], bits), rng)

        def memory(request, answer, read):
            return Memory(
                dut, streams[request], streams[answer], read, latency, pattern(), latency + 4
            )

        self.reads = [memory(f"read_{n}", f"data_{n}", buffer.__getitem__) for n in range(2)]
        channels = memory("channel_address", "channel_data", self._channel)
        words = [pack(streams["instruction"], fields) for fields in instructions]
        self.source = Source(dut, streams["instruction"], words, pattern())
        self.sink = Sink(dut, streams["write"], pattern())
        self.writes = Recorder(dut, "write", streams["write"])
        self.taken = Recorder(dut, "instruction", streams["instruction"])
        self.data = Recorder(dut, "data_0", streams["data_0"])
        self.asked = Recorder(dut, "read_0", streams["read_0"])
        monitors = [Monitor(dut, name, streams[name]) for name in ("read_1", "channel_address")]
        # Cycles in which the writes are performed that end an instruction, and instructions ended.
        self._due, self.written, self.done = deque(), 0, []
        self.dut.written.value = 0
        self._agents = [self.source, self, *self.reads, channels, self.weights, self.sink]
        self._agents += [self.writes, self.taken, self.data, self.asked, *monitors]

    def _contents(self, params, streams):
        random = self.bench.random
        self.buffer = random.integers(-128, 128, (_WORDS, self.rows))
        bits = len(self.dut.weight_data) // self.cols
        low = -(1 << bits - 1) if params["w_format"].startswith("int") else 0
        self.codes = random.integers(low, low + (1 << bits), (_WORDS, self.cols))
        # Scales that leave a few bits of a sum of hundreds of products.
        self.channels = {
            "bias": random.integers(-(1 << 16), 1 << 16, 4096),
            "multiplier": random.integers(1 << 23, 1 << 24, 4096),
            "shift": random.integers(24, 40, 4096),
            "zero_point": random.integers(-128, 128, 4096),
            "low": random.integers(-128, -60, 4096),
            "high": random.integers(60, 128, 4096),
        }

    def _channel(self, number):
        values = {name: array[number] for name, array in self.channels.items()}
        return pack(self.streams["channel_data"], values)

    def _expect(self, **formats):
        """Writes, reads of the buffer and of weights, up to the end of each instruction."""
        self.expected, self.ends = [], []
        memories = {"buffer": self.buffer, "weights": self.codes, "channels": self.channels}
        sums, reads, words, lasts = None, 0, 0, 0
        for fields in self.instructions:
            sums, results = matrix(fields, **memories, **formats, sums=sums)
            if results is not None:
                self.expected += regroup(fields, results, self.rows)
                lasts += 1
            for c, i, j in np.ndindex(fields["kc"] + 1, fields["kh"] + 1, fields["kw"] + 1):
                inside = activations(fields, self.buffer, c, i, j)[1]
                reads += int(inside.sum()) * (fields["nb"] + 1)
                words += self.rows * (fields["nb"] + 1)
            self.ends.append((lasts, reads, words))

    async def start(self):
        await self.bench.reset()
        self.bench.agents = self._agents

    def step(self, cycle):
        """Performs writes, and checks the ends of instructions."""
        busy = self.taken.count > len(self.done)
        assert self.dut.idle.value == (not busy), f"cycle {cycle}: idle is {busy}"
        if self.dut.done.value:
            lasts, reads, words = self.ends[len(self.done)]
            assert self.written >= lasts, f"cycle {cycle}: done before all was written"
            assert self.reads[0].answered >= reads, f"cycle {cycle}: done before all was read"
            assert self.weights.asked >= words, f"cycle {cycle}: done before weights were read"
            self.done.append(cycle)
        performed = bool(self._due) and self._due[0] <= cycle
        if performed:
            self._due.popleft()
            self.written += 1
        self.dut.written.value = performed

    async def run_for(self, cycles):
        for _ in range(cycles):
            await self.bench.tick()

    async def finish(self):
        writes, checked = self.streams["write"], 0
        moved, since = None, 0
        while len(self.done) < len(self.instructions):
            moves = (self.data.count, self.weights.asked, checked, len(self.done))
            if moves != moved:
                moved, since = moves, self.bench.cycle
            assert self.bench.cycle < since + 3000, f"nothing moves since cycle {since}: {moves}"
            await self.bench.tick()
            for word in self.writes.words[checked:]:
                values, expected = unpack(writes, word), self.expected[checked]
                lanes = split(values["data"], 8, self.rows)
                written = {n: code for n, code in enumerate(lanes) if values["mask"] >> n & 1}
                wanted = {n: code & 255 for n, code in expected.lanes.items()}
                assert (values["address"], written) == (expected.address, wanted), (
                    f"write {checked} is {values['address']:#x}: {written} instead of "
                    f"{expected.address:#x}: {wanted}"
                )
                assert values["last"] == expected.last, f"write {checked}: last is {expected.last}"
                checked += 1
                if expected.last:
                    after = self.bench.rng.randint(*self.write_cycles)
                    due = max(self.bench.cycle + after, self._due[-1] + 1 if self._due else 0)
                    self._due.append(due)
        await self.run_for(20)
        assert checked == len(self.expected)
        assert checked
        assert len(self.done) == len(self.instructions)
        assert self.reads[0].answered == self.ends[-1][1]
        assert self.weights.asked == self.ends[-1][2]
        assert self.dut.idle.value


#: An instruction with one pixel and one tile.
PIXEL = {
    **{name: 0 for name in ("op", "wait", "signal", "mark", "irq", "reserved")},
    **{name: 0 for name in ("in_base", "in_row", "in_blk", "out_base", "out_row", "out_blk")},
    **{name: 0 for name in ("oh", "ow", "kh", "kw", "kc", "nb", "sy", "sx", "dy", "dx")},
    **{name: 0 for name in ("iy0", "ix0", "w_base", "p_base", "w_source", "packed")},
    **{name: 0 for name in ("a_zero", "w_zero", "out_step", "out_lane", "out_tail")},
    **{"ih": 2047, "iw": 2047, "first": 1, "last": 1},
}


def random_instructions(rng, rows, cols, depth, pixels=30):
    """One instruction, or several over which K is split."""
    height = rng.randint(1, min(depth, pixels))
    width = rng.randint(1, min(depth, pixels) // height)
    count = rng.choice([1, 1, 2, 3])
    packed = rng.random() < 0.3
    fields = {
        **{name: rng.getrandbits(16) for name in ("out_base", "out_blk")},
        "out_row": rng.getrandbits(12),
        "out_step": rng.randrange(4),
        "out_lane": rng.choice([0, rng.randrange(64)]),
        "out_tail": rng.choice([0, rng.randint(1, min(cols, 63))]),
        **{"oh": height - 1, "ow": width - 1, "p_base": rng.getrandbits(12)},
    }
    chain = []
    for number in range(count):
        first, last = number == 0, number == count - 1
        chain.append(
            PIXEL
            | fields
            | random_input(rng, rows, height, width, packed)
            | {"w_base": rng.getrandbits(16), "first": int(first), "last": int(last)}
            | {"nb": rng.choice([0, 0, 1, 3]) if count == 1 else 0}
            | {name: rng.getrandbits(3) for name in ("wait", "signal")}
        )
    return chain


def random_input(rng, rows, height, width, packed):
    input_fields = {
        "in_base": rng.getrandbits(16),
        "in_row": rng.choice([rng.getrandbits(4), rng.getrandbits(12)]),
        "in_blk": rng.getrandbits(16),
        **{name: rng.choice([0, 0, 1, rng.randrange(4)]) for name in ("kh", "kw", "kc")},
        **{name: rng.choice([0, 1, rng.randrange(8)]) for name in ("sy", "sx", "dy", "dx")},
        "iy0": rng.choice([0, -1, 1, rng.randint(-128, 127)]),
        "ix0": rng.choice([0, -1, 1, rng.randint(-32, 31)]),
        "ih": rng.choice([rng.randrange(12), height, 2047]),
        "iw": rng.choice([rng.randrange(12), width, 2047]),
        "a_zero": rng.getrandbits(8),
        "packed": int(packed),
    }
    if packed:
        pixel = rng.getrandbits(5) << 6 | rng.randrange(rows)
        byte = rng.randrange(rows)
        byte = (byte ^ 32) - 32
        input_fields |= {"in_blk": pixel, "ix0": byte, "kw": 0, "sx": 0, "dx": 0}
    return input_fields


def tiles(fields):
    return np.prod([fields[name] + 1 for name in ("nb", "kc", "kh", "kw")])


@cocotb.test()
async def corners(dut):
    """Padding on all sides, windows outside, strides, dilations, packed rows, split sums."""
    params = manifest().parameters
    rows, cols = params["rows"], params["cols"]
    map_ = PIXEL | {"in_row": 5, "in_blk": 40, "oh": 2, "ow": 3, "ih": 3, "iw": 4, "a_zero": 0x85}
    map_ |= {"out_row": 9, "out_blk": 50, "in_base": 300, "out_base": 900, "w_base": 77}
    window = map_ | {"kh": 2, "kw": 2, "kc": 1, "iy0": -1, "ix0": -1}
    packed = map_ | {"packed": 1, "kh": 1, "kc": 1, "iy0": -1, "iw": 0}
    instructions = [
        # Activations of so few rows are there before their weights.
        PIXEL | {"kc": 7, "last": 0},
        PIXEL | {"kc": 7, "first": 0, "last": 0},
        PIXEL | {"first": 0},
        map_,
        window,
        window | {"sy": 1, "sx": 1},
        window | {"sy": 7, "sx": 7, "dy": 7, "dx": 7, "iy0": -128, "ix0": -32},
        window | {"iy0": 127, "ix0": 31},
        window | {"in_base": 65535, "in_blk": 65535, "in_row": 4095, "ih": 2047, "iw": 2047},
        window | {"w_base": 65535, "p_base": 4095, "nb": 2},
        window | {"out_base": 65535, "out_lane": 63, "out_step": 3, "nb": 2, "out_tail": 1},
        *(
            packed | {"ix0": byte, "in_blk": 1 << 6 | pixel}
            for byte in range(min(rows, 5))
            for pixel in sorted({0, 1 % rows, rows - 1})
        ),
        packed | {"ix0": (rows - 1 ^ 32) - 32, "in_blk": 1023 << 6 | rows - 1, "ih": 2047},
        window | {"last": 0},
        window | {"first": 0, "last": 0, "iy0": 0},
        map_ | {"first": 0, "out_tail": min(cols, 63), "out_lane": rows - 1},
        map_ | {"last": 0},
        map_ | {"first": 0},
    ]
    engine = Engine(dut, instructions)
    await engine.start()
    await engine.finish()


@cocotb.test()
async def activations_without_a_gap(dut):
    """A row of activations every cycle, over groups of columns and instructions."""
    params = manifest().parameters
    rows, cols, depth = (params[name] for name in ("rows", "cols", "acc_depth"))
    width = min(depth, max(rows, 13))
    blocks = -(-(cols + rows - 1) // rows)
    map_ = PIXEL | {"ow": width - 1, "in_row": 100, "in_blk": 3000, "out_blk": 900}
    least = -(-(cols + 6) // width)
    instructions = [
        map_ | {"kc": max(blocks, least) - 1 + more, "nb": nb, "in_base": 1000 * nb}
        for more, nb in ((0, 0), (0, 0), (0, 0), (1, 0), (0, 2), (2, 1), (0, 0))
    ]
    instructions += [map_ | {"last": 0}, map_ | {"first": 0, "last": 0}]
    instructions += [map_ | {"first": 0, "kc": max(blocks, least) - 1}, instructions[0]]
    engine = Engine(dut, instructions)
    await engine.start()
    await engine.finish()
    accepted = np.array(engine.data.accepted)
    # The first rows wait for weights.
    assert len(accepted) == sum(tiles(fields) * width for fields in instructions)
    late = np.flatnonzero(np.diff(accepted) != 1)
    assert (late < 20).all(), f"{accepted[late]} cycles: gaps behind rows {late}"


@cocotb.test()
async def weights_without_a_gap(dut):
    """Tiles of few rows take the cycles of their weights, over groups and instructions."""
    params = manifest().parameters
    rows, cols = (params[name] for name in ("rows", "cols"))
    most = max(-(-12 // rows), -(-(cols + 6) // rows), -(-(cols + rows - 1) // rows))
    instructions = [PIXEL | {"kc": most - 1 + n % 2, "nb": n % 3} for n in range(12)]
    engine = Engine(dut, instructions)
    await engine.start()
    await engine.finish()
    cycles = np.diff(engine.data.accepted)[12:]
    if rows > 1:
        assert (cycles == rows).all(), cycles
    else:
        assert cycles.sum() <= 2 * len(cycles), cycles


@cocotb.test()
async def use_of_the_array(dut):
    """Four bands of a convolution take the cycles of their rows, and a constant."""
    params = manifest().parameters
    rows, cols, depth = (params[name] for name in ("rows", "cols", "acc_depth"))
    height, width = (14, 56) if depth >= 784 else (3, depth // 3)
    blocks = 2 if depth >= 784 else max(2, -(-(cols + rows) // rows))
    instructions = [
        PIXEL
        | {"oh": height - 1, "ow": width - 1, "in_row": width, "in_blk": 4 * height * width}
        | {"in_base": band * height * width, "ih": 4 * height - 1, "iw": width - 1}
        | {"iy0": band * height - 1, "ix0": -1, "kh": 2, "kw": 2, "kc": blocks - 1, "nb": 1}
        | {"out_base": band * height * width, "out_row": width, "out_blk": 4 * height * width}
        for band in range(4)
    ]
    engine = Engine(dut, instructions)
    await engine.start()
    await engine.finish()
    least = sum(tiles(fields) * max(height * width, rows) for fields in instructions)
    cycles = engine.done[-1] - engine.taken.accepted[0]
    use = least / cycles
    cocotb.log.info("%d cycles, %d of rows: use %.4f", cycles, least, use)
    # Results with more than one write each delay the last tile of their group.
    drain = len(engine.expected) - 8 * height * width
    assert cycles <= least + drain + 2 * rows + cols + 60, f"{cycles} cycles instead of {least}"
    if depth >= 784:
        assert use >= 0.995, use


@cocotb.test()
@cocotb.parametrize(stall=[0, 30, 70])
async def random(dut, stall):
    rng = Bench(dut).rng
    params = manifest().parameters
    sizes = [params[name] for name in ("rows", "cols", "acc_depth")]
    instructions = [
        fields for _ in range(24) for fields in random_instructions(rng, *sizes, pixels=24)
    ]
    engine = Engine(dut, instructions, stall, rng.randint(1, 6), (1, 12))
    await engine.start()
    await engine.finish()


@cocotb.test()
async def reset(dut):
    """A reset in the middle of anything; the next instructions are right."""
    rng = Bench(dut).rng
    params = manifest().parameters
    sizes = [params[name] for name in ("rows", "cols", "acc_depth")]
    for cycles in (4, 20, 60, 150):
        for last in (False, True):
            chains = [random_instructions(rng, *sizes, pixels=8) for _ in range(4)]
            engine = Engine(dut, [fields for chain in chains for fields in chain], 10)
            await engine.start()
            if last:
                await engine.finish()
            else:
                await engine.run_for(cycles)


@cocotb.test()
async def short_instructions(dut):
    """The first read 13 cycles behind an instruction; instructions of few tiles in 10 cycles."""
    rows = manifest().parameters["rows"]
    count = 12
    # Sums that stay take no time to be requantized.
    instructions = [
        PIXEL | {"first": int(n == 0), "last": int(n == count)} for n in range(count + 1)
    ]
    engine = Engine(dut, instructions)
    await engine.start()
    await engine.finish()
    assert engine.asked.offered[0] - engine.taken.accepted[0] == 13
    cycles = np.diff(engine.done[:-1])
    assert (cycles == max(10, rows)).all(), cycles


@cocotb.test()
async def ports_come_from_registers(dut):
    """But for ``ready`` of the words of the buffer, which wait for each other."""
    rng = Bench(dut).rng
    params = manifest().parameters
    sizes = [params[name] for name in ("rows", "cols", "acc_depth")]
    engine = Engine(dut, random_instructions(rng, *sizes, pixels=8), 30)
    ports = {"input": [], "output": []}
    for port in manifest().ports:
        if port["name"] not in ("clk", "rst", "data_0_ready", "data_1_ready"):
            ports[port["direction"]].append(port["name"])
    await engine.start()
    for _ in range(80):
        await engine.bench.tick()
        await check_no_paths(engine.bench, ports["input"], ports["output"])
