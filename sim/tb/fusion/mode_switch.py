"""Testbench of the change of modes between tiles."""

import cocotb

from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Monitor, Recorder, Source, never, sparse, stalls

SETTING = ("a_bits", "w_bits", "a_signed", "w_signed", "shift")
OUTPUTS = ["i_ready", "o_valid", "o_payload", "choice", "shift"]


def fields(layout, word):
    """The fields of a stream's word, or of a port's."""
    return {f["name"]: word >> f["offset"] & ((1 << f["width"]) - 1) for f in layout["fields"]}


class Control:
    """Takes tiles, lets their rows go, and checks what the unit does in each cycle.

    Parameters
    ----------
    seen : Recorder
        Of the tiles that go in.
    room : int
        Most tiles that it has at a time.
    ready, row : functions
        Say whether to hold back a tile, or a row.
    """

    def __init__(self, dut, seen, *, room, ready=never, row=never):
        self.dut, self.seen, self.room = dut, seen, room
        self.facts = manifest()
        params = self.facts.parameters
        self.drain, self.settle = params["drain"], params["settle"]
        (self.choice,) = [port for port in self.facts.ports if port["name"] == "choice"]
        self._hold_tile, self._hold_row = ready, row
        self.inside, self.rows = [], 0
        self.passed, self.done, self.changes = 0, 0, 0
        self.setting, self.stepped, self.came = (0,) * 5, None, 0
        self.due = None
        self.driven = {"o_ready": 0, "step": 0, "last": 0}
        for name, value in self.driven.items():
            getattr(dut, name).value = value

    def step(self, cycle):
        dut, driven = self.dut, self.driven
        choice = fields(self.choice, int(dut.choice.value))
        setting = (*(choice[name] for name in SETTING[:4]), int(dut.shift.value))
        if setting != self.setting:
            self._check_change(cycle, setting)
        assert all(tile["setting"] == setting for tile in self.inside), f"cycle {cycle}: {setting}"
        # The next tile comes a cycle after it went in and the one before went out.
        accepted = self.seen.accepted
        if self.due is None and self.passed < len(accepted) and accepted[self.passed] < cycle:
            self._expect_next(max(accepted[self.passed], self.came) + 1)
        valid = bool(dut.o_valid.value)
        expected = self.due is not None and cycle >= self.due
        assert valid == expected, f"cycle {cycle}: o_valid is {valid}"
        if valid:
            tile = fields(self.facts.streams["o"], int(dut.o_payload.value))
            for name, value in tile.items():
                assert value == self.next[name], f"cycle {cycle}: {name} is {value}"
        if driven["step"]:
            self.stepped = cycle
            self.rows += 1
            if driven["last"]:
                self.inside.pop(0)
                self.rows = 0
                self.done += 1
            self._postpone()
        if valid and driven["o_ready"]:
            assert self.next["setting"] == setting, f"cycle {cycle}: a tile of another mode"
            self.inside.append(self.next)
            self.passed += 1
            self.came, self.due = cycle, None
        self._drive()

    def _check_change(self, cycle, setting):
        assert not self.inside, f"cycle {cycle}: the mode changes within a tile"
        since = cycle - 1 - self.stepped if self.stepped is not None else self.drain
        assert since >= self.drain, f"cycle {cycle}: the mode changes {since} cycles after a row"
        assert self.due is not None, f"cycle {cycle}: the mode changes without a tile"
        assert setting == self.next["setting"], f"cycle {cycle}: the mode becomes {setting}"
        assert cycle == self.due - self.settle, f"cycle {cycle}: the mode changes too soon or late"
        self.setting = setting
        self.changes += 1

    def _expect_next(self, head):
        """The next tile stands at the head of the queue from the cycle ``head`` on."""
        tile = fields(self.facts.streams["i"], self.seen.words[self.passed])
        tile["setting"] = tuple(tile[name] for name in SETTING)
        self.next, self._head = tile, head
        self.due = head
        self._postpone()

    def _postpone(self):
        """A tile of another mode is due some time after the last row of those before."""
        if self.due is None or self.next["setting"] == self.setting:
            return
        if self.inside:
            self.due = float("inf")
            return
        quiet = self._head
        if self.stepped is not None:
            quiet = max(quiet, self.stepped + 1 + self.drain)
        self.due = quiet + 1 + self.settle

    def _drive(self):
        # Without a row ``last`` does not count.
        driven = {"o_ready": 0, "step": 0, "last": 1}
        if len(self.inside) < self.room and not self._hold_tile():
            driven["o_ready"] = 1
        if self.inside and not self._hold_row():
            driven["step"] = 1
            driven["last"] = int(self.rows == self.inside[0]["length"])
        for name, value in driven.items():
            if value != self.driven[name]:
                getattr(self.dut, name).value = value
        self.driven = driven


def tiles(rng, count, share):
    """Random tiles; a share has the mode of the one before."""
    return tiles_of(rng, (rng.random() >= share for _ in range(count)))


