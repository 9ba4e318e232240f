"""Testbench of the group of elements of the N:M-sparse array."""

import cocotb

from ...golden.sparse.pe_nm import pe_nm
from ...lib.bench import Bench, manifest
from ..systolic._stationary import RATES, try_extremes, try_random
from ._pe_group import check_group


async def check(bench, **drawn):
    params = manifest().parameters

    def golden(*inputs):
        options = {name: params[name] for name in ("psum_width", "pipeline")}
        return *pe_nm(*inputs, **options, skewed=params["group_sum"] == "skew"), True

    choices = params["group_lanes"] - params["group_rows"] + 1
    await check_group(bench, golden, words=params["group_rows"], choices=choices, **drawn)


@cocotb.test()
async def extremes(dut):
    """See :func:`try_extremes`."""
    await try_extremes(Bench(dut), check)


@cocotb.test()
@cocotb.parametrize(moves=RATES)
async def random(dut, moves):
    """Random operands; weights that move seldom, often and in every cycle."""
    await try_random(Bench(dut), check, moves)
