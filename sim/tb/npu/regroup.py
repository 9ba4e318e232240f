"""Testbench of the words of the buffer that results become."""

import cocotb
import numpy as np

from ...golden.npu.regroup import regroup
from ...lib.bench import Bench, manifest
from ...lib.streams import Recorder, Scoreboard, Sink, Source, never, sparse, stalls
from ...lib.trace import join, split
from ._fields import pack, unpack

#: Fields of an instruction with one pixel, whose channels begin at lane 0.
PIXEL = {
    "out_base": 0,
    "out_row": 0,
    "out_blk": 0,
    "oh": 0,
    "ow": 0,
    "nb": 0,
    "out_step": 0,
    "out_lane": 0,
    "out_tail": 0,
}


class Regroup:
    """The unit between instructions with their results and a sink that compares writes."""

    def __init__(self, dut, instructions, stall=0):
        unit = manifest()
        self.dut, self.bench = dut, Bench(dut)
        self.rows, self.cols = unit.parameters["rows"], unit.parameters["cols"]
        self.streams = unit.streams
        self.expected = Scoreboard()
        self.masks, self.writes = [], []
        words, results = [], []
        for fields in instructions:
            words.append(pack(self.streams["outputs"], fields))
            shape = (fields["nb"] + 1, fields["oh"] + 1, fields["ow"] + 1, self.cols)
            codes = self.bench.random.integers(0, 256, shape)
            results += [join(row, 8) for row in codes.reshape(-1, self.cols)]
            self.writes.append(regroup(fields, codes, self.rows))
        for write in (write for group in self.writes for write in group):
            self.masks.append(sum(1 << lane for lane in write.lanes))
            lanes = [write.lanes.get(lane, 0) for lane in range(self.rows)]
            self.expected.expect(self._word(write.address, lanes, self.masks[-1], write.last))
        pattern = (lambda: stalls(stall, self.bench.rng)) if stall else (lambda: never)
        streams = self.streams
        self.outputs = Source(dut, streams["outputs"], words, pattern())
        self.results = Source(dut, streams["results"], results, pattern())
        self.sink = Sink(dut, streams["o"], pattern())
        self.seen = {name: Recorder(dut, name, streams[name]) for name in ("results", "o")}

    def _word(self, address, lanes, mask, last):
        values = {"address": address, "data": join(lanes, 8), "mask": mask, "last": last}
        return pack(self.streams["o"], values)

    async def start(self):
        await self.bench.reset()
        self.bench.agents = [self.outputs, self.results, self.sink, *self.seen.values()]

    async def finish(self, limit):
        count = len(self.masks)
        await self.bench.run(lambda: self.seen["o"].count >= count, limit)
        for _ in range(10):
            await self.bench.tick()
        for word in self.seen["o"].words:
            values = unpack(self.streams["o"], word)
            lanes = split(values["data"], 8, self.rows)
            mask = values["mask"]
            lanes = [code if mask >> lane & 1 else 0 for lane, code in enumerate(lanes)]
            self.expected.check(self._word(values["address"], lanes, mask, values["last"]))
        self.expected.finish()
        assert self.results.done
        assert self.outputs.done


def random_fields(rng, cols, pixels):
    height = rng.randint(1, pixels)
    return {
        **{name: rng.getrandbits(16) for name in ("out_base", "out_blk")},
        "out_row": rng.getrandbits(12),
        "oh": height - 1,
        "ow": rng.randint(1, pixels // height) - 1,
        "nb": rng.choice([0, 0, 1, 2, 4]),
        "out_step": rng.randrange(4),
        "out_lane": rng.choice([0, rng.randrange(4), rng.randrange(64)]),
        "out_tail": rng.choice([0, rng.randint(1, min(cols, 63))]),
    }


@cocotb.test()
async def latency(dut):
    """A result by itself becomes a write 3 cycles later."""
    regroup = Regroup(dut, [PIXEL | {"ow": 19}])
    regroup.results._stall = sparse(1, 10 + regroup.cols)
    await regroup.start()
    await regroup.finish(2000)
    offered = np.array(regroup.seen["o"].offered)
    # The first result may come before its instruction is known.
    for cycle in regroup.seen["results"].accepted[1:]:
        assert offered[offered > cycle][0] == cycle + 3


@cocotb.test()
async def throughput(dut):
    """A write a cycle, over groups and instructions."""
    rows, cols = (manifest().parameters[name] for name in ("rows", "cols"))
    least = max(63, cols) // rows + 4
    instructions = [
        PIXEL
        | {
            "out_base": 100 * number,
            "out_blk": 1000,
            "out_row": 13,
            "oh": 1,
            "ow": -(-least // 2) - 1,
            "nb": number % 4,
            "out_lane": lane,
            "out_tail": tail,
        }
        for number, (lane, tail) in enumerate([(0, 0), (5 % rows, 0), (63, 0), (0, 1), (1, 0)])
    ]
    regroup = Regroup(dut, instructions)
    await regroup.start()
    await regroup.finish(5000)
    o = regroup.seen["o"].accepted
    assert o == list(range(o[0], o[0] + len(o))), "there are gaps"


@cocotb.test()
async def corners(dut):
    """Every lane to begin at, every tail, steps between pixels, addresses that wrap."""
    cols = manifest().parameters["cols"]
    lanes = [PIXEL | {"out_lane": lane, "out_blk": 7, "nb": 2, "ow": 1} for lane in range(64)]
    tails = [
        PIXEL | {"out_tail": tail % 64, "out_blk": 7, "nb": 1, "out_lane": 1}
        for tail in range(1, cols + 1)
    ]
    steps = [PIXEL | {"out_step": step, "out_row": 100, "oh": 2, "ow": 3} for step in range(4)]
    wraps = [
        PIXEL
        | {
            "out_base": 65535,
            "out_row": 4095,
            "out_blk": 65535,
            "oh": 4,
            "ow": 4,
            "nb": 4,
            "out_lane": 63,
        }
    ]
    regroup = Regroup(dut, [*lanes, *tails, *steps, *wraps])
    await regroup.start()
    await regroup.finish(50_000)


@cocotb.test()
async def large_counts(dut):
    """The longest rows, the most rows, the most groups."""
    most = [{"ow": 2047}, {"oh": 255, "out_row": 3}, {"nb": 255, "out_blk": 5}]
    regroup = Regroup(dut, [PIXEL | fields for fields in most])
    await regroup.start()
    await regroup.finish(200_000)


@cocotb.test()
@cocotb.parametrize(stall=[0, 30, 70])
async def random_instructions(dut, stall):
    rng = Bench(dut).rng
    cols = manifest().parameters["cols"]
    instructions = [random_fields(rng, cols, rng.choice([1, 3, 20])) for _ in range(60)]
    regroup = Regroup(dut, instructions, stall)
    await regroup.start()
    await regroup.finish(200_000)


@cocotb.test()
async def reset(dut):
    """A reset in the middle of anything; the next instructions are right."""
    rng = Bench(dut).rng
    cols = manifest().parameters["cols"]
    for cycles in (3, 17, 40, 90):
        await _run(dut, rng, cols, cycles)
        await _run(dut, rng, cols, None)


async def _run(dut, rng, cols, cycles):
    regroup = Regroup(dut, [random_fields(rng, cols, 12) for _ in range(6)], 20)
    await regroup.start()
    if cycles is None:
        await regroup.finish(20_000)
    else:
        for _ in range(cycles):
            await regroup.bench.tick()
