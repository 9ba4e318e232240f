"""Testbench of the engines' output side."""

from collections import deque

import cocotb
import numpy as np

from ...golden.float.narrow import narrow
from ...golden.float.to_float import to_float
from ...golden.output.output_channel import output_channel
from ...lib.bench import Bench, check_no_paths, manifest, settle
from ...lib.channels import Channels
from ...lib.float_codes import FloatCodes
from ...lib.streams import Recorder, Scoreboard, Sink, Source, always, never, stalls
from ...lib.trace import join

#: Cycles from a sum to its result, by the specification of each output; of sums in binary32.
OUTPUT_LATENCY = {"raw": 0, "bias": 1, "threshold": 1, "shift": 5, "scale": 7}
OUTPUT_LATENCY |= dict.fromkeys(("fp32", "bf16", "fp16"), 3)
FLOAT_LATENCY = {"raw": 0, "bf16": 1, "fp16": 1}
#: Cycles from the last of a run's channel values until it may be launched.
ARRIVAL = 4


class Array:
    """Plays the array: launches runs when it may, and sends their sums as a wavefront.

    With ``max_reserve`` 1 it reserves row by row, as the weight-stationary engine does, else all
    rows of a run at once, as the other.

    Parameters
    ----------
    heights : list of int
        Rows of each run.
    pause : function
        A pattern of cycles in which no row, or no run, goes.
    """

    def __init__(self, dut, heights, *, pause=never, channels=never, results=never):
        unit = manifest()
        params = self.params = unit.parameters
        self.dut, self.pause = dut, pause
        self.bench = Bench(dut)
        self.cols, self.output = params["cols"], params["output"]
        self.float_sums = params["float_sums"]
        self.latency = (FLOAT_LATENCY if self.float_sums else OUTPUT_LATENCY)[self.output]
        self.channels = self.output in ("bias", "threshold", "shift", "scale")
        self.lane = unit.streams["results"]["fields"][0]["width"]
        self.flagged = params["special"]
        self.interval = self.cols + self.latency - 1 if self.channels else 1
        self.codes = FloatCodes(self.bench.rng, 8, 23)
        self.heights = deque(heights)
        self.rows = sum(heights)
        self.room = params["depth"]
        self.board = Scoreboard()
        self.left = 0
        self.launches, self.came, self.starts, self.sums = [], [], set(), {}
        self.specials = {}
        self.row_of_run = 0
        self.results = Recorder(dut, "results", unit.streams["results"])
        self.sink = Sink(dut, unit.streams["results"], results)
        self.agents = [self.sink, self.results]
        self.accepted = None
        if self.channels:
            make = {name: params[name] for name in ("acc_width", "output", "out_format")}
            make = Channels(self.bench.rng, **make)
            # The last column's values come first.
            runs = [[make.random() for _ in range(self.cols)] for _ in heights]
            self.values = deque(runs)
            words = [make.word(values) for run in runs for values in reversed(run)]
            stream = unit.streams["channels"]
            self.source = Source(dut, stream, words, channels)
            self.accepted = Recorder(dut, "channels", stream)
            self.agents += [self.source, self.accepted]
        flags = ["special"] if self.flagged else []
        for name in ("sums", "valid", "start", "launch", "reserve", *flags):
            getattr(dut, name).value = 0

    async def start(self):
        await self.bench.reset()
        if self.accepted:
            self.source.step(self.bench.cycle)  # values are on offer right after the reset
        self.bench.agents = self.agents
        await settle()
        self.drive()

    def acc(self):
        """A sum: an integer, or a code of binary32, most of them in the range of fp16."""
        width = self.params["acc_width"]
        rng = self.bench.rng
        if self.float_sums:
            near = self.codes.code(rng.getrandbits(1), rng.randint(98, 145), rng.getrandbits(23))
            return rng.choice((near, near, self.codes.random(), rng.choice(self.codes.specials())))
        return rng.getrandbits(width) - (1 << (width - 1)) >> rng.randrange(width)

    def send(self, cycle):
        """A row of the current run whose sum of column 0 comes in ``cycle``."""
        accs = [self.acc() for _ in range(self.cols)]
        for lane, acc in enumerate(accs):
            self.sums[cycle + lane, lane] = acc
        self.came.append(cycle)
        special = self.specials[cycle] = self.bench.rng.getrandbits(self.flagged)
        self.board.expect(join(self.expected(accs), self.lane) | special << self.lane * self.cols)

    def expected(self, accs):
        """The results of a row of the current run."""
        if self.channels:
            return [
                output_channel([acc], values, self.output, self.params["rounding"])[0]
                for acc, values in zip(accs, self.current, strict=True)
            ]
        if self.output == "raw":
            return accs
        accs = np.array(accs, object)
        if self.float_sums:
            return narrow(accs, self.output)
        return to_float(accs, self.params["unit"], self.output)

    def drive(self):
        """Read what the unit offers in this cycle, and apply what follows from it."""
        dut, params = self.dut, self.params
        now = self.bench.cycle + 1
        may, room = bool(dut.may_launch.value), int(dut.room.value)
        assert room == self.room, f"cycle {now}: room for {room} instead of {self.room}"
        assert bool(dut.some_room.value) == bool(room), f"cycle {now}: some_room with {room}"
        since = now - self.launches[-1] if self.launches else self.interval
        wanted = True
        if self.accepted:
            last = self.accepted.accepted[self.cols * (len(self.launches) + 1) - 1 :][:1]
            wanted = bool(last) and now - last[0] >= ARRIVAL and since >= self.interval
        assert may == wanted, f"cycle {now}: may_launch is {may}, {since} cycles after a launch"
        launch, reserve = False, 0
        first = now + params["run_interval"]
        if self.heights and not self.pause():
            if self.row_of_run == 0:
                needed = 1 if params["max_reserve"] == 1 else self.heights[0]
                clear = not self.came or self.came[-1] < first
                launch = may and room >= needed and clear
                if launch:
                    self.launches.append(now)
                    self.starts.add(first - 1)
                    self.current = self.values.popleft() if self.channels else None
                    reserve = needed
            else:
                reserve = int(room > 0)
        if reserve:
            for n in range(reserve):
                self.send(first + n)
            self.row_of_run += reserve
            if self.row_of_run == self.heights[0]:
                self.row_of_run = 0
                self.heights.popleft()
        dut.launch.value = int(launch)
        dut.reserve.value = reserve
        dut.start.value = int(now in self.starts)
        dut.valid.value = int(now in self.came[-2 * self.params["depth"] - 50 :])
        dut.sums.value = join(
            [self.sums.pop((now, lane), self.acc()) for lane in range(self.cols)],
            params["acc_width"],
        )
        if self.flagged:
            # What comes without a row means nothing.
            dut.special.value = self.specials.pop(now, self.bench.rng.getrandbits(1))
        self.reserve = reserve

    async def tick(self):
        before = self.results.count
        await self.bench.tick()
        self.room += self.results.count - before - self.reserve
        for word in self.results.words[before:]:
            self.board.check(word)
        await settle()
        self.drive()

    async def finish(self, limit):
        end = self.bench.cycle + limit
        while self.results.count < self.rows:
            assert self.bench.cycle < end, f"not done after {limit} cycles"
            await self.tick()
        for _ in range(2 * self.cols + 20):
            await self.tick()
        self.board.finish()
        assert self.results.count == self.rows
        assert self.room == self.params["depth"]


