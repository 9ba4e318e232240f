"""Testbench of the delay."""

import cocotb

from ...lib.bench import Bench, manifest
from ...lib.trace import play


@cocotb.test()
async def words(dut):
    """Words come out as they went in, exactly as late, one a cycle."""
    bench = Bench(dut)
    width, cycles = (manifest().parameters[name] for name in ("width", "cycles"))
    length = 3 * cycles + 200
    inputs = [bench.rng.getrandbits(width) for _ in range(length)]
    inputs[:3] = [(1 << width) - 1, 0, (1 << width) - 1]
    await bench.reset()
    trace = await play(bench, {"i": inputs})
    expected = [0] * cycles + inputs[: length - cycles]
    trace.check("o", expected, [cycle >= cycles for cycle in range(length)])


@cocotb.test()
async def reset(dut):
    """Flags begin with zeros, whatever was on its way."""
    bench = Bench(dut)
    params = manifest().parameters
    ones = (1 << params["width"]) - 1
    dut.i.value = ones
    await bench.reset()
    for _ in range(params["cycles"] + 2):
        await bench.tick()
    dut.i.value = 0
    await bench.reset()
    trace = await play(bench, {"i": [ones] * (params["cycles"] + 5)})
    expected = [0] * params["cycles"] + [ones] * 5
    flags = params["content"] == "flags"
    trace.check("o", expected, [flags or value > 0 for value in expected])
