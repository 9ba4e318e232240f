"""Testbench of the way from sums to activations."""

from fractions import Fraction

import cocotb

from ...lib.bench import Bench, manifest
from ...lib.trace import play
from ._words import corner

LATENCY = 2


def finished(total: int, shift: int, relu: int, act_width: int) -> int:
    """The activation of a sum. :func:`round` of a fraction is exact, and ties go to even."""
    high = (1 << (act_width - 1)) - 1
    return min(max(round(Fraction(total, 1 << shift)), 0 if relu else ~high), high)


async def check(dut, shift, relu, totals):
    bench = Bench(dut)
    act_width = manifest().parameters["act_width"]
    await bench.reset()
    # Long enough for the last of them to leave.
    totals = [*totals, *[0] * LATENCY]
    trace = await play(bench, {"i": totals, "how": [shift | relu << 6] * len(totals)})
    expected = [finished(total, shift, relu, act_width) for total in totals]
    expected = [0] * LATENCY + expected[:-LATENCY]
    where = [cycle >= LATENCY for cycle in range(len(totals))]
    trace.check("o", expected, where)


@cocotb.test()
@cocotb.parametrize(relu=[0, 1])
async def every_shift(dut, relu):
    """Ties, what is next to them, ends of the range of either side, and random sums."""
    params = manifest().parameters
    rng, width = Bench(dut).rng, params["acc_width"]
    least, most = -(1 << (width - 1)), (1 << (width - 1)) - 1
    ends = (1 << (params["act_width"] - 1), -(1 << (params["act_width"] - 1)))
    for shift in range(64):
        totals = [least, least + 1, most, most - 1, 0, 1, -1]
        half = (1 << shift) >> 1
        for value in (*range(-3, 4), *ends, *(rng.getrandbits(8) for _ in range(4))):
            near = (value << shift) + half
            totals += [near - half, near - 1, near, near + 1]
            # One bit far below the half, or all of them.
            totals += [near + (1 << rng.randrange(shift + 1)), (value + 1 << shift) - 1]
        totals += [corner(rng, width) for _ in range(10)]
        totals += [rng.randrange(-(1 << n), 1 << n) for n in range(width)]
        if shift == 0:
            # Activations, and what differs from one in a single bit of those beyond.
            bits = params["act_width"]
            near = [rng.randrange(-(1 << bits - 1), 1 << bits - 1) for _ in range(2 * width)]
            totals += near + [total ^ 1 << n % width for n, total in enumerate(near)]
        await check(dut, shift, relu, [t for t in totals if least <= t <= most])


@cocotb.test()
async def a_sum_a_cycle(dut):
    """Neighbours don't touch each other: large next to small ones, of either sign."""
    params = manifest().parameters
    rng, width = Bench(dut).rng, params["acc_width"]
    for _ in range(10):
        shift, relu = rng.choice([0, 1, rng.randrange(64)]), rng.randrange(2)
        await check(dut, shift, relu, [corner(rng, width) for _ in range(60)])
