"""Testbench of the lanes of the vector engine."""

import itertools

import cocotb
import numpy as np

from ...golden.npu.lanes import lanes as golden
from ...lib.bench import Bench, manifest
from ...lib.channels import Channels
from ...lib.trace import join, play

LATENCY, HOLD, TO_TABLE = 13, 10, 10
FUNCTIONS = (
    "copy",
    "add",
    "mul",
    "affine",
    "window_max",
    "window_sum",
    "depthwise",
    "reduce_sum",
    "reduce_max",
)
#: Functions of results that may have several words, and those that read operand b's table.
LONG = ("window_max", "window_sum", "depthwise", "reduce_sum", "reduce_max")
OPERAND_B = ("add", "mul")


class Run:
    """Collects results, parameters and writes of tables; lays out what comes in which cycle.

    Words come as soon as they may. ``cycle`` is that of the next one.
    """

    def __init__(self, bench):
        params = manifest().parameters
        self.rng, self.bench = bench.rng, bench
        self.lanes, self.rounding = params["lanes"], params["rounding"]
        self.tables = params["tables"]
        self.make = Channels(self.rng, acc_width=32, output="scale", out_format="int8")
        self.memory = [0] * (self.tables * 64)
        self.cycle, self.begin = LATENCY, LATENCY - HOLD
        self.words, self.starts, self.looked_up = {}, {}, set()
        self.results, self.writes = [], []
        self.channels = None
        self.load()

    def load(self, channels=None):
        """Parameters of the words that follow: one for each lane, by default random."""
        self.channels = channels or [self.make.random() for _ in range(self.lanes)]
        self.begin = max(self.cycle - 1, self.begin + HOLD)
        self.cycle = self.begin + 1
        self.starts[self.begin] = [self.make.word(values) for values in self.channels]

    def wait(self, cycles):
        self.cycle += cycles

    def codes(self, words=1):
        """Codes for all lanes; extremes are frequent."""
        extremes = (-128, -127, -1, 0, 1, 127)
        return [
            [
                self.rng.choice(extremes)
                if self.rng.random() < 0.3
                else self.rng.randint(-128, 127)
                for _ in range(self.lanes)
            ]
            for _ in range(words)
        ]

    def sums(self, words=1):
        """Sums of windows of any magnitude."""
        return [
            [
                self.rng.getrandbits(24) - (1 << 23) >> self.rng.randrange(24)
                for _ in range(self.lanes)
            ]
            for _ in range(words)
        ]

    def add(self, function, *, a=None, b=None, sums=None, inside=None, a_zero=0, table=0, gaps=0):
        """A result, whose words follow each other after at most ``gaps`` cycles each.

        Operands are lists of words, by default random.
        """
        count = max(len(words) for words in (a or [], b or [], sums or [], inside or [0]))
        a, b = a or self.codes(count), b or self.codes(count)
        sums, inside = sums or self.sums(count), inside or [1] * count
        for n in range(count):
            self.cycle += self.rng.randint(0, gaps)
            while function in OPERAND_B and self.cycle in self.looked_up:
                self.cycle += 1
            self.words[self.cycle] = dict(
                a=a[n],
                b=b[n],
                sums=sums[n],
                function=function,
                first=n == 0,
                last=n == count - 1,
                inside=inside[n],
                a_zero=a_zero,
                table=table,
            )
            self.cycle += 1
        last = self.cycle - 1
        if table and function not in OPERAND_B:
            self.looked_up.add(last + TO_TABLE)
        read = last if function in OPERAND_B else last + TO_TABLE
        channels = {name: [c[name] for c in self.channels] for name in self.channels[0]}
        given = dict(inside=inside, a_zero=a_zero, table=table, channels=channels)
        self.results.append((read, last + LATENCY, (function, a, b, sums), given))

    def write(self, address, word, earliest=0):
        """A word of the tables, offered as soon as those before are written."""
        self.writes.append((earliest, address, word))

    def fill(self, word=None):
        """Write all tables before the next word."""
        word = word or (lambda address: self.rng.getrandbits(32))
        for address in range(len(self.memory)):
            self.write(address, word(address), self.cycle)
        self.cycle += len(self.memory) + 1

    async def check(self):
        """Play all of it, and compare every cycle."""
        rng, lanes = self.rng, self.lanes
        length = self.cycle + 2 * LATENCY
        noise = [
            self._packed(
                a=self.codes()[0],
                b=self.codes()[0],
                sums=self.sums()[0],
                function=rng.choice(FUNCTIONS),
                first=rng.getrandbits(1),
                last=rng.getrandbits(1),
                inside=rng.getrandbits(1),
                a_zero=rng.randint(-128, 127),
                table=rng.randrange(self.tables),
            )
            for _ in range(50)
        ]
        words = [
            self._packed(**self.words[n]) if n in self.words else rng.choice(noise)
            for n in range(length)
        ]
        width = lanes * self.make.width
        channel = [rng.getrandbits(width) for _ in range(length)]
        for begin, values in self.starts.items():
            channel[begin : begin + HOLD] = [join(values, self.make.width)] * HOLD
        channel = channel[:length]

        # Tables cycle by cycle: reads, and writes where there are none.
        results, expected = sorted(self.results, key=lambda result: result[0]), {}
        valid, address, ready, pending = [], [], [], list(self.writes)
        for n in range(length):
            while results and results[0][0] == n:
                _, end, operands, given = results.pop(0)
                codes = golden(*operands, **given, tables=self.memory, rounding=self.rounding)
                expected[end] = codes
            word = self.words.get(n)
            busy = n in self.looked_up or (word and word["function"] in OPERAND_B)
            ready.append(int(not busy))
            offered = bool(pending) and pending[0][0] <= n
            valid.append(int(offered))
            bits = (len(self.memory) - 1).bit_length()
            address.append(pending[0][1] | pending[0][2] << bits if offered else 0)
            if offered and not busy:
                _, at, value = pending.pop(0)
                self.memory[at] = value
        assert not results
        assert not pending

        trace = await play(
            self.bench,
            {
                "i": words,
                "valid": [n in self.words for n in range(length)],
                "start": [n in self.starts for n in range(length)],
                "channel": channel,
                "table_writes_valid": valid,
                "table_writes_payload": address,
            },
        )
        there = [n in expected for n in range(length)]
        trace.check("valid_o", there)
        trace.check("table_busy", [n in self.looked_up for n in range(length)])
        trace.check("table_writes_ready", ready)
        codes = np.zeros((length, lanes), object)
        for n, row in expected.items():
            codes[n] = row
        trace.check("o", codes, np.repeat(there, lanes))
        return trace

    def _packed(self, *, a, b, sums, function, first, last, inside, a_zero, table):
        word = at = 0
        for values, width in [
            (a, 8),
            (b, 8),
            (sums, 24),
            ([FUNCTIONS.index(function)], 4),
            ([first], 1),
            ([last], 1),
            ([inside], 1),
            ([a_zero], 8),
            ([table], 4),
        ]:
            word |= join(values, width) << at
            at += width * len(values)
        return word


