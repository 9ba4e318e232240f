"""Testbench of the engine of one-bit products: what every engine has to pass, and its modes."""

import cocotb
import numpy as np

from ...lib.gemm_host import Host
from ...lib.streams import waits
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
async def cycles_of_the_formula(dut):
    """As many cycles as the host's model says."""
    host = Host(dut)
    terms = host.model.plan(1, 1, 1).tile_terms
    for m, k, n in [
        (1, 1, 1),
        (min(host.depth, host.rows + 2), 3 * terms, host.cols),
        (2, terms + 1, 3 * host.cols),
        (2 * host.depth, terms, 2 * host.cols),
    ]:
        for modes in host.model.example_modes():
            job = host.product(m, k, n, "random", modes)
            await host.run([job])
            assert host.cycles == job.cycles, f"{m} × {k} × {n} in {modes}"


@cocotb.test()
async def latency_and_throughput(dut):
    """A row of results a fixed time after its activations, and a row of activations a cycle."""
    host = Host(dut)
    latency, native = host.manifest.timing["acts_to_results"], host.model.example_modes()[0]
    assert host.manifest.timing["rows_of_acts_per_cycle"] == 1
    for m in (1, min(host.depth, 2 * host.rows + 3)):
        # Everything else is there when the activations begin, so nothing waits.
        wait = waits(4 * host.rows + 2 * host.cols + 60)
        terms = host.model.plan(1, 1, 1).tile_terms
        job = host.product(m, terms, host.cols, "random", native)
        await host.run([job], {"acts": wait})
        acts, results = host.seen["acts"].accepted, host.seen["results"].offered
        late = np.subtract(results, acts[-m:])
        assert (late == latency).all(), f"results came {late} cycles later instead of {latency}"
        assert (np.diff(acts) == 1).all(), "activations had to wait"


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
