"""Testbench of the output-stationary engine."""

import cocotb
import numpy as np

from ...lib.gemm_host import Host
from ...lib.streams import waits
from ._engine import *  # noqa: F403  (cocotb runs what it finds here)
from .mesh_os import latency as mesh_latency

SHAPE = ("rows", "cols", "tile_rows", "tile_cols")


@cocotb.test()
async def latency_and_throughput(dut):
    """The first results a fixed time after a tile's last operands, the others in the next cycles;
    and a pair of operand words a cycle, over the tiles' borders too."""
    host = Host(dut)
    assert host.manifest.timing["terms_per_cycle"] == 1
    interval = host.cols + host.latency - 1 if host.latency else 1
    # More rows than there are places for results, or one that is missing would not be missed.
    many = max(5, -(-3 * (2 * host.rows + host.cols + 20) // host.rows))
    for k, tiles in [(1, 1), (host.rows, 1), (max(host.rows, interval), many)]:
        k = min(k, host.max_k)
        for late in ("acts", "weights"):
            # Everything else is there when the stream begins, so nothing waits.
            wait = {late: waits(3 * (host.rows + host.cols) + 60)}
            await host.run([host.product(host.rows, k, tiles * host.cols)], wait)
            operands = host.seen[late].accepted
            latency = host.manifest.timing[f"last_{late}_to_first_result"]
            terms = len(operands) // tiles
            offered = np.reshape(host.seen["results"].offered, (tiles, host.rows))
            if tiles == 1 or terms >= max(host.rows, interval):
                came = offered[:, 0] - operands[terms - 1 :: terms]
                assert (came == latency).all(), f"{came} cycles instead of {latency}"
                assert (np.diff(operands) == 1).all(), "operands had to wait"
            assert (np.diff(offered, axis=1) == 1).all(), "rows of results were apart"


@cocotb.test()
async def short_tiles_end_as_close_as_they_may(dut):
    """Tiles end ``rows`` cycles apart, or as many as the channel values need."""
    host = Host(dut)
    interval = host.cols + host.latency - 1 if host.latency else 1
    product = host.product(host.rows, 1, 12 * host.cols)
    await host.run([product])
    terms = len(host.seen["acts"].accepted) // 12
    expected = max(terms, host.rows, interval)
    first = host.seen["results"].offered[:: host.rows]
    # Before the first few the operands of the next tiles are already there.
    assert (np.diff(first) == expected).all(), f"{np.diff(first)} instead of {expected}"


@cocotb.test()
async def places_for_results(dut):
    """Tiles end until their results fill the queue, and no further."""
    host = Host(dut)
    shape = {name: host.manifest.parameters[name] for name in SHAPE}
    pipeline, rows = host.manifest.parameters["pipeline"], host.rows
    places = 2 * rows + host.cols + host.latency + mesh_latency(**shape) + pipeline + 6
    for m in {1, rows}:
        ended = places // m
        product = host.product(m, 1, (ended + 4) * host.cols)
        blocked = [True]
        await host.start([product], {"results": lambda blocked=blocked: blocked[0]})
        await host.stand_still(20 * host.cycle_bound + 2000)
        # The last pass of the next tile waits, and the queue of tiles has room for two.
        passes = len(product.passes)
        tiles, wanted = host.seen["tiles"].count, (ended + 1) * passes + 1
        assert tiles == wanted, f"{tiles} tiles were accepted instead of {wanted}"
        blocked[0] = False
        await host.finish(20 * host.cycle_bound + 2000)
