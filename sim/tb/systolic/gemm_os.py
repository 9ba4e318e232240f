"""Testbench of the output-stationary engine."""

import cocotb
import numpy as np

from ...golden.engine import sums_in_floats
from ...lib.gemm_host import Host
from ...lib.streams import waits
from ._engine import *  # noqa: F403  (cocotb runs what it finds here)
from .mesh_os import latency as mesh_latency

SHAPE = ("rows", "cols", "tile_rows", "tile_cols")


def sums_per_pe(host):
    """Words of activations that meet a word of weights."""
    return 3 if sums_in_floats(host.manifest) else 1


def adder_delay(host):
    """Cycles from a word's step to its product in the first PE's adder."""
    pipeline = host.manifest.parameters["pipeline"]
    return max(1, pipeline + (pipeline == 1)) if sums_in_floats(host.manifest) else pipeline


@cocotb.test()
async def latency_and_throughput(dut):
    """The first results a fixed time after a tile's last operands, the others in the next cycles;
    and a pair of operand words a cycle, over the tiles' borders too.

    Where several words of activations meet a word of weights, all but the first of these are
    accepted while the one before is in use.
    """
    host = Host(dut)
    sums, height = sums_per_pe(host), host.depth
    assert host.manifest.derived["sums_per_pe"] == sums
    interval = host.cols + host.latency - 1 if "channels" in host.streams else 1
    # More rows than there are places for results, or one that is missing would not be missed.
    many = max(5, -(-3 * (2 * height + host.cols + 20) // height))
    for k, tiles in [(1, 1), (host.rows, 1), (max(host.rows, interval), many)]:
        k = min(k, host.max_k)
        for late in ("acts", "weights"):
            # Everything else is there when the stream begins, so nothing waits.
            wait = {late: waits(3 * (host.rows + host.cols) + 60)}
            await host.run([host.product(height, k, tiles * host.cols)], wait)
            operands = np.array(host.seen[late].accepted)
            latency = host.manifest.timing[f"last_{late}_to_first_result"]
            words = len(operands) // tiles
            terms = words // sums if late == "acts" else words
            if late == "weights":
                operands[1:] += sums - 1
            offered = np.reshape(host.seen["results"].offered, (tiles, height))
            if tiles == 1 or terms >= max(host.rows, interval):
                came = offered[:, 0] - operands[words - 1 :: words]
                assert (came == latency).all(), f"{came} cycles instead of {latency}"
                apart = 1 if late == "acts" else sums
                assert (np.diff(operands) == apart).all(), "operands had to wait"
            assert (np.diff(offered, axis=1) == 1).all(), "rows of results were apart"


@cocotb.test()
async def short_tiles_end_as_close_as_they_may(dut):
    """Tiles end as many cycles apart as they have rows, or as the channel values need."""
    host = Host(dut)
    interval = host.cols + host.latency - 1 if "channels" in host.streams else 1
    product = host.product(host.depth, 1, 12 * host.cols)
    await host.run([product])
    terms = len(host.seen["acts"].accepted) // 12
    expected = max(terms, host.depth, interval)
    first = host.seen["results"].offered[:: host.depth]
    # Before the first few the operands of the next tiles are already there.
    assert (np.diff(first) == expected).all(), f"{np.diff(first)} instead of {expected}"


@cocotb.test()
async def places_for_results(dut):
    """Tiles end until their results fill the queue, and no further."""
    host = Host(dut)
    shape = {name: host.manifest.parameters[name] for name in SHAPE}
    height = host.depth
    places = 2 * height + host.cols + host.latency + mesh_latency(**shape) + adder_delay(host) + 6
    for m in {1, height}:
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
