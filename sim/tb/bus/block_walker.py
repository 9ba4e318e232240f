"""Testbench of the walk through a block-sparse matrix."""

from itertools import pairwise

import cocotb

from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Recorder, Sink, Source, always, never, stalls

#: Tiles that wait in the unit.
AHEAD = 4


def walk(row_ptr: list[int], col_idx: list[int]) -> tuple[list[tuple[int, int, int]], int]:
    """Tiles as (block column, first, last), and how many entries of ``row_ptr`` are wrong."""
    tiles, at = [], 0
    wrong = int(row_ptr[0] != 0)
    for n, end in enumerate(row_ptr[1:], 2):
        if not at <= end <= len(col_idx) or (n == len(row_ptr) and end != len(col_idx)):
            wrong, end = wrong + 1, at
        columns = col_idx[at:end] or [0]
        most = len(columns) - 1
        tiles += [(column, int(n == 0), int(n == most)) for n, column in enumerate(columns)]
        at = end
    return tiles, wrong


class Walker:
    """The unit between an index in memory, a core and a reader of rows."""

    def __init__(self, dut, row_ptr=never, col_idx=never, tiles=never, blocks=never):
        unit = manifest()
        self.dut, self.bench, self.streams = dut, Bench(dut), unit.streams
        self.rng, self.params = self.bench.rng, unit.parameters
        self.width = self.params["width"]
        self.patterns = {"row_ptr": row_ptr, "col_idx": col_idx, "o": tiles, "blocks": blocks}
        self.failed = 0
        self.all = 0  # tiles of all walks so far
        self._connect()
        for name in ("start", "tile", "count"):
            getattr(dut, name).value = 0

    def _connect(self):
        self.sinks = [Sink(self.dut, self.streams[n], self.patterns[n]) for n in ("o", "blocks")]
        self.tiles, self.blocks = (
            Recorder(self.dut, name, self.streams[name]) for name in ("o", "blocks")
        )
        self.row_ptr, self.col_idx = self.sources = [
            Source(self.dut, self.streams[name], ()) for name in ("row_ptr", "col_idx")
        ]
        self.bench.agents = [self, *self.sinks, self.tiles, self.blocks, *self.sources]

    async def start(self):
        await self.bench.reset()
        await self.bench.tick()

    async def restart(self):
        self._connect()
        await self.bench.reset(any_state=False)

    def step(self, cycle):
        self.failed += bool(self.dut.failed.value)
        # Never more than wait there, and never a tile without its rows.
        ahead = self.blocks.count - self.tiles.count
        assert 0 <= ahead <= AHEAD, f"cycle {cycle}: {ahead} tiles wait"
        if ahead:
            assert self.dut.busy.value, f"cycle {cycle}: not busy, but a tile is to come"

    async def begin(self, row_ptr, col_idx, tile, count=None):
        """Starts a walk through an index, which comes before the start, with it, or after it."""
        early = self.rng.choice([0, 0, 1, 2, 5])
        if early:
            self._send([row_ptr], col_idx)
            await self._idle(early - 1)
        await self._start(len(col_idx) if count is None else count, tile)
        if not early:
            self._send([row_ptr], col_idx)

    async def _start(self, count, tile):
        dut, rng = self.dut, self.rng
        assert not dut.busy.value
        dut.tile.value, dut.count.value, dut.start.value = tile, count, 1
        await self.bench.tick()
        dut.start.value = 0
        dut.tile.value, dut.count.value = rng.getrandbits(self.width), rng.getrandbits(32)

    async def _idle(self, cycles):
        """Between walks nothing happens, whatever is offered."""
        for _ in range(cycles):
            await self.bench.tick()
            assert not self.dut.busy.value
            assert not self.dut.failed.value
            assert not self.dut.row_ptr_ready.value
            assert not self.dut.col_idx_ready.value

    def _send(self, row_ptrs, col_idx):
        words = []
        for row_ptr in row_ptrs:
            words += row_ptr
            words[-1] |= 1 << 32
        self.row_ptr, self.col_idx = (
            Source(self.dut, self.streams[name], entries, self.patterns[name])
            for name, entries in (("row_ptr", words), ("col_idx", col_idx))
        )
        self.bench.agents[-2:] = [self.row_ptr, self.col_idx]

    async def walk(self, row_ptr, col_idx, limit=6000):
        """A whole walk, and whether it came to its end with all tiles and no other."""
        tile = self.rng.getrandbits(self.width)
        before, self.failed = self.tiles.count, 0
        await self.begin(row_ptr, col_idx, tile)
        await self._end(row_ptr, col_idx, tile, before, limit)
        assert self.row_ptr.done
        assert self.col_idx.done

    async def walks(self, indices, limit=6000):
        """One after the other; the entries of the next ones are offered behind those of each."""
        self._send(
            [row_ptr for row_ptr, _ in indices], [n for _, blocks in indices for n in blocks]
        )
        entries = blocks = 0
        for row_ptr, col_idx in indices:
            tile = self.rng.getrandbits(self.width)
            before, self.failed = self.tiles.count, 0
            await self._idle(self.rng.randint(0, 4))
            await self._start(len(col_idx), tile)
            await self._end(row_ptr, col_idx, tile, before, limit)
            entries, blocks = entries + len(row_ptr), blocks + len(col_idx)
            assert (self.row_ptr.accepted, self.col_idx.accepted) == (entries, blocks)

    async def _end(self, row_ptr, col_idx, tile, before, limit):
        await self.bench.tick()
        await self.bench.run(lambda: not self.dut.busy.value, limit)
        tiles, wrong = walk(row_ptr, col_idx)
        first, last = 1 << self.params["first"], 1 << self.params["last"]
        words = [
            tile & ~first & ~last | first * is_first | last * is_last
            for _, is_first, is_last in tiles
        ]
        if words:
            words[-1] |= 1 << self.width
        assert self.tiles.words[before:] == words
        assert self.blocks.words[before:] == [column for column, _, _ in tiles]
        assert self.failed == wrong
        await self._idle(self.rng.randint(0, 4))
        assert self.tiles.count == before + len(words)

    def index(self, rows, density=0.5, columns=6):
        """A random index of so many block rows."""
        row_ptr, col_idx = [0], []
        for _ in range(rows):
            col_idx += [n for n in range(columns) if self.rng.random() < density]
            row_ptr.append(len(col_idx))
        return row_ptr, col_idx


