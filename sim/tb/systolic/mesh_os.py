"""Testbench of the output-stationary mesh, and so of its tiles."""

import cocotb
import numpy as np

from ...golden import formats
from ...golden.gemm import gemm
from ...lib.bench import Bench, manifest
from ...lib.trace import late, play, skewed


def latency(rows, cols, tile_rows, tile_cols):
    """Cycles from ``done`` to the sum: a register at each level of tiles, and one where the
    uppermost tiles are several in a column. A level is 4 × 4 times as large as the one below."""
    level = 1
    while rows > tile_rows * 4**level or cols > tile_cols * 4**level:
        level += 1
    return level + (rows > tile_rows * 4 ** (level - 1))


async def check(bench, lengths, gaps, pattern):
    """Sums of so many terms, and after each so many cycles without any; all begin at once.

    Outside its cycle no sum leaves: then the outputs are zero.
    """
    params = manifest().parameters
    shape = {name: params[name] for name in ("rows", "cols", "tile_rows", "tile_cols")}
    rows, cols, pipeline = params["rows"], params["cols"], params["pipeline"]
    a, w = formats.get(params["a_format"]), formats.get(params["w_format"])
    tail = 2 * rows + cols + pipeline + latency(**shape) + 4
    total = sum(lengths) + sum(gaps) + tail
    acts, weights = np.zeros((total, rows), int), np.zeros((total, cols), int)
    first, done = np.zeros(total, int), np.zeros(total, int)
    sums = np.zeros((total, cols), np.int64)
    draw = bench.random

    def operands(fmt, shape):
        if pattern == "random":
            return draw.integers(fmt.lowest, fmt.highest + 1, shape)
        if pattern == "extremes":
            return draw.choice([fmt.lowest, fmt.highest], shape)
        # Limits that stay, so that sums get far, with a change now and then.
        change = np.cumsum(draw.random(shape) < 0.05, axis=0) + draw.integers(0, 2, shape[1:])
        return np.array([fmt.lowest, fmt.highest])[change % 2]

    at = 0
    for length, gap in zip(lengths, gaps, strict=True):
        terms = slice(at, at + length)
        acts[terms], weights[terms] = operands(a, (length, rows)), operands(w, (length, cols))
        first[at] = 1
        at += length
        done[at - 1] = 1
        # Zeros on one side leave the sums alone.
        pause = slice(at, at + gap)
        if draw.integers(0, 2):
            acts[pause] = operands(a, (gap, rows))
        else:
            weights[pause] = operands(w, (gap, cols))
        at += gap
        product = gemm(
            acts[terms].T,
            weights[terms],
            acc_width=params["acc_width"],
            overflow=params["overflow"],
            terms_per_step=1,
        )
        # Row n of the array puts its sum out n cycles after row 0.
        sums[terms.stop - 1 : terms.stop - 1 + rows] = product
    inputs = {
        "acts": skewed(acts),
        "weights": skewed(weights),
        "first": skewed(np.repeat(late(first, pipeline)[:, None], rows, axis=1)),
        "done": skewed(np.repeat(late(done, pipeline + 1)[:, None], rows, axis=1)),
    }
    for port in (bench.dut.first, bench.dut.done):
        port.value = 0
    await bench.reset()
    trace = await play(bench, inputs)
    delay = pipeline + 1 + latency(**shape)
    # Flags of before are ahead of these, in each column.
    checked = np.repeat((np.arange(total) >= latency(**shape))[:, None], cols, axis=1)
    trace.check("sums", late(skewed(sums), delay), skewed(checked))


def lengths(bench, count):
    """Numbers of terms, at least as many as the rows, as that many cycles the sums take out."""
    rows = manifest().parameters["rows"]
    return [rows + int(more) for more in bench.random.integers(0, 10, count)]


@cocotb.test()
@cocotb.parametrize(pattern=["extremes", "random", "limits"])
async def without_a_gap(dut, pattern):
    """One product after the other, a term a cycle, as short as they may be and longer."""
    bench = Bench(dut)
    terms = [manifest().parameters["rows"]] * 4 + lengths(bench, 12)
    await check(bench, [*terms, 60, 200], [0] * (len(terms) + 2), pattern)


@cocotb.test()
@cocotb.parametrize(pattern=["extremes", "random", "limits"])
async def with_gaps(dut, pattern):
    """Cycles without a term, in which one operand is zero and the other is not."""
    bench = Bench(dut)
    terms = lengths(bench, 12)
    await check(bench, terms, [int(gap) for gap in bench.random.integers(0, 6, 12)], pattern)


@cocotb.test()
async def single_terms(dut):
    """Sums of one term, ``rows`` cycles apart."""
    bench = Bench(dut)
    rows = manifest().parameters["rows"]
    await check(bench, [1] * 10, [rows - 1 + n % 2 for n in range(10)], "extremes")
