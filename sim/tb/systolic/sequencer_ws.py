"""Testbench of the weight-stationary engine's sequencing."""

import os

import cocotb

from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Monitor, Source, stalls

#: Groups of terms with a scale. Outside a simulation there is no manifest.
GROUPS = manifest().parameters["groups"] if "BRICKWORK_MANIFEST" in os.environ else "none"
CONDITIONS = ("acts_held", "weights_loaded", "room", "may_launch")
CONDITIONS += ("scale_held",) if GROUPS != "none" else ()


def fields(word):
    """The fields of a word of ``tiles``."""
    return {
        field["name"]: word >> field["offset"] & ((1 << field["width"]) - 1)
        for field in manifest().streams["tiles"]["fields"]
    }


class Sequence:
    """What has to happen in each cycle, from the tiles that were accepted before it."""

    def __init__(self, dut, conditions):
        params = manifest().parameters
        self.dut, self.conditions = dut, conditions
        self.revisit, self.ahead, self.typed = params["revisit"], params["ahead"], params["a_type"]
        self.tile, self.waiting, self.row, self.may_begin = None, [], 0, 0
        self.driven = dict.fromkeys(CONDITIONS, 0)
        self.rows, self.done, self.gaps, self.most = 0, 0, [], 0
        self._visited, self._last = {}, None
        # Groups of the current sums that are complete, and tiles of the next one.
        self.group, self.tiles_of_group = 0, 0
        for name in CONDITIONS:
            getattr(dut, name).value = 0

    def closes(self, tile):
        """Whether a tile ends a group."""
        return bool(tile.get("close", 1))

    def step(self, cycle):
        dut, driven = self.dut, self.driven
        begins, ends, step, last = self.row == 0, False, False, False
        if self.tile:
            tile = self.tile
            last, ends = tile["last"], self.row == tile["length"]
            step = driven["acts_held"]
            if begins:
                step = step and driven["weights_loaded"] and cycle >= self.may_begin
                if GROUPS != "none" and self.closes(tile):
                    step = step and driven["scale_held"]
            if last:
                step = step and driven["room"] and (driven["may_launch"] or not begins)
        expected = {
            "step": bool(step),
            "swap": bool(step and begins),
            "last": bool(step and ends),
            "emit": bool(step and last),
            "launch": bool(step and last and begins),
        }
        if GROUPS != "none":
            if step and begins and tile["first"]:
                self.group = self.tiles_of_group = 0
            expected["claim"] = bool(step and begins and self.closes(tile))
            if step:
                expected["opens"] = self.tiles_of_group == 0
                expected["closes"] = self.closes(tile)
                expected["begins"] = self.group == 0
        for name, value in expected.items():
            actual = bool(getattr(dut, name).value)
            assert actual == value, f"cycle {cycle}, row {self.row}: {name} is {actual}"
        ready = bool(dut.tiles_ready.value)
        assert ready == (len(self.waiting) < self.ahead - 1), f"cycle {cycle}: tiles_ready"
        visit = int(dut.visit.value)
        assert visit & 1 == step, f"cycle {cycle}: a visit that is no step, or the other way"
        if step:
            wanted = self.row << 1 | tile["first"]
            assert visit >> 1 == wanted, f"cycle {cycle}: visit {visit:#x}"
            if self.typed:
                actual = int(dut.a_type.value)
                assert actual == tile["a_type"], f"cycle {cycle}: type {actual}"
            apart = cycle - self._visited.get(self.row, -99)
            assert apart >= self.revisit, f"cycle {cycle}: row {self.row} after {apart} cycles"
            self._visited[self.row] = cycle
            if self._last is not None and not begins:
                self.gaps.append(cycle - self._last)
            self._last = cycle
            self.rows += 1
            self.row += 1
            if ends:
                # As many cycles without a step as the tile has rows too few.
                self.may_begin = cycle + 1 + max(0, self.revisit - self.row)
                self.tiles_of_group += 1
                if self.closes(tile):
                    self.group, self.tiles_of_group = self.group + 1, 0
                self.tile = None
                self.row = 0
                self.done += 1
        if not self.tile and self.waiting:
            self.tile = self.waiting.pop(0)
        if dut.tiles_valid.value and ready:
            self.waiting.append(fields(int(dut.tiles_payload.value)))
        self.most = max(self.most, len(self.waiting) + bool(self.tile))
        for name, pattern in self.conditions.items():
            self.driven[name] = int(not pattern())
            getattr(dut, name).value = self.driven[name]