def heights(rng, runs):
    params = manifest().parameters
    most = min(params["depth"], params["max_reserve"]) if params["max_reserve"] > 1 else 7
    return [rng.choice([1, most, rng.randint(1, most)]) for _ in range(runs)]


async def run(dut, runs, *, pause=0, channels=0, results=0):
    rng = Bench(dut).rng
    array = Array(
        dut,
        heights(rng, runs),
        pause=stalls(pause, rng),
        channels=stalls(channels, rng),
        results=stalls(results, rng),
    )
    await array.start()
    await array.finish(runs * (array.interval + 20) * 60)
    return array


@cocotb.test()
@cocotb.parametrize(channels=[0, 60], results=[0, 30, 80], pause=[0, 60])
async def random_stalls(dut, channels, results, pause):
    """Every row comes out, in order, and nothing else; the room is always known exactly."""
    await run(dut, 25, pause=pause, channels=channels, results=results)


@cocotb.test()
async def latency(dut):
    """A row leaves ``output_latency + cols + 1`` cycles after its column 0 came."""
    array = await run(dut, 12)
    late = {offered - came for came, offered in zip(array.came, array.results.offered, strict=True)}
    assert late == {array.latency + array.cols + 1}, late


@cocotb.test()
async def runs_as_close_as_they_may(dut):
    """Runs with channel values follow each other every ``cols + output_latency - 1`` cycles."""
    array = Array(dut, [1] * 30)
    await array.start()
    await array.finish(60 * (array.interval + 20))
    # The first wait for their values, of which one comes in a cycle.
    gaps = [b - a for a, b in zip(array.launches, array.launches[1:], strict=False)]
    if deep(array):
        assert set(gaps) == {array.interval}, gaps


