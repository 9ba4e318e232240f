"""Testbench of the element of the weight-stationary array with sums in binary32."""

import cocotb
import numpy as np

from ...golden import formats
from ...golden.float.pe_float import pe_float
from ...lib.bench import Bench, manifest
from ...lib.float_codes import FloatCodes
from ...lib.trace import late, play
from ..systolic._stationary import RATES


async def check(bench, draw, *, moves, length=500):
    """Codes that ``draw`` makes of a :class:`FloatCodes`; ``moves`` is how often weights do."""
    params = manifest().parameters
    mantissas = [
        formats.small_float.layout(params[f"{side}_format"]).mantissa for side in ("a", "w")
    ]
    codes = dict(zip(("acts", "weights", "psums"), (*mantissas, 23), strict=True))
    codes = {name: FloatCodes(bench.rng, 8, width) for name, width in codes.items()}
    inputs = {name: np.array([draw(each) for _ in range(length)]) for name, each in codes.items()}
    inputs |= {
        name: (bench.random.random(length) < moves).astype(int) for name in ("shift", "swap")
    }
    inputs["shift"][0] = inputs["swap"][1] = 1
    await bench.reset()
    trace = await play(bench, inputs)
    shadow, sums = pe_float(
        **inputs, a_mantissa=mantissas[0], w_mantissa=mantissas[1], pipeline=params["pipeline"]
    )
    for port in ("acts", "shift", "swap"):
        trace.check(f"{port}_o", late(inputs[port], 1), np.arange(length) >= 1)
    trace.check("weights_o", shadow, np.arange(length) >= 1)
    trace.check("psums_o", sums, np.arange(length) >= 8)


@cocotb.test()
@cocotb.parametrize(moves=RATES)
async def specials(dut, moves):
    """Zeros, subnormal numbers, limits, infinities and NaNs among numbers around 1."""
    bench = Bench(dut)

    def draw(codes):
        return bench.rng.choice(codes.specials())

    await check(bench, draw, moves=moves)


@cocotb.test()
@cocotb.parametrize(moves=RATES)
async def close_numbers(dut, moves):
    """Products and sums around 1, so that neither is lost; weights move more or less often."""
    bench = Bench(dut)

    def draw(codes):
        field, fraction = bench.rng.randint(118, 136), bench.rng.getrandbits(codes.fraction)
        return codes.code(bench.rng.getrandbits(1), field, fraction)

    await check(bench, draw, moves=moves, length=1000)


@cocotb.test()
async def random(dut):
    """Any codes."""
    await check(Bench(dut), FloatCodes.random, moves=0.5)
