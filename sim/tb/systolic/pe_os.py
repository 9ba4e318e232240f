"""Testbench of the element of the output-stationary array."""

import cocotb
import numpy as np

from ...golden import formats
from ...golden.systolic.pe_os import pe_os
from ...lib.bench import Bench, manifest
from ...lib.trace import late, play


async def check(bench, acts, weights, ends):
    """Sums of the operands, which end where ``ends`` says; every pair of operands counts."""
    params = manifest().parameters
    length = len(acts)
    # Neither flag has a meaning in the cycles before the first sum.
    first = late(late(ends, 1, 1), params["pipeline"], 0)
    done = late(ends, params["pipeline"] + 1, 0)
    inputs = {"acts": acts, "weights": weights, "first": first, "done": done}
    await bench.reset()
    trace = await play(bench, inputs)
    overflow = {name: params[name] for name in ("acc_width", "overflow", "pipeline")}
    for port in ("acts", "weights", "first", "done"):
        trace.check(f"{port}_o", late(inputs[port], 1), np.arange(length) >= 1)
    trace.check("sums", pe_os(**inputs, **overflow))


def operands(bench, length, pattern):
    """Activations and weights: random, or limits that stay for a while so that sums get far."""
    params = manifest().parameters
    draw = bench.random
    values = []
    for name in ("a_format", "w_format"):
        fmt = formats.get(params[name])
        if pattern == "random":
            values.append(draw.integers(fmt.lowest, fmt.highest + 1, length))
        else:
            change = np.cumsum(draw.random(length) < 0.05)
            values.append(np.array([fmt.lowest, fmt.highest])[(change + draw.integers(0, 2)) % 2])
    return values


def steps_to_limit():
    """Products that take a sum to its limits, or a few where that takes too long."""
    params = manifest().parameters
    a, w = formats.get(params["a_format"]), formats.get(params["w_format"])
    largest = max(abs(x * y) for x in (a.lowest, a.highest) for y in (w.lowest, w.highest))
    return min((1 << (params["acc_width"] - 1)) // largest + 2, 300)


@cocotb.test()
@cocotb.parametrize(pattern=["random", "limits"])
async def sums_of_many_lengths(dut, pattern):
    """Sums of one product, of some, and of so many that they reach their limits."""
    bench = Bench(dut)
    draw = bench.random
    lengths = [*draw.integers(1, 9, 30), *draw.integers(1, 2 * steps_to_limit() + 2, 20)]
    ends = np.zeros(sum(lengths) + 5, int)
    ends[np.cumsum(lengths) - 1] = 1
    await check(bench, *operands(bench, len(ends), pattern), ends)


@cocotb.test()
async def limits(dut):
    """To either limit, one product beyond it, and back."""
    bench = Bench(dut)
    params = manifest().parameters
    a, w = formats.get(params["a_format"]), formats.get(params["w_format"])
    corners = [(x, y) for x in (a.lowest, a.highest) for y in (w.lowest, w.highest)]
    up, down = max(corners, key=np.prod), min(corners, key=np.prod)
    steps = steps_to_limit()
    pairs, ends = [], []
    for there, back in ((up, down), (down, up)):
        for beyond in (steps - 2, steps - 1, steps, 2 * steps):
            run = [there] * max(1, beyond) + [back] * 2
            pairs += run
            ends += [0] * (len(run) - 1) + [1]
    pairs, ends = pairs + [(0, 0)] * 4, ends + [0] * 4
    await check(bench, *np.array(pairs).T, np.array(ends))


@cocotb.test()
async def one_product_each(dut):
    """A sum begins and ends in every cycle."""
    bench = Bench(dut)
    await check(bench, *operands(bench, 60, "limits"), np.ones(60, int))