def signed(value, bits):
    """An integer as the unsigned word of its low bits."""
    return value & (1 << bits) - 1


async def begin(dut):
    bench = Bench(dut)
    await bench.reset()
    return Run(bench)


@cocotb.test()
async def requantization(dut):
    """Corners of requantization in sums and biases: extremes, ties, every shift, limits."""
    run = await begin(dut)
    cases = []
    for case in itertools.chain(*run.make.corners().values()):
        values, accs = case
        near = [acc for acc in accs if -1 << 23 <= acc < 1 << 23]
        cases += [(values, near)] if near else []
        for acc in set(accs) - set(near):
            # What a sum of windows cannot hold is in the bias.
            bias = values["bias"] + acc
            if -1 << 31 <= bias < 1 << 31:
                cases.append((values | {"bias": bias}, [0]))
    cases.sort(key=lambda case: len(case[1]))
    for n in range(0, len(cases), run.lanes):
        chosen = cases[n : n + run.lanes]
        chosen += chosen[:1] * (run.lanes - len(chosen))
        run.load([values for values, _ in chosen])
        for row in itertools.zip_longest(*(accs for _, accs in chosen), fillvalue=0):
            run.add("depthwise", sums=[list(row)])
    await run.check()


@cocotb.test()
async def extremes(dut):
    """All functions with parameters, operands and table words at their limits."""
    run = await begin(dut)
    # Words that are limits of 32 and of 25 bits.
    edges = [0, 1, -1, (1 << 31) - 1, -1 << 31, (1 << 24) - 1, -1 << 24, (1 << 24) + 1]
    run.fill(lambda address: signed(edges[address % len(edges)], 32))
    for multiplier in (0, 1, (1 << 24) - 1):
        for shift in (0, 1, 7, 8, 24, 31, 62, 63):
            for bias in (-1 << 31, 0, (1 << 31) - 1):
                run.load(
                    [
                        run.make.make(
                            multiplier=multiplier,
                            shift=shift,
                            bias=bias,
                            zero_point=run.rng.choice((-128, 0, 127)),
                        )
                        for _ in range(run.lanes)
                    ]
                )
                for function in FUNCTIONS:
                    for a in (-128, 127):
                        run.add(
                            function,
                            a=[[a] * run.lanes],
                            sums=[[(1 << 23) - 1 if a > 0 else -1 << 23] * run.lanes],
                            a_zero=run.rng.choice((-128, 127)),
                        )
    await run.check()


