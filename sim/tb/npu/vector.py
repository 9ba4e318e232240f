"""Testbench of the vector engine."""

import cocotb
import numpy as np

from ...golden.npu.vector import Memories, vector
from ...lib.bench import Bench, manifest
from ...lib.streams import Recorder, Source, never, stalls
from ...lib.trace import join, split
from ._fields import pack
from ._memory import ReadPort

#: Functions by name and number.
FUNCTIONS = {
    "copy": 0,
    "add": 1,
    "mul": 2,
    "affine": 3,
    "window_max": 4,
    "window_sum": 5,
    "depthwise": 6,
    "reduce_sum": 7,
    "reduce_max": 8,
}
#: Lowest bit and width of each field of VECTOR.
BITS = {
    "op": (0, 4),
    "function": (12, 5),
    "a_base": (17, 16),
    "a_row": (33, 12),
    "a_blk": (45, 16),
    "b_base": (61, 16),
    "b_row": (77, 12),
    "b_blk": (89, 16),
    "kh": (61, 4),
    "kw": (65, 4),
    "sy": (69, 3),
    "sx": (72, 3),
    "dy": (75, 3),
    "dx": (78, 3),
    "iy0": (81, 8),
    "ix0": (89, 6),
    "d_base": (105, 16),
    "d_row": (121, 12),
    "d_blk": (133, 16),
    "oh": (149, 8),
    "ow": (157, 11),
    "nb": (168, 8),
    "ih": (176, 11),
    "iw": (187, 11),
    "p_base": (198, 12),
    "table": (210, 4),
    "b_mode": (214, 2),
    "out_step": (216, 2),
    "tail": (218, 6),
    "a_zero": (224, 8),
    "w_base": (232, 16),
    "shared": (248, 1),
}
COUNTS = ("kh", "kw", "sy", "sx", "dy", "dx", "oh", "ow", "nb", "ih", "iw", "out_step")
WINDOW = ("kh", "kw", "sy", "sx", "dy", "dx", "iy0", "ix0", "ih", "iw", "w_base", "a_zero")
#: Words of the buffer that are read; results lie behind them.
READ = 2048
CHANNEL = {"bias": 32, "multiplier": 24, "shift": 6, "zero_point": 8, "low": 8, "high": 8}


def encode(fields):
    """An instruction from its values."""
    word = 5
    for name, value in fields.items():
        low, width = BITS[name]
        word |= (int(value) - (name in COUNTS) & ((1 << width) - 1)) << low
    return word


def plain(function, **fields):
    """An instruction of a row of four pixels."""
    base = {"a_base": 0, "a_row": 0, "a_blk": 0, "d_base": READ, "d_row": 0, "d_blk": 0}
    base |= {"oh": 1, "ow": 4, "nb": 1, "table": 0, "out_step": 1, "tail": 0, "shared": 0}
    if function in ("add", "mul"):
        base |= {"b_base": 100, "b_row": 0, "b_blk": 0, "b_mode": 0, "a_zero": 0}
    if function in ("window_max", "window_sum", "depthwise"):
        base |= dict.fromkeys(("kh", "kw", "sy", "sx", "dy", "dx"), 1)
        base |= {"iy0": 0, "ix0": 0, "ih": 1, "iw": 4, "w_base": 0, "a_zero": 0}
    return base | {"function": FUNCTIONS[function], "p_base": 0} | fields


