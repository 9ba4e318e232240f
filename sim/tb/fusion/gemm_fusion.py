"""Testbench of BitFusion's engine."""

import itertools

import cocotb
import numpy as np

from ...lib.gemm_host import Host
from ...lib.streams import sparse, waits
from ..systolic._engine import *  # noqa: F403  (cocotb runs what it finds here)


def every_mode(widths=(2, 4, 8, 16)):
    for a_bits, w_bits, a_signed, w_signed in itertools.product(widths, widths, (0, 1), (0, 1)):
        yield dict(a_bits=a_bits, w_bits=w_bits, a_signed=a_signed, w_signed=w_signed)


@cocotb.test()
async def modes_one_after_the_other(dut):
    """Every mode after every other kind of mode, with runs that are short and ragged."""
    host = Host(dut)
    modes = list(every_mode())
    host.bench.rng.shuffle(modes)
    await host.run(
        [
            host.product(
                1 + n % 3, 1 + n % (20 * host.rows), host.cols, ("random", "extremes")[n % 2], mode
            )
            for n, mode in enumerate(modes)
        ]
    )


@cocotb.test()
async def throughput(dut):
    """A row of activations a cycle in every mode, however many products that is."""
    host = Host(dut)
    m = min(host.depth, 40)
    for modes in every_mode((2, 4, 8)):
        wait = {"acts": waits(6 * host.rows + 2 * host.cols + 100)}
        terms = 64 // (modes["a_bits"] * modes["w_bits"])
        k = 5 * host.rows * terms
        await host.run([host.product(m, k, host.cols, modes=modes)], wait)
        offered = host.seen["results"].offered
        assert (np.diff(offered) == 1).all(), "results were apart"
        words = -(-m // (modes["w_bits"] // 2))
        assert len(host.seen["acts"].accepted) == 5 * words
        if m >= host.rows:
            span = host.seen["acts"].accepted[-1] - host.seen["acts"].accepted[0]
            assert span <= 5 * m, f"{span} cycles for 5 tiles of {m} rows"


@cocotb.test()
async def latency(dut):
    """Results a fixed time after their activations."""
    host = Host(dut)
    expected = host.manifest.timing["acts_to_results"]
    modes = {"a_bits": 8, "w_bits": 2}  # a word for each row
    m = min(host.depth, 2 * host.rows + 3)
    wait = {"acts": waits(6 * host.rows + 2 * host.cols + 100)}
    await host.run([host.product(m, 1, host.cols, modes=modes)], wait)
    late = np.subtract(host.seen["results"].offered, host.seen["acts"].accepted[-m:])
    assert (late == expected).all(), f"{late} cycles instead of {expected}"


@cocotb.test()
async def switching(dut):
    """From one mode to another the results wait as long as is promised, and else not at all."""
    host = Host(dut)
    promised = host.manifest.timing["mode_switch"]
    interval = host.cols + host.latency - 1 if host.latency else 1
    m = min(host.depth, 2 * host.rows + interval)
    signs = (0, 1, 0, 1, 1, 0)
    modes = [dict(a_bits=8, w_bits=2, a_signed=sign, w_signed=1) for sign in signs]
    wait = {"acts": waits(20 * host.rows + 2 * host.cols + 100)}
    await host.run([host.product(m, 1, host.cols, modes=mode) for mode in modes], wait)
    offered = np.array(host.seen["results"].offered)
    gaps = offered[m::m] - offered[m - 1 : -1 : m]
    for gap, (before, after) in zip(gaps, itertools.pairwise(signs), strict=True):
        # Short runs wait for their weights or channel values, or for the accumulator's row.
        most = max(1, max(interval, host.rows) - m + 1, 4 - m if host.rows > 1 else 1)
        right = gap == promised if before != after else gap <= most
        assert right, f"{gap} cycles from sign {before} to {after}"


@cocotb.test()
async def short_tiles_with_late_rows(dut):
    """Rows that come in bursts, each with the end of a tile and the beginning of the next."""
    host = Host(dut)
    modes = {"a_bits": 8, "w_bits": 2}  # a word for each row
    for m in range(1, min(host.depth, 6) + 1):
        bursts = sparse(m + 1, 3 * host.rows + 10)
        product = host.product(m, 120 * host.rows, host.cols, modes=modes)
        await host.run([product], {"acts": bursts}, slack=8)


@cocotb.test()
async def tiles_of_one_row(dut):
    """Tiles come one a cycle where the array has one row, and weights keep up with them."""
    host = Host(dut)
    for modes in every_mode((2, 8)):
        await host.run([host.product(1, 200 * host.rows, host.cols, modes=modes)])
        assert host.cycles <= host.cycle_bound, f"{host.cycles} cycles, {host.cycle_bound} allowed"
