"""Testbench of the weight-stationary engine."""

import cocotb
import numpy as np

from ...lib.gemm_host import Host
from ...lib.streams import sparse, waits
from ._engine import *  # noqa: F403  (cocotb runs what it finds here)


@cocotb.test()
async def latency_and_throughput(dut):
    """A row of results a fixed time after its activations, and a row of activations a cycle."""
    host = Host(dut)
    latency = host.manifest.timing["acts_to_results"]
    least = host.manifest.timing["tile_interval"]
    assert host.manifest.timing["rows_of_acts_per_cycle"] == 1
    shapes = [(1, 1), (min(host.depth, 2 * host.rows + 3), host.rows)]
    if host.depth >= host.rows:
        # As many rows as it takes to load the next tile's weights.
        shapes += [(host.rows, 2 * host.rows), (min(host.depth, 2 * host.rows), 7 * host.rows)]
    for m, k in shapes:
        # Everything else is there when the activations begin, so nothing waits.
        wait = waits(4 * host.rows + 2 * host.cols + 60)
        product = host.product(m, k, host.cols)
        if product.k_tiles * len(product.passes) > 1 and m < least:
            # Numbers that are read half by half: the second tile's weights take longer to load.
            continue
        await host.run([product], {"acts": wait})
        acts, results = host.seen["acts"], host.seen["results"]
        late = np.subtract(results.offered, acts.accepted[-m:])
        assert (late == latency).all(), f"results came {late} cycles later instead of {latency}"
        assert (np.diff(acts.accepted) == 1).all(), "activations had to wait"


@cocotb.test()
async def runs_follow_without_a_gap(dut):
    """From run to run the activations wait only as long as weights or channel values have to."""
    host = Host(dut)
    interval = host.manifest.timing["run_interval"]
    least = host.manifest.timing["tile_interval"]
    m = max(least, interval)
    if m > host.depth:
        cocotb.log.info("runs of %d rows are too short to follow without a gap", host.depth)
        m = host.depth
    # More rows than there are places for results, or one that is missing would not be missed.
    runs = max(5, -(-3 * (host.rows + host.cols + 20) // m))
    product = host.product(m, host.rows, runs * host.cols)
    await host.run([product])
    tiles = len(product.passes)
    # The first rows come before the first tile can begin, two of them into the queue.
    starts = host.seen["acts"].accepted[2 * tiles * m :: tiles * m]
    expected = max(tiles * max(m, least), interval)
    assert (np.diff(starts) == expected).all(), f"{np.diff(starts)} instead of {expected}"


@cocotb.test()
async def short_tiles_with_late_rows(dut):
    """Rows that come in bursts, each with the end of a tile and the beginning of the next.

    The next tile's weights have been loaded by then, so that nothing but the sequencing keeps
    the visits of an accumulator apart.
    """
    host = Host(dut)
    for m in range(1, min(host.depth, 6) + 1):
        bursts = sparse(m + 1, 3 * host.rows + 10)
        await host.run([host.product(m, 8 * host.rows, host.cols)], {"acts": bursts}, slack=8)
