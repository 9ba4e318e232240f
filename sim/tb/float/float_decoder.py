"""Testbench of the decoder of small floats, and of a bank of them."""

import os

import cocotb
import numpy as np

from ...golden.float.float_decoder import float_decoder
from ...lib.bench import Bench, manifest
from ...lib.trace import play

# Outside a simulation, where a module is only looked at, there is no manifest.
DESIGN = manifest().design if "BRICKWORK_MANIFEST" in os.environ else ""


@cocotb.test(skip=DESIGN != "float_decoder")
async def every_code(dut):
    """Every code: zeros and subnormals of both signs, infinities, all NaNs."""
    bench, format = Bench(dut), manifest().parameters["format"]
    codes = np.arange(1 << len(dut.code))
    await bench.reset()
    trace = await play(bench, {"code": codes})
    trace.check("o", float_decoder(codes, format))


@cocotb.test(skip=DESIGN != "float_decoder_bank")
async def every_lane(dut):
    """Every code of up to 16 bits in every lane, beside other ones."""
    bench, params = Bench(dut), manifest().parameters
    bits = len(dut.i) // params["lanes"]
    codes = np.stack([bench.random.permutation(1 << bits) for _ in range(params["lanes"])], axis=1)
    await bench.reset()
    trace = await play(bench, {"i": codes})
    trace.check("o", float_decoder(codes, params["format"]))