def tiles_of(rng, changes, most_rows=None):
    """Random tiles; the mode differs, in a bit, from the one before where ``changes`` holds."""
    layout = manifest().streams["i"]["fields"]
    depth = min(manifest().parameters["depth"], most_rows or 1 << 32)
    values = dict.fromkeys(SETTING, 0)
    for change in changes:
        if change:
            name = rng.choice(SETTING)
            (width,) = [field["width"] for field in layout if field["name"] == name]
            values[name] ^= 1 << rng.randrange(width)
        tile = values | {"length": rng.choice([0, rng.randrange(depth), depth - 1])}
        tile |= {"first": rng.getrandbits(1), "last": rng.getrandbits(1)}
        yield sum(tile[field["name"]] << field["offset"] for field in layout)


async def start(dut, words, *, stall=never, room=2, ready=never, row=never, going_on=None):
    """Reset the unit; with ``going_on``, a bench, in the middle of its work."""
    bench = going_on or Bench(dut)
    await bench.reset(any_state=going_on is None)
    streams = manifest().streams
    seen = Recorder(dut, "i", streams["i"])
    source = Source(dut, streams["i"], words, stall)
    control = Control(dut, seen, room=room, ready=ready, row=row)
    source.step(bench.cycle)  # tiles come from the first cycle after the reset on
    bench.agents = [source, seen, Monitor(dut, "o", streams["o"]), control]
    return bench, control


async def run(dut, words, **patterns):
    bench, control = await start(dut, words, **patterns)
    params = manifest().parameters
    limit = 20 * len(words) * (params["depth"] + 3 * (params["drain"] + params["settle"]) + 30)
    await bench.run(lambda: control.done >= len(words), limit)
    for _ in range(params["drain"] + params["settle"] + 10):
        await bench.tick()
    assert control.done == control.passed == len(words) == len(control.seen.words)
    return control


@cocotb.test()
@cocotb.parametrize(share=[0.1, 0.5, 0.9], room=[1, 2, 7])
async def without_stalls(dut, share, room):
    """Modes that change often, sometimes and seldom."""
    control = await run(dut, list(tiles(Bench(dut).rng, 60, share)), room=room)
    assert control.changes > 0


@cocotb.test()
@cocotb.parametrize(inputs=[0, 60], ready=[0, 60], rows=[0, 60])
async def random_stalls(dut, inputs, ready, rows):
    """Tiles that come late, a control that takes them late, and rows with gaps between them."""
    rng = Bench(dut).rng
    for share in (0.2, 0.8):
        await run(
            dut,
            list(tiles(rng, 40, share)),
            stall=stalls(inputs, rng),
            ready=stalls(ready, rng),
            row=stalls(rows, rng),
        )


@cocotb.test()
@cocotb.parametrize(room=[1, 2, 7])
async def late_rows(dut, room):
    """Rows so far apart that nothing but the tiles that wait for them keeps the mode."""
    params = manifest().parameters
    row = sparse(1, params["drain"] + params["settle"] + 10)
    rng = Bench(dut).rng
    # So many tiles of a mode in a row: the control has any number of them when it is to change.
    counts = rng.sample(range(1, 10), 9)
    changes = [number == 0 for count in counts for number in range(count)]
    await run(dut, list(tiles_of(rng, changes, most_rows=2)), room=room, row=row)


def _rows(word):
    return fields(manifest().streams["i"], word)["length"] + 1


@cocotb.test()
async def throughput(dut):
    """Tiles of one mode and one row pass one a cycle, a cycle after they came."""
    words = [word for word in tiles(Bench(dut).rng, 400, 1.0) if _rows(word) == 1]
    control = await run(dut, words, room=7)
    assert control.changes == 0
    begin = control.seen.accepted[0]
    assert control.seen.accepted == list(range(begin, begin + len(words)))


@cocotb.test()
async def reset(dut):
    """A reset at any time leaves neither a mode nor a tile, nor any waiting."""
    rng = Bench(dut).rng
    for cycles in (*range(1, 12), *(rng.randrange(12, 60) for _ in range(8))):
        words = list(tiles(rng, 20, 0.4))
        bench, _ = await start(dut, words, room=7, row=stalls(30, rng))
        for _ in range(cycles):
            await bench.tick()
        # The first needs another mode at once.
        await run(dut, list(tiles(rng, 4, 0)), going_on=bench)


@cocotb.test()
async def no_paths_within_a_cycle(dut):
    """All outputs come from registers."""
    rng = Bench(dut).rng
    patterns = {name: stalls(30, rng) for name in ("stall", "ready", "row")}
    bench, _ = await start(dut, list(tiles(rng, 200, 0.5)), **patterns)
    inputs = ["i_valid", "i_payload", "o_ready", "step", "last"]
    for _ in range(60):
        await bench.tick()
        await check_no_paths(bench, inputs, OUTPUTS)
