"""Testbench of the output-stationary engine's sequencing."""

import cocotb

from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Monitor, Source, stalls

CONDITIONS = ("acts_held", "weights_held", "may_launch")
TYPES = ("a_type", "w_type")


def fields(word):
    """The fields of a word of ``tiles``; it is a whole tile where tiles have one pass."""
    tile = {
        field["name"]: word >> field["offset"] & ((1 << field["width"]) - 1)
        for field in manifest().streams["tiles"]["fields"]
    }
    return {"first": 1, "last": 1} | tile


class Sequence:
    """What has to happen in each cycle, from the tiles that were accepted before it.

    Also plays the result queue: what is reserved is free again ``pause`` cycles later.
    """

    def __init__(self, dut, conditions, pause):
        params = manifest().parameters
        self.dut, self.conditions, self.pause = dut, conditions, pause
        self.rows, self.depth = params["rows"], params["depth"]
        self.types = [name for name in TYPES if params[name]]
        self.groups = params["groups"]
        # Words of activations of the tile that have gone, and the cycle in which its first went.
        self.word, self.began = 0, 0
        self.tiles, self.may_end, self.emits_until = [], 0, 0
        self.driven = dict.fromkeys(CONDITIONS, 0)
        self.room, self.returns = self.depth, {}
        self.words, self.done, self.launches, self.steps, self.least_room = 0, 0, [], [], self.depth
        dut.room.value = self.depth
        for name in CONDITIONS:
            getattr(dut, name).value = 0

    def step(self, cycle):
        dut, driven = self.dut, self.driven
        step = launch = ends = begins = False
        group = self.word % self.groups
        height = 0
        if self.tiles:
            tile = self.tiles[0]
            height = tile["height"]
            in_turn = self.word == 0 or (cycle - self.began) % self.groups == group
            step = in_turn and driven["acts_held"] and (group or driven["weights_held"])
            ends = self.word == self.groups * (tile["length"] + 1) - 1
            begins = self.word < self.groups and tile["first"]
            if ends and tile["last"]:
                fits = self.room > height and driven["may_launch"] and cycle >= self.may_end
                launch = step = step and fits
        if launch:
            self.emits_until = cycle + height
            self.may_end = cycle + self.rows
            self.launches.append(cycle)
        reserve = height + 1 if launch else 0
        expected = {
            "step": bool(step),
            "first": bool(step and begins),
            "launch": bool(launch),
            "emit": bool(self.launches) and cycle <= self.emits_until,
            "reserve": reserve,
            "tiles_ready": len(self.tiles) < 2,
        }
        if self.groups > 1:
            expected["load"] = bool(step and group == 0)
        for name, value in expected.items():
            actual = int(getattr(dut, name).value)
            assert actual == value, f"cycle {cycle}, word {self.word}: {name} is {actual}"
        if step:
            for name in self.types:
                actual = int(getattr(dut, name).value)
                assert actual == tile[name], f"cycle {cycle}, word {self.word}: {name} is {actual}"
            self.steps.append(cycle)
            if self.word == 0:
                self.began = cycle
            self.words += 1
            self.word += 1
            if ends:
                self.tiles.pop(0)
                self.word = 0
        if launch:
            self.done += 1
            free = cycle + self.pause()
            self.returns[free] = self.returns.get(free, 0) + reserve
        self.room += self.returns.pop(cycle, 0) - reserve
        self.least_room = min(self.least_room, self.room)
        dut.room.value = self.room
        if dut.tiles_valid.value and dut.tiles_ready.value:
            self.tiles.append(fields(int(dut.tiles_payload.value)))
        for name, pattern in self.conditions.items():
            self.driven[name] = int(not pattern())
            getattr(dut, name).value = self.driven[name]


def tiles(rng, count, lengths):
    """The words of so many tiles, each of a word, or of one to four passes."""
    unit = manifest()
    params = unit.parameters
    layout = unit.streams["tiles"]["fields"]
    for _ in range(count):
        height = rng.choice([1, params["rows"], rng.randint(1, params["rows"])])
        passes = rng.choice([1, 2, 4, rng.randint(1, 4)]) if params["multipass"] else 1
        for number in range(passes):
            values = {name: rng.getrandbits(params[name]) for name in TYPES}
            values |= {"first": number == 0, "last": number == passes - 1}
            values["length"] = min(rng.choice(lengths), params["max_k"]) - 1
            values["height"] = min(height, params["depth"]) - 1
            yield sum(int(values[field["name"]]) << field["offset"] for field in layout)