def tiles(rng, count, longest):
    """Random words, most of them of short tiles.

    With groups each sum begins with the first tile of a group and ends with the last one of a
    group; else any tile may be the first or the last.
    """
    depth = manifest().parameters["depth"]
    layout = manifest().streams["tiles"]["fields"]
    begun = False
    for _ in range(count):
        values = {field["name"]: rng.getrandbits(field["width"]) for field in layout}
        length = min(rng.choice([1, 2, 3, 4, 5, depth, rng.randint(1, depth)]), depth, longest)
        values["length"] = length - 1
        if GROUPS != "none":
            values["first"] = int(not begun)
            begun = not values["last"]
            if values["last"] and "close" in values:
                values["close"] = 1
        yield sum(values[field["name"]] << field["offset"] for field in layout)


async def run(dut, share, *, count=60, longest=1 << 30, stall=0, going_on=None):
    """``count`` tiles; each condition holds but for its share of the cycles, in percent.

    With ``going_on``, a bench, the reset comes in the middle of its work.
    """
    bench = going_on or Bench(dut)
    await bench.reset(any_state=going_on is None)
    rng = bench.rng
    stream = manifest().streams["tiles"]
    sequence = Sequence(dut, {name: stalls(share.get(name, 0), rng) for name in CONDITIONS})
    words = list(tiles(rng, count, longest))
    source = Source(dut, stream, words, stalls(stall, rng))
    source.step(bench.cycle)  # tiles come from the first cycle after the reset on
    bench.agents = [source, Monitor(dut, "tiles", stream), sequence]
    rows = sum(fields(word)["length"] + 1 for word in words)
    await bench.run(lambda: sequence.done == count, 200 * (rows + count))
    assert sequence.rows == rows
    for _ in range(10):
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
async def without_a_gap(dut):
    """A row every cycle when nothing is missing, but for the rest that short tiles need."""
    sequence = await run(dut, {})
    assert set(sequence.gaps) <= {1}


@cocotb.test()
async def tiles_ahead(dut):
    """So many tiles can be known at a time."""
    sequence = await run(dut, {"acts_held": 80})
    assert sequence.most == sequence.ahead


@cocotb.test()
async def short_tiles(dut):
    """Visits of the same row are never closer than they may be, whatever the stalls."""
    for longest in range(1, 5):
        await run(dut, {}, longest=longest)
        await run(dut, {"acts_held": 30}, longest=longest)


@cocotb.test()
async def reset(dut):
    """A reset in the middle of a tile, and right after one."""
    bench = Bench(dut)
    stream = manifest().streams["tiles"]
    for cycles in range(3, 15):
        for name in CONDITIONS:
            getattr(dut, name).value = 1
        source = Source(dut, stream, tiles(bench.rng, 10, bench.rng.choice([1, 2, 1 << 30])))
        await bench.reset()
        bench.agents = [source]
        for _ in range(cycles):
            await bench.tick()
        await run(dut, {}, count=3, longest=2, going_on=bench)


@cocotb.test()
async def nothing_waits_for_the_cycle_of_tiles(dut):
    """The stream's signals reach no output within a cycle."""
    bench = Bench(dut)
    stream = manifest().streams["tiles"]
    sequence = Sequence(dut, {name: stalls(20, bench.rng) for name in CONDITIONS})
    source = Source(dut, stream, tiles(bench.rng, 100, 1 << 30))
    await bench.reset()
    bench.agents = [source, sequence]
    outputs = ["tiles_ready", "step", "swap", "last", "visit", "emit", "launch"]
    outputs += ["a_type"] if sequence.typed else []
    outputs += ["opens", "closes", "begins", "claim"] if GROUPS != "none" else []
    for _ in range(60):
        await bench.tick()
        await check_no_paths(bench, ["tiles_payload", "tiles_valid"], outputs)
        await check_no_paths(bench, list(CONDITIONS), ["tiles_ready"])
