"""Testbench of an accumulator in binary32, and of a bank of them."""

import cocotb
import numpy as np

from ...golden.float.float_accumulator import float_accumulator
from ...lib.bench import Bench, manifest
from ...lib.float_codes import FloatCodes
from ...lib.trace import late, play, skewed
from ..output._visits import schedule

#: Cycles from a visit's announcement to its partial sum, to its sum, and to the row's next visit.
PSUM, SUM, REVISIT = 2, 5, 6


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
    visits, wanted, seen = [], [], set()
    for cycle, row in enumerate(rows):
        first = bench.rng.random() < firsts or row not in seen
        if row is None:
            # What a row says that is no visit does not matter.
            visits.append((bench.rng.getrandbits(width) << 1 | bench.rng.randrange(2)) << 1)
            continue
        seen.add(row)
        visits.append((row << 1 | first) << 1 | 1)
        wanted.append((first, row, values[cycle]))
    valid = np.array([row is not None for row in rows])
    sums = np.zeros((length, lanes), np.int64)
    sums[valid] = float_accumulator(wanted)
    await bench.reset()
    trace = await play(bench, {"visit": visits, "psums": skewed(late(values, PSUM))})
    where = skewed(np.repeat(valid[:, None], lanes, axis=1))
    trace.check("sums", late(skewed(sums), SUM), late(where, SUM))
    trace.check("visit_o", [0] * lanes + visits[: length - lanes], np.arange(length) >= lanes)


def any_codes(bench):
    """Codes of any numbers, now and then special ones."""
    special = FloatCodes(bench.rng, 8, 23).specials()

    def psums(shape):
        codes = bench.random.integers(0, 1 << 32, shape)
        return np.where(
            bench.random.random(shape) < 0.1, bench.random.choice(special, shape), codes
        )

    return psums


def close_codes(bench):
    """Numbers of both signs around 1: sums lose leading bits, and need rounding."""

    def psums(shape):
        fields = bench.random.integers(120, 134, shape)
        return (
            bench.random.integers(0, 1 << 23, shape)
            | fields << 23
            | (bench.random.integers(0, 2, shape) << 31)
        )

    return psums


def opposite_codes(bench):
    """A few numbers and their opposites: sums come back to zero, zeros have either sign."""
    few = np.array([0, 0x3F800000, 0x3F800001, 0x33800000, 0x4B800000, 0x00800000, 0x007FFFFF])

    def psums(shape):
        return bench.random.choice(np.concatenate([few, few | 1 << 31]), shape)

    return psums


NUMBERS = [any_codes, close_codes, opposite_codes]


@cocotb.test()
@cocotb.parametrize(numbers=NUMBERS)
async def every_cycle(dut, numbers):
    """A visit a cycle, if enough rows are free, most of them as soon as they may come again."""
    bench = Bench(dut)
    for distance in range(REVISIT, REVISIT + 4):
        rows = schedule(bench, 150, 1.0, {distance}, REVISIT)
        await check(bench, rows, numbers(bench))


@cocotb.test()
@cocotb.parametrize(numbers=NUMBERS)
async def now_and_then(dut, numbers):
    """Visits with pauses."""
    bench = Bench(dut)
    distances = range(REVISIT, REVISIT + 3)
    await check(bench, schedule(bench, 400, 0.5, distances, REVISIT), numbers(bench))


@cocotb.test()
async def each_row(dut):
    """Every row keeps a sum of its own."""
    bench = Bench(dut)
    depth = manifest().parameters["depth"]
    pause = [None] * max(0, REVISIT - depth)
    order = [*range(depth)]
    rows = [*order, *pause, *order, *pause, *order]
    await check(bench, rows, close_codes(bench), firsts=0.0)
