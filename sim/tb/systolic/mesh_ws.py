"""Testbench of the weight-stationary mesh, and so of its tiles."""

import cocotb
import numpy as np

from ...golden import formats
from ...golden.systolic.mesh_ws import mesh_ws
from ...lib.bench import Bench, manifest
from ...lib.trace import play, skewed
from ._stationary import check_words


def draw(bench, fmt, shape, pattern):
    if pattern == "random":
        return bench.random.integers(fmt.lowest, fmt.highest + 1, shape)
    return bench.random.choice([fmt.lowest, fmt.highest], shape)


async def check(bench, gaps, pattern):
    """A set of weights after the other; ``gaps`` are the cycles that each waits to come into use.

    A set is loaded from the very cycle in which the one before it begins to come into use, as
    the loader does: register *n* of a column takes part from the set's step *n* on.
    """
    params = manifest().parameters
    rows, cols, pipeline = params["rows"], params["cols"], params["pipeline"]
    a, w = formats.get(params["a_format"]), formats.get(params["w_format"])
    swaps = rows + np.cumsum([0, *(rows + gap for gap in gaps)])
    length = int(swaps[-1]) + 4 * rows
    sets = draw(bench, w, (len(swaps), rows, cols), pattern)
    acts = draw(bench, a, (length, rows), pattern)
    shift, swap = np.zeros((length, rows), int), np.zeros((length, rows), int)
    weights = draw(bench, w, (length, cols), pattern)
    used = np.zeros(length, int)
    for number, (start, begin) in enumerate(zip(swaps, [0, *swaps], strict=False)):
        for step in range(rows):
            weights[begin + step] = sets[number, rows - 1 - step]
            shift[begin + step, : step + 1] = 1
        swap[start, 0] = 1
        used[start + (pipeline < 2) :] = number
    padding = rows + cols + pipeline
    inputs = {
        "acts": skewed(np.pad(acts, ((0, padding), (0, 0)))),
        "weights": skewed(np.pad(weights, ((0, padding), (0, 0)))),
        "shift": np.pad(shift, ((0, padding), (0, 0))),
        "swap": skewed(np.pad(np.repeat(swap[:, :1], rows, axis=1), ((0, padding), (0, 0)))),
    }
    await bench.reset()
    trace = await play(bench, inputs)
    psums = mesh_ws(acts, sets[used], psum_width=params["psum_width"])
    check_words(trace, psums, np.arange(length) > rows)  # from the first weights on


@cocotb.test()
@cocotb.parametrize(pattern=["extremes", "random"])
async def as_fast_as_it_goes(dut, pattern):
    """New weights every ``rows`` cycles, with never a cycle without activations."""
    await check(Bench(dut), [0] * 12, pattern)


@cocotb.test()
@cocotb.parametrize(pattern=["extremes", "random"])
async def weights_that_wait(dut, pattern):
    """Weights that stay for random times, while the next ones are loaded and wait."""
    bench = Bench(dut)
    await check(bench, bench.random.integers(0, 12, 12), pattern)