def random_fields(rng, function, tables, pixels=12):
    """An instruction with random values, of few iterations."""
    height = rng.randint(1, pixels)
    fields = {
        **{name: rng.randrange(READ) for name in ("a_base", "b_base", "w_base")},
        **{name: rng.randrange(400) for name in ("a_blk", "b_blk")},
        **{name: rng.randrange(60) for name in ("a_row", "b_row")},
        "d_base": READ + rng.getrandbits(12),
        "d_blk": rng.getrandbits(10),
        "d_row": rng.getrandbits(8),
        "oh": height,
        "ow": rng.randint(1, pixels // height),
        "nb": rng.choice([1, 1, 2, 3]),
        "p_base": rng.getrandbits(12),
        "table": rng.choice([0, rng.randrange(tables)]),
        "b_mode": rng.randrange(4),
        "out_step": rng.randint(1, 4),
        "tail": rng.choice([0, rng.randint(1, 63)]),
        "a_zero": rng.randint(-128, 127),
        "shared": rng.getrandbits(1),
    }
    fields["table"] &= ~3 if function in ("add", "mul") else ~0
    if function in ("window_max", "window_sum", "depthwise"):
        fields |= {"kh": rng.randint(1, 4), "kw": rng.randint(1, 4)}
        fields |= {name: rng.choice([1, 1, 2, 3, 8]) for name in ("sy", "sx", "dy", "dx")}
        fields |= {"iy0": rng.randint(-4, 2), "ix0": rng.randint(-4, 2)}
        fields |= {"ih": rng.randint(1, 12), "iw": rng.randint(1, 12)}
    names = plain(function)
    return {name: value for name, value in fields.items() if name in names} | {
        "function": FUNCTIONS[function]
    }


class Engine:
    """The engine with its memories: instructions in, words of the buffer out."""

    def __init__(self, dut, instructions, stall=0, latency=2):
        unit = manifest()
        self.dut, self.bench = dut, Bench(dut)
        rng, self.streams = self.bench.random, unit.streams
        self.rows, tables = unit.parameters["rows"], unit.parameters["tables"]
        self.tables = tables
        self.memories = Memories(
            buffer=rng.integers(-128, 128, (1 << 16, self.rows)).astype(np.int8),
            channels=[self._channel() for _ in range(1 << 12)],
            tables=self._tables(rng, tables),
            rounding=unit.parameters["rounding"],
        )
        self.instructions = instructions
        self.writes = []
        self.done, self.starts, self.ends = 0, [], []
        pattern = (lambda: stalls(stall, self.bench.rng)) if stall else (lambda: never)
        self.source = Source(dut, self.streams["instruction"], map(encode, instructions), pattern())
        self.table_source = Source(dut, self.streams["table_writes"], self._table_words())
        self.ports = []
        reads = [name for name in self.streams if name.startswith("read_")]
        pairs = [(name, name.replace("read", "data"), self._word) for name in reads]
        pairs.append(("channels", "parameter_words", self._parameters))
        for ask, answer, read in pairs:
            self.ports.append(
                ReadPort(
                    dut,
                    self.streams,
                    ask,
                    answer,
                    read,
                    latency=latency,
                    stall_ask=pattern(),
                    stall_answer=pattern(),
                )
            )
        self.write = Recorder(dut, "write", self.streams["write"])
        self._write_stall, self._ready = pattern(), getattr(dut, self.streams["write"]["ready"])
        self._ready.value = 0
        dut.written.value = 0

    def _channel(self):
        rng = self.bench.rng
        low, high = sorted((rng.randint(-128, 127), rng.randint(-128, 127)))
        limits = rng.choice([(-128, 127), (-128, 127), (low, high)])
        return {
            "bias": rng.choice(
                [0, rng.randint(-1000, 1000), rng.randint(-(1 << 31), (1 << 31) - 1)]
            ),
            "multiplier": rng.choice([1 << 23, rng.getrandbits(24)]),
            "shift": rng.choice([rng.randrange(64), 23, 24, 26, 28]),
            "zero_point": rng.randint(-128, 127),
            "low": limits[0],
            "high": limits[1],
        }

    @staticmethod
    def _tables(rng, tables):
        words = rng.integers(-(1 << 31), 1 << 31, 64 * tables)
        return words >> rng.integers(0, 28, len(words))

    def _table_words(self):
        stream = self.streams["table_writes"]
        for address, word in enumerate(self.memories.tables):
            yield pack(stream, {"address": address, "word": int(word)})

    def _word(self, address):
        return join([int(code) & 255 for code in self.memories.buffer[address]], 8)

    def _parameters(self, channel):
        values, at, word = self.memories.channels[channel], 0, 0
        for name, width in CHANNEL.items():
            word |= (values[name] & ((1 << width) - 1)) << at
            at += width
        return word

    async def start(self, tables=True):
        """Resets the engine, and fills its tables."""
        await self.bench.reset()
        if tables:
            self.bench.agents = [self.table_source]
            await self.bench.run(lambda: self.table_source.done, 64 * self.tables + 20)
        self.bench.agents = [self.source, *self.ports, self]

    def step(self, cycle):
        before = len(self.write.words)
        self.write.step(cycle)
        self.done += bool(self.dut.done.value)
        self.dut.written.value = 0
        for word in self.write.words[before:]:
            fields = {
                field["name"]: word >> field["offset"] & ((1 << field["width"]) - 1)
                for field in self.streams["write"]["fields"]
            }
            self.writes.append(fields)
            if fields["last"]:
                self.ends.append(cycle)
                self.dut.written.value = 1
        self._ready.value = not self._write_stall()

    async def finish(self, limit):
        count = len(self.instructions)
        await self.bench.run(lambda: self.done >= count, limit)
        for _ in range(30):
            await self.bench.tick()
        assert self.done == count
        assert self.dut.idle.value
        expected = iter(self.writes)
        for number, fields in enumerate(self.instructions):
            words = vector(fields, self.memories)
            for position, write in enumerate(words):
                seen = next(expected)
                where = f"instruction {number} {fields}, word {position}"
                assert seen["address"] == write.address, where
                mask = [bool(seen["mask"] >> lane & 1) for lane in range(self.rows)]
                assert mask == list(write.lanes), where
                codes = np.array(split(seen["data"], 8, self.rows), np.uint8).view(np.int8)
                assert (codes == write.codes)[write.lanes].all(), f"{where}: {codes} {write.codes}"
                assert seen["last"] == (position == len(words) - 1), where
        assert next(expected, None) is None


def functions():
    """The functions that the engine has."""
    return [name for name in FUNCTIONS if manifest().parameters["dw_x"] or name != "depthwise"]


@cocotb.test()
@cocotb.parametrize(function=list(FUNCTIONS))
async def each_function(dut, function):
    if function not in functions():
        return
    rng = Bench(dut).rng
    tables = manifest().parameters["tables"]
    engine = Engine(dut, [random_fields(rng, function, tables) for _ in range(25)])
    await engine.start()
    await engine.finish(60_000)


@cocotb.test()
@cocotb.parametrize(stall=[0, 30, 70])
async def random_instructions(dut, stall):
    """All functions in any order."""
    rng = Bench(dut).rng
    tables = manifest().parameters["tables"]
    names = rng.choices(functions(), k=50)
    engine = Engine(
        dut,
        [random_fields(rng, name, tables) for name in names],
        stall,
        latency=rng.randint(1, 8),
    )
    await engine.start()
    await engine.finish(200_000)


@cocotb.test()
async def throughput(dut):
    """An iteration a cycle, over blocks and instructions, of all functions but depthwise."""
    rows = manifest().parameters["rows"]
    wide = dict(oh=3, ow=max(12, rows), nb=2, a_row=40, a_blk=120, d_row=40, d_blk=120)
    window = wide | dict(kh=2, kw=2, ih=4, iw=max(12, rows) + 1)
    size = 6 * wide["ow"]
    for function, fields, iterations in (
        ("copy", wide, size),
        ("affine", wide, size),
        ("affine", wide | {"shared": 1}, size),
        ("add", wide, size),
        ("mul", wide | {"b_mode": 2}, size),
        ("window_max", window, 4 * size),
        ("window_sum", window, 4 * size),
        ("reduce_sum", wide, size),
        ("reduce_max", wide, size),
    ):
        count = 4
        engine = Engine(dut, [plain(function, **fields)] * count)
        await engine.start()
        await engine.finish(5000)
        distances = np.diff(engine.ends)
        assert (distances == iterations).all(), f"{function}: {distances}, not {iterations}"


@cocotb.test()
async def reset(dut):
    """A reset in the middle of anything; the next instructions are right."""
    rng = Bench(dut).rng
    tables = manifest().parameters["tables"]
    for cycles in (5, 20, 60, 150, 300):
        names = rng.choices(functions(), k=6)
        engine = Engine(dut, [random_fields(rng, name, tables) for name in names], 20)
        await engine.start(tables=False)
        for _ in range(cycles):
            await engine.bench.tick()
        names = rng.choices(functions(), k=5)
        engine = Engine(dut, [random_fields(rng, name, tables) for name in names])
        await engine.start()
        await engine.finish(20_000)
