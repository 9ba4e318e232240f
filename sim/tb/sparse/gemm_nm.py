"""Testbench of the N:M-sparse engine: that of the dense one, with weights of every pattern."""

import cocotb
import numpy as np

from ...golden import formats
from ...lib.gemm_host import Host
from ..systolic.gemm_ws import *  # noqa: F403  (cocotb runs what it finds here)


@cocotb.test()
async def patterns(dut):
    """The pattern changes from product to product, with none of them waiting."""
    host = Host(dut)
    names = host.model.patterns
    shape = (min(host.depth, 2 * host.rows), 5 * host.rows, 2 * host.cols)
    jobs = [
        host.product(*shape, values, {"pattern": name})
        for values in ("extremes", "random")
        for name in (*names, *names[::-1])
    ]
    await host.run(jobs)


@cocotb.test()
async def every_index(dut):
    """A single weight in each column, for each lane of the array, at each row of its group."""
    host = Host(dut)
    params, random = host.manifest.parameters, host.bench.random
    lanes, group_lanes = host.streams["acts"]["fields"][0]["count"], params["group_lanes"]
    (a_modes, a_format), (w_modes, w_format) = (host.model.side_modes(side)[0] for side in "aw")
    largest = max(
        range(w_format.lowest_code, w_format.highest_code + 1),
        key=lambda code: formats.operands(np.array([[code]]), w_format.name, axis=0)[0, 0],
    )
    jobs = []
    for before in range(params["group_rows"]):
        # Weights before it in the block take the first rows of the group.
        w = np.zeros((lanes, lanes), np.int64)
        for lane in range(lanes):
            first = lane - lane % group_lanes
            w[[lane, *range(first, first + before)], lane] = largest
        a = random.integers(a_format.lowest_code, a_format.highest_code + 1, (2, lanes))
        pattern = {"pattern": f"{params['group_rows']}:{group_lanes}"}
        jobs.append(host.operands.job_of(a, w, a_modes | w_modes | pattern))
    await host.run(jobs)