async def run(
    dut, share, *, count=60, lengths=(1, 2, 3, 5, 8, 13), stall=0, pause=None, going_on=None
):
    """Run so many tiles; with ``going_on``, a bench, the reset comes in the middle of its work."""
    bench = going_on or Bench(dut)
    await bench.reset(any_state=going_on is None)
    rng = bench.rng
    stream = manifest().streams["tiles"]
    pause = pause or (lambda: rng.randint(1, 4))
    conditions = {name: stalls(share.get(name, 0), rng) for name in CONDITIONS}
    sequence = Sequence(dut, conditions, pause)
    words = list(tiles(rng, count, lengths))
    source = Source(dut, stream, words, stalls(stall, rng))
    source.step(bench.cycle)  # tiles come from the first cycle after the reset on
    bench.agents = [source, Monitor(dut, "tiles", stream), sequence]
    terms = sum(fields(word)["length"] + 1 for word in words)
    limit = 100 * (sequence.groups * terms + count * (sequence.rows + sequence.depth)) + 1000
    await bench.run(lambda: sequence.done == count, limit)
    assert sequence.words == sequence.groups * terms
    for _ in range(sequence.rows + 5):
        await bench.tick()
    return sequence


@cocotb.test()
@cocotb.parametrize(condition=[*CONDITIONS, "none"])
async def one_condition_fails_often(dut, condition):
    await run(dut, {condition: 60})


@cocotb.test()
@cocotb.parametrize(share=[15, 40, 60])
async def all_conditions_fail(dut, share):
    await run(dut, dict.fromkeys(CONDITIONS, share), stall=share)


@cocotb.test()
async def no_room(dut):
    """Tiles wait for room, and go with just enough of it."""
    rng, longest = Bench(dut).rng, 20 * manifest().parameters["depth"]
    sequence = await run(dut, {}, count=40, pause=lambda: rng.randint(longest // 2, longest))
    assert sequence.least_room < sequence.rows, "there was always room"


@cocotb.test()
async def without_a_gap(dut):
    """A pair of words every cycle, when tiles are long enough."""
    params = manifest().parameters
    length = min(params["rows"] + 1, params["max_k"])
    sequence = await run(dut, {}, lengths=[length], pause=lambda: 1)
    if length >= params["rows"] and params["depth"] > 2 * params["rows"]:
        steps = sequence.steps
        assert steps == list(range(steps[0], steps[0] + len(steps)))


@cocotb.test()
async def as_close_as_they_may(dut):
    """Tiles of one term end every ``rows`` cycles, but not before their last part has come."""
    params = manifest().parameters
    sequence = await run(dut, {}, lengths=[1], pause=lambda: 1)
    gaps = {b - a for a, b in zip(sequence.launches, sequence.launches[1:], strict=False)}
    if params["depth"] > 2 * params["rows"]:
        assert gaps <= set(range(params["rows"], max(params["rows"], 4 * params["multipass"]) + 1))
        assert params["rows"] in gaps


@cocotb.test()
async def longest(dut):
    """Tiles of as many terms as there can be, or of some hundreds."""
    most = min(manifest().parameters["max_k"], 300)
    await run(dut, {}, count=4, lengths=[most])


@cocotb.test()
async def reset(dut):
    """A reset in the middle of a tile, and right after its end."""
    bench = Bench(dut)
    stream = manifest().streams["tiles"]
    for cycles in range(3, 15):
        for name in CONDITIONS:
            getattr(dut, name).value = 1
        dut.room.value = manifest().parameters["depth"]
        source = Source(dut, stream, tiles(bench.rng, 10, [1, 2, 4]))
        await bench.reset()
        bench.agents = [source]
        for _ in range(cycles):
            await bench.tick()
        await run(dut, {}, count=4, lengths=[1, 2], going_on=bench)


@cocotb.test()
async def nothing_waits_for_the_cycle_of_tiles(dut):
    """The stream's signals reach no output within a cycle."""
    bench = Bench(dut)
    stream = manifest().streams["tiles"]
    conditions = {name: stalls(20, bench.rng) for name in CONDITIONS}
    sequence = Sequence(dut, conditions, lambda: 3)
    source = Source(dut, stream, tiles(bench.rng, 100, [1, 2, 5]))
    await bench.reset()
    bench.agents = [source, sequence]
    outputs = ["tiles_ready", "step", "first", "launch", "emit", "reserve", *sequence.types]
    outputs += ["load"] if sequence.groups > 1 else []
    for _ in range(60):
        await bench.tick()
        await check_no_paths(bench, ["tiles_payload", "tiles_valid"], outputs)
        await check_no_paths(bench, [*CONDITIONS, "room"], ["tiles_ready"])
