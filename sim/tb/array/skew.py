"""Testbench of the skew."""

import cocotb
import numpy as np

from ...lib.bench import Bench, manifest
from ...lib.trace import play


@cocotb.test()
async def lanes(dut):
    """Every lane is exactly as late as its number and the step say, a word a cycle."""
    bench = Bench(dut)
    params = manifest().parameters
    count, width = params["lanes"], params["width"]
    delays = [lane * params["step"] for lane in range(count)]
    delays = delays[::-1] if params["backwards"] else delays
    length = 3 * delays[0] + 3 * delays[-1] + 150
    words = [[bench.rng.getrandbits(width) for _ in range(count)] for _ in range(length)]
    words[:2] = [[0] * count, [(1 << width) - 1] * count]
    await bench.reset()
    trace = await play(bench, {"i": np.array(words, object)})
    expected = [
        [words[max(0, cycle - delay)][lane] for lane, delay in enumerate(delays)]
        for cycle in range(length)
    ]
    checked = [[cycle >= delay for delay in delays] for cycle in range(length)]
    trace.check("o", np.array(expected, object), np.array(checked))