@cocotb.test()
@cocotb.parametrize(inputs=[0, 70], tiles=[0, 80], blocks=[0, 80])
async def walks(dut, inputs, tiles, blocks):
    """Block rows with many blocks, one and none, one walk after the other."""
    walker = Walker(dut)
    rng = walker.rng
    walker.patterns |= {name: stalls(inputs, rng) for name in ("row_ptr", "col_idx")}
    walker.patterns |= {"o": stalls(tiles, rng), "blocks": stalls(blocks, rng)}
    walker._connect()
    await walker.start()
    for density in (0.5, 0.1, 1, 0, 0.8, 0.3):
        await walker.walk(*walker.index(rng.randint(1, 6), density))
    numbers = [rng.getrandbits(32) for _ in range(12)]
    await walker.walk([0, 5, 5, 12], numbers)
    # Right entries and wrong ones.
    indices = [walker.index(rng.randint(0, 4), rng.random()) for _ in range(12)]
    for row_ptr, _ in indices[::3]:
        row_ptr[rng.randrange(len(row_ptr))] ^= 1 << rng.randrange(5)
    await walker.walks(indices)


@cocotb.test()
async def magnitudes(dut):
    """Block columns of each bit, and as many blocks in a block row as each bit of a count says."""
    walker = Walker(dut)
    await walker.start()
    numbers = [1 << bit for bit in range(32)] + [(1 << 32) - 1 - (1 << bit) for bit in range(32)]
    await walker.walk([0, 64], numbers)
    for bit in range(9):
        index = [0, 1 << bit, (1 << bit) + 1], [*range((1 << bit) + 1)]
        await walker.walks([index, index] if bit < 8 else [index])
    # So many blocks that none is of a block row.
    await walker.walks([([0, 0], [*range(1 << bit)]) for bit in range(10)])


@cocotb.test()
async def large_counts(dut):
    """More blocks than a bench has time for: a reset ends the walk behind the first of them."""
    walker = Walker(dut)
    rng, columns = walker.rng, [*range(5, 14)]
    await walker.start()
    for bit in range(5, 32):
        # Without the bit a block row would end with the second block or the third one.
        large = 1 << bit | rng.getrandbits(bit - 5) << 5 | rng.randint(2, 3)
        other = large ^ 1 << rng.choice([n for n in range(5, 32) if n != bit])
        for count, row_ptr, expected in (
            (large, [0, large], 0),
            (large, [0, large, large], 0),
            (large, [0, large - 1, large], 0),
            (large, [0, other], 1),
            (other, [0, large], 1),
            (large, [0, large + 1, large], 1),
            (other, [0, large, other], int(large > other)),
            (large, [0, other, large], int(other > large)),
            (large, [0], 0),
            (large, [large], 1),
        ):
            before, walker.failed = walker.tiles.count, 0
            await walker.begin(row_ptr, columns, 0, count)
            for _ in range(30):
                await walker.bench.tick()
            assert walker.failed == expected, (count, row_ptr)
            assert walker.dut.busy.value
            # All blocks have been taken, by the block row or behind a wrong one; more are missing.
            assert walker.col_idx.done
            assert walker.dut.col_idx_ready.value
            rows = len(row_ptr) - 1
            tiles = [(column, int(n == 0), 0) for n, column in enumerate(columns)] if rows else []
            if expected and rows:
                tiles = [(0, 1, 1), *(tiles if rows > 1 else [])]
            marks = [
                (word >> walker.params["first"] & 1, word >> walker.params["last"] & 1)
                for word in walker.tiles.words[before:]
            ]
            assert marks == [tile[1:] for tile in tiles], (count, row_ptr)
            assert walker.blocks.words[before:] == [tile[0] for tile in tiles]
            await walker.restart()
            await walker.bench.tick()