def deep(array):
    """Whether there is a place for every row of a run a cycle that can be on its way."""
    trip = array.params["run_interval"] + array.latency + array.cols + 3
    if array.params["depth"] >= trip:
        return True
    cocotb.log.info("%d places are less than the %d of a full pace", array.params["depth"], trip)
    return False


@cocotb.test()
async def throughput(dut):
    """One row a cycle."""
    params = manifest().parameters
    array = Array(dut, [60] if params["max_reserve"] == 1 else [params["max_reserve"]] * 12)
    await array.start()
    await array.finish(2000 + 12 * array.interval)
    if deep(array) and (params["max_reserve"] == 1 or params["max_reserve"] >= array.interval):
        accepted = array.results.accepted
        assert accepted == list(range(accepted[0], accepted[0] + len(accepted)))


@cocotb.test()
async def blocked_results(dut):
    """Runs go on until there is no room, and no further; then nothing is lost."""
    blocked = [always]
    params = manifest().parameters
    array = Array(dut, heights(Bench(dut).rng, 3 * params["depth"]), results=lambda: blocked[0]())
    await array.start()
    for _ in range((params["depth"] + 5) * (array.interval + 3) + 100):
        await array.tick()
    assert array.results.count == 0
    assert array.room == 0 or array.room < params["max_reserve"]
    blocked[0] = never
    await array.finish(100 * params["depth"] * (array.interval + 5))


@cocotb.test()
async def late_channels(dut):
    """Without channel values no run may begin, whatever else is there."""
    if "channels" not in manifest().streams:
        cocotb.log.info("no channel values in this configuration")
    blocked = [always]
    array = Array(dut, [2] * 5 if manifest().parameters["max_reserve"] > 1 else [3] * 5)
    if array.accepted:
        array.source._stall = lambda: blocked[0]()
        await array.start()
        for _ in range(60):
            await array.tick()
        assert not array.launches
        blocked[0] = never
    else:
        await array.start()
    await array.finish(40 * (array.interval + 20))


@cocotb.test()
async def reset(dut):
    """A reset at any time gives all room back, and forgets values, rows and launches."""
    rng = Bench(dut).rng
    for _ in range(12):
        array = Array(dut, heights(rng, 8), results=stalls(60, rng))
        await array.start()
        for _ in range(rng.randint(1, 4 * (array.interval + 12))):
            await array.tick()
        await run(dut, 3)


@cocotb.test()
async def outputs_come_from_registers(dut):
    """No input reaches an output within a cycle."""
    rng = Bench(dut).rng
    array = Array(dut, heights(rng, 20), results=stalls(40, rng))
    await array.start()
    streams = manifest().streams
    inputs = ["sums", "valid", "start", "launch", "reserve", "results_ready"]
    inputs += ["special"] if array.flagged else []
    outputs = ["room", "some_room", "may_launch", "results_payload", "results_valid"]
    if "channels" in streams:
        inputs += ["channels_payload", "channels_valid"]
        outputs += ["channels_ready"]
    for _ in range(60):
        await array.tick()
        await check_no_paths(array.bench, inputs, outputs)
    await array.finish(2000 + 60 * array.interval)
