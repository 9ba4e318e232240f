"""Testbench of an accumulator, and of a bank of them."""

import cocotb
import numpy as np

from ...golden.output.accumulator import accumulator
from ...lib.bench import Bench, manifest
from ...lib.trace import late, play, skewed
from ._visits import schedule

#: Cycles from a visit's announcement to its partial sum, and to its sum.
PSUM, SUM = 2, 3


async def check(bench, rows, psums, firsts=0.15):
    """Play visits of ``rows``, which begin anew with the probability ``firsts``.

    Visits of any rows come just before, as a reset of an engine leaves them on their way.

    ``psums`` makes an array of partial sums of a shape.
    """
    params = manifest().parameters
    lanes, depth = params.get("lanes", 1), params["depth"]
    width = max(1, (depth - 1).bit_length())
    tail = lanes + SUM + 1
    length = len(rows) + tail
    rows = [*rows, *[None] * tail]
    values = psums((length, lanes))
    visits, sums, seen = [], np.zeros((length, lanes), np.int64), set()
    wanted = []
    for row in rows:
        first = bench.rng.random() < firsts or row not in seen
        if row is None:
            # What a row says that is no visit does not matter.
            visits.append((bench.rng.getrandbits(width) << 1 | bench.rng.randrange(2)) << 1)
            continue
        seen.add(row)
        visits.append((row << 1 | first) << 1 | 1)
        wanted.append((first, row))
    valid = np.array([row is not None for row in rows])
    for lane in range(lanes):
        lane_sums = accumulator(
            [(*visit, int(p)) for visit, p in zip(wanted, values[valid, lane], strict=True)],
            acc_width=params["acc_width"],
            overflow=params["overflow"],
        )
        sums[valid, lane] = lane_sums
    await bench.reset()
    trace = await play(bench, {"visit": visits, "psums": skewed(late(values, PSUM))})
    where = skewed(np.repeat(valid[:, None], lanes, axis=1))
    trace.check("sums", late(skewed(sums), SUM), late(where, SUM))
    trace.check("visit_o", [0] * lanes + visits[: length - lanes], np.arange(length) >= lanes)


def random_psums(bench):
    half = 1 << (manifest().parameters["psum_width"] - 1)
    return lambda shape: bench.random.integers(-half, half, shape)


def limit_psums(bench):
    """The largest of one sign for a while, so that sums reach their limits, then of the other."""
    half = 1 << (manifest().parameters["psum_width"] - 1)

    def psums(shape):
        change = np.cumsum(bench.random.random(shape) < 0.04, axis=0)
        return np.array([-half, half - 1])[change % 2]

    return psums


@cocotb.test()
@cocotb.parametrize(psums=[random_psums, limit_psums])
async def every_cycle(dut, psums):
    """A visit a cycle, if enough rows are free, most of them as soon as they may come again."""
    bench = Bench(dut)
    for distance in range(1, 9):
        rows = schedule(bench, 120, 1.0, {distance})
        await check(bench, rows, psums(bench))


@cocotb.test()
@cocotb.parametrize(psums=[random_psums, limit_psums])
async def now_and_then(dut, psums):
    """Visits with pauses."""
    bench = Bench(dut)
    await check(bench, schedule(bench, 400, 0.5, {1, 2, 3, 4, 5}), psums(bench))


@cocotb.test()
async def limits(dut):
    """Sums that rise and fall beyond their limits, in every row."""
    bench = Bench(dut)
    params = manifest().parameters
    steps = 1 << max(0, min(10, params["acc_width"] - params["psum_width"]))
    rows = [
        row if row < params["depth"] else None
        for _ in range(3 * steps)
        for row in range(max(params["depth"], params["revisit"]))
    ][:6000]
    half = 1 << (params["psum_width"] - 1)

    def psums(shape):
        size = shape[0] // 3 + 1
        edges = [np.full(size, -half), np.full(size, half - 1), np.full(size, -half)]
        line = np.concatenate(edges)[: shape[0]]
        return np.stack([line if lane % 2 else -1 - line for lane in range(shape[1])], axis=1)

    await check(bench, rows, psums, firsts=0.0)


@cocotb.test()
async def each_row(dut):
    """Every row keeps a sum of its own."""
    bench = Bench(dut)
    params = manifest().parameters
    depth = min(params["depth"], 64)
    pause = [None] * max(0, params["revisit"] - depth)
    order = [*range(params["depth"] - depth, params["depth"])]
    rows = [*order, *pause, *order, *pause, *order]
    await check(bench, rows, random_psums(bench), firsts=0.0)
