"""Testbench of an output channel, and of a bank of them."""

import cocotb
import numpy as np

from ...golden.output.output_channel import output_channel
from ...lib.bench import Bench, manifest
from ...lib.channels import Channels
from ...lib.trace import play

LATENCY = {"bias": 1, "threshold": 1, "shift": 5, "scale": 7}


class Runs:
    """Collects runs and lays out when what has to be applied."""

    def __init__(self, bench):
        params = dict(manifest().parameters)
        self.bench = bench
        self.lanes = params.pop("lanes", 1)
        self.rounding = params.pop("rounding")
        self.make = Channels(bench.rng, **params)
        self.output, self.latency = params["output"], LATENCY[params["output"]]
        self.runs = []

    def add(self, channels, sums=None, wait=0):
        """A run of one channel for each lane; sums are lists, one for each lane.

        The run begins ``wait`` cycles later than the channels' values allow.
        """
        self.runs.append((channels, sums or [[]] * self.lanes, wait))

    async def check(self):
        """Play all runs; values are loaded as soon as those before may go, or a little later."""
        rng, lanes, latency = self.bench.rng, self.lanes, self.latency
        starts, loads, begin, busy = [], [], 0, 0
        for _, sums, wait in self.runs:
            # The last lane's values come first; lane n takes part from step n on.
            loads.append(begin + rng.randint(0, wait))
            earliest = max(begin, loads[-1]) + lanes
            if starts:
                earliest = max(earliest, starts[-1] + busy)
            starts.append(earliest + wait)
            begin = starts[-1] + latency - 1
            busy = max((len(values_of_lane) for values_of_lane in sums), default=0)
        length = starts[-1] + busy + lanes + latency + 5
        word = [rng.getrandbits(self.make.width) for _ in range(length)]
        shift = np.zeros((length, lanes), int)
        start = [0] * length
        acc = np.array([[self.make.acc() for _ in range(lanes)] for _ in range(length)], object)
        for (channels, sums, _), load, at in zip(self.runs, loads, starts, strict=True):
            for step in range(lanes):
                word[load + step] = self.make.word(channels[lanes - 1 - step])
                shift[load + step, : step + 1] = 1
            start[at] = 1
            for lane, values_of_lane in enumerate(sums):
                for n, value in enumerate(values_of_lane):
                    acc[at + lane + 1 + n, lane] = value
        o = np.zeros((length, lanes), object)
        checked = np.zeros((length, lanes), bool)
        ends = [*starts[1:], length - lanes - latency - 1]
        for (channels, _, _), at, end in zip(self.runs, starts, ends, strict=True):
            for lane in range(lanes):
                # Everything from the cycle after a start to that of the next is the channel's.
                span = slice(at + lane + 1, end + lane + 1)
                actual = output_channel(
                    acc[span, lane].tolist(), channels[lane], self.output, self.rounding
                )
                o[span.start + latency : span.stop + latency, lane] = actual
                checked[span.start + latency : span.stop + latency, lane] = True
        await self.bench.reset()
        inputs = {"i": acc, "start": start, "shift": shift, "word": word}
        trace = await play(self.bench, inputs)
        trace.check("o", o, checked)
        late = [0] * lanes + start[: length - lanes]
        trace.check("start_o", late, np.arange(length) >= lanes)
        # The chain: each lane hands on what it holds.
        held = [None] * lanes
        chain = []
        for cycle in range(length):
            chain.append(held[-1])
            before = [word[cycle], *held]
            held = [before[n] if shift[cycle, n] else held[n] for n in range(lanes)]
        trace.check("word_o", [w or 0 for w in chain], [w is not None for w in chain])


@cocotb.test()
async def corners(dut):
    """Extremes, ties, saturation edges, every shift; in every lane."""
    bench = Bench(dut)
    make = Runs(bench).make
    for name, pairs in make.corners().items():
        cocotb.log.info("%s", name)
        runs = Runs(bench)
        # Every lane has another pair.
        for turn in range(0, len(pairs), max(1, len(pairs) // 40)):
            selection = [pairs[(turn + lane) % len(pairs)] for lane in range(runs.lanes)]
            runs.add([values for values, _ in selection], [accs for _, accs in selection])
        await runs.check()


@cocotb.test()
async def as_close_as_they_may(dut):
    """Runs begin as soon as the values before may be replaced."""
    bench = Bench(dut)
    runs = Runs(bench)
    for _ in range(60):
        runs.add([runs.make.random() for _ in range(runs.lanes)])
    await runs.check()


@cocotb.test()
async def now_and_then(dut):
    """Values are loaded early or late, and wait."""
    bench = Bench(dut)
    runs = Runs(bench)
    for _ in range(60):
        runs.add([runs.make.random() for _ in range(runs.lanes)], wait=bench.rng.randrange(12))
    await runs.check()