@cocotb.test()
async def long_sums(dut):
    """Sums of 32 bits, at both limits and next to them, with biases at theirs."""
    run = await begin(dut)
    highest = (1 << 23) - 1
    for sums in (
        [-1 << 23] * 256,
        [highest] * 256 + [255],
        [highest] * 256 + [256],
        [-1 << 23] * 256 + [-1],
    ):
        for bias in (-1 << 31, 0, (1 << 31) - 1):
            for shift in (24, 31):
                run.load([run.make.make(bias=bias, shift=shift)] * run.lanes)
                run.add("depthwise", sums=[[value] * run.lanes for value in sums])
    await run.check()


@cocotb.test()
async def ties(dut):
    """Values halfway between integers, and next to them, of add and mul; both parities."""
    run = await begin(dut)
    shift = 9
    halves = [(n << shift) + (1 << shift - 1) + d for n in range(-5, 5) for d in (-1, 0, 1)]
    run.fill(lambda address: signed(halves[address % 256 % len(halves)], 32))
    for multiplier in (1 << shift, 3 << shift, 1 << shift - 1, 1):
        for zero_point in (0, 1):
            values = run.make.make(multiplier=multiplier, shift=shift, zero_point=zero_point)
            run.load([values] * run.lanes)
            for a in (-3, -2, -1, 0, 1, 2):
                for code in range(len(halves)):
                    run.add("add", a=[[a] * run.lanes], b=[[code] * run.lanes])
    for bias in (0, 1, -1, 1 << shift - 1, 1 << shift, 3 << shift):
        run.load([run.make.make(bias=bias, shift=shift)] * run.lanes)
        for a_zero in (-1, 0, 2):
            for code in range(len(halves)):
                run.add("mul", a=[[a_zero + 1] * run.lanes], b=[[code] * run.lanes], a_zero=a_zero)
    await run.check()


@cocotb.test()
async def throughput(dut):
    """A word a cycle of each function, with a table and without; results after the latency."""
    run = await begin(dut)
    run.fill()
    for function in FUNCTIONS:
        for table in (0, run.tables - 1):
            run.load()
            run.wait(LATENCY)
            before = run.cycle
            for _ in range(40):
                run.add(function, table=table)
            assert run.cycle == before + 40
    await run.check()


@cocotb.test()
async def every_cycle_another_function(dut):
    """All pairs of functions behind each other, with tables; gaps only where look-ups want them."""
    run = await begin(dut)
    run.fill()
    for table in (0, 1, run.tables - 1):
        for pair in itertools.product(FUNCTIONS, repeat=2):
            for function in pair:
                run.add(function, a_zero=run.rng.randint(-128, 127), table=table)
    # The gap of look-ups, one cycle at each distance.
    for distance in range(TO_TABLE + 3):
        for _ in range(2):
            run.add("affine", table=1)
        run.wait(distance)
        for _ in range(2):
            run.add("mul", table=2)
        run.wait(LATENCY)
    await run.check()


@cocotb.test()
async def windows(dut):
    """Maxima and sums of words inside and outside, also of none inside and of one word."""
    run = await begin(dut)
    run.fill()
    for function in LONG:
        for words in (1, 2, 3, 9):
            for inside in (
                [1] * words,
                [0] * words,
                [0] * (words - 1) + [1],
                [1] + [0] * (words - 1),
            ):
                for a_zero in (-128, 5, 127):
                    for low in (1, 0):
                        a = run.codes(words) if low else [[-128] * run.lanes] * words
                        run.add(function, a=a, inside=inside, a_zero=a_zero, gaps=2)
    await run.check()


@cocotb.test()
async def random(dut):
    """Any function, gaps, new parameters as soon as they may come, and tables that are written."""
    run = await begin(dut)
    rng = run.rng
    run.fill()
    for _ in range(1500):
        if rng.random() < 0.2:
            run.load()
        if rng.random() < 0.3:
            run.write(rng.randrange(len(run.memory)), rng.getrandbits(32), run.cycle)
        function = rng.choice(FUNCTIONS)
        words = rng.choice((1, 1, 2, 5)) if function in LONG else 1
        run.add(
            function,
            a=run.codes(words),
            inside=[rng.random() < 0.8 for _ in range(words)],
            a_zero=rng.randint(-128, 127),
            table=rng.choice((0, rng.randrange(run.tables))),
            gaps=rng.choice((0, 0, 0, 3)),
        )
    await run.check()


@cocotb.test()
async def resets(dut):
    """A reset among words of any function: no result comes of them, and the next are right."""
    bench = Bench(dut)
    for _ in range(20):
        await bench.reset()
        run = Run(bench)
        run.fill()
        for function in FUNCTIONS:
            run.add(function, a=run.codes(2 if function in LONG else 1), table=1)
        await run.check()
