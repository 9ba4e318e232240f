"""Testbench of the engine with outliers: that of the dense one, with outliers everywhere."""

import cocotb
import numpy as np

from ...golden import formats
from ...lib.gemm_host import Host
from ..systolic.gemm_ws import *  # noqa: F403  (cocotb runs what it finds here)


@cocotb.test()
async def shares(dut):
    """No outliers, some, and nothing else, from product to product."""
    host = Host(dut)
    shape = (min(host.depth, host.rows), 2 * host.rows, 2 * host.cols)
    shares = ["0%", "5%", "100%", "1%"]
    jobs = [
        host.product(*shape, values, {"outliers": share})
        for values in ("extremes", "random")
        for share in shares
    ]
    await host.run(jobs)


@cocotb.test()
async def every_lane(dut):
    """An outlier alone in its column, for each lane of the array; both limits of weights."""
    host = Host(dut)
    params, random = host.manifest.parameters, host.bench.random
    lanes = host.streams["acts"]["fields"][0]["count"]
    modes, a_format = host.model.side_modes("a")[0]
    w_format = formats.get(params["w_format"])
    a = random.integers(a_format.lowest_code, a_format.highest_code + 1, (2, lanes))
    await host.run(
        [
            host.operands.job_of(a, np.diag(np.full(lanes, code)), modes)
            for code in (w_format.lowest, w_format.highest, 1 << w_format.bits // 2)
        ]
    )
