"""Testbench of the group of dense weights with outliers."""

import cocotb

from ...golden import formats
from ...golden.sparse.gemm_outlier import Group
from ...golden.sparse.pe_outlier import pe_outlier
from ...lib.bench import Bench, manifest
from ..systolic._stationary import RATES, try_extremes, try_random
from ._pe_group import check_group


async def check(bench, **drawn):
    params = manifest().parameters
    bits = formats.get(params["w_format"]).bits
    group = Group(bits, params["group_lanes"], params["outlier_rows"])

    def golden(acts, shift, swap, weights, indices, psums):
        options = {name: params[name] for name in ("psum_width", "pipeline")}
        inputs = acts, shift, swap, weights, psums
        moved, totals, valid = pe_outlier(*inputs, group=group, **options)
        return moved, indices, totals, valid

    await check_group(bench, golden, words=group.words, choices=1, **drawn)


@cocotb.test()
async def extremes(dut):
    """See :func:`try_extremes`."""
    await try_extremes(Bench(dut), check)


@cocotb.test()
@cocotb.parametrize(moves=RATES)
async def random(dut, moves):
    """Random operands; weights that move seldom, often and in every cycle."""
    await try_random(Bench(dut), check, moves)