@cocotb.test()
async def wrong_entries(dut):
    """Each is told; the walk comes to its end with as many runs as there are block rows."""
    walker = Walker(dut)
    rng = walker.rng
    await walker.start()
    columns = [*range(9)]
    most = (1 << 32) - 1
    for row_ptr in (
        [0, 4, 3, 9],  # descends
        [0, 10, 9],  # beyond the last block
        [0, 4, most, 9],
        [1, 4, 9],  # begins late
        [0, 4, 8],  # ends early
        [0, 4, 10],  # ends late
        [0, 0],  # without any of the blocks
        [9, 0, 9],
        [0],  # without block rows
        [9],
        *([0, 4, 4 | 1 << bit, 9] for bit in range(4, 32)),
        *([0, 4, 9 ^ 1 << bit] for bit in range(32)),
        *([1 << bit, 4, 9] for bit in range(32)),
    ):
        await walker.walk(row_ptr, columns)
    for _ in range(20):
        entries = [rng.choice([0, rng.randint(0, 12), most]) for _ in range(rng.randint(1, 6))]
        await walker.walk(entries, columns[: rng.randint(0, 9)])
    await walker.walk([0, 4, 9], columns)


@cocotb.test()
async def throughput(dut):
    """A tile in 2 cycles, and a cycle more for each block row."""
    walker = Walker(dut)
    await walker.start()
    await walker.walk([0, 20, 20, 40], [*range(40)])
    steps = [late - early for early, late in pairwise(walker.blocks.accepted)]
    assert steps == [2] * 19 + [3] + [3] + [2] * 19


@cocotb.test()
async def ahead(dut):
    """Rows are asked for as many tiles ahead as wait in the unit."""
    blocked = [always]
    walker = Walker(dut, tiles=lambda: blocked[0]())
    await walker.start()
    await walker.begin([0, 9, 20], [*range(20)], 0)
    for _ in range(40):
        await walker.bench.tick()
    assert walker.blocks.count == AHEAD
    blocked[0] = never
    await walker.bench.run(lambda: walker.tiles.count == 20, 100)


@cocotb.test()
async def resets(dut):
    """At any moment of a walk: nothing of it is left, and the next one is right."""
    walker = Walker(dut)
    rng = walker.rng
    walker.patterns |= {name: stalls(40, rng) for name in ("o", "blocks")}
    walker._connect()
    await walker.start()
    quiet = {"busy": 0, "failed": 0, "o_valid": 0, "blocks_valid": 0}
    quiet |= {"row_ptr_ready": 0, "col_idx_ready": 0}
    for cycles in range(24):
        await walker.begin([0, 4, 3, 9], [*range(9)], 0)
        for _ in range(cycles):
            await walker.bench.tick()
        await walker.restart()
        for _ in range(rng.choice([1, 3])):
            await walker.bench.tick()
            assert {name: int(getattr(dut, name).value) for name in quiet} == quiet
        await walker.walk(*walker.index(2))


@cocotb.test()
async def outputs_come_from_registers(dut):
    walker = Walker(dut)
    rng = walker.rng
    walker.patterns |= {name: stalls(50, rng) for name in ("o", "blocks")}
    walker._connect()
    await walker.start()
    await walker.begin([0, 9, 9, 20], [*range(20)], 0)
    inputs = ["row_ptr_valid", "row_ptr_payload", "col_idx_valid", "col_idx_payload", "o_ready"]
    inputs += ["blocks_ready", "tile", "count"]
    outputs = ["row_ptr_ready", "col_idx_ready", "o_valid", "o_payload", "blocks_valid", "failed"]
    while walker.tiles.count < 21:
        await walker.bench.tick()
        await check_no_paths(walker.bench, inputs, [*outputs, "blocks_payload", "busy"])
