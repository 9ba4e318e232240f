"""Testbench of the engine of one-bit products: what every engine has to pass, and its modes."""

import cocotb

from ...lib.gemm_host import Host
from ..systolic._engine import *  # noqa: F403  (cocotb runs what it finds here)


@cocotb.test()
async def every_mode(dut):
    """Products of the limits and of random operands in each mode of both sides, back to back."""
    host = Host(dut)
    sides = [[mode for mode, _ in host.model.side_modes(side)] for side in "aw"]
    shape = (2, host.model.plan(1, 1, 1).tile_terms + 1, host.cols)
    await host.run(
        [
            host.product(*shape, values, sides[0][a] | sides[1][(a * step) % len(sides[1])])
            for values, step in (("extremes", 1), ("random", 3))
            for a in range(len(sides[0]))
        ]
    )


@cocotb.test()
async def every_count(dut):
    """Sums of each number of equal or set bits, of K from 1 term to more than a tile."""
    host = Host(dut)
    terms = host.model.plan(1, 1, 1).tile_terms
    native = host.model.example_modes()[0]
    await host.run(
        [
            host.product(1, k, 2, values, native)
            for k in sorted({1, 2, 3, terms - 1, terms, terms + 1, 2 * terms + 1})
            for values in ("runs", "lowest*lowest", "lowest*highest", "highest*highest")
            if k > 0
        ]
    )
