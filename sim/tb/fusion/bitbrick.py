"""Testbench of the two-bit multiplier."""

import itertools

import cocotb
import numpy as np

from ...lib.bench import Bench
from ...lib.trace import play


@cocotb.test()
async def every_input(dut):
    """All 64."""
    bench = Bench(dut)
    tried = list(itertools.product(range(4), range(4), (0, 1), (0, 1)))
    bench.rng.shuffle(tried)
    x, y, x_signed, y_signed = np.array(tried).T
    await bench.reset()
    trace = await play(bench, {"x": x, "y": y, "x_signed": x_signed, "y_signed": y_signed})
    trace.check("o", (x - 4 * (x_signed & (x > 1))) * (y - 4 * (y_signed & (y > 1))))
    assert trace.checks == 64
