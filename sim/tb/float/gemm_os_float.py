"""Testbench of the output-stationary engine with sums in binary32."""

import cocotb
import numpy as np

from ...golden import formats
from ...lib.gemm_host import Host
from ...lib.streams import stalls
from ..systolic.gemm_os import *  # noqa: F403  (cocotb runs what it finds here)


@cocotb.test()
@cocotb.parametrize(share=[0, 50])
async def zeros_of_both_signs(dut, share):
    """Sums that end as -0 are the same, however late the words are."""
    host = Host(dut)
    draw, params = host.bench.random, host.manifest.parameters
    shape = (host.depth + 1, 5, 12 * host.cols)
    # Products of numbers near 2^-63 are near the smallest normal number, and so are their sums.
    a, w = (
        formats.cast(
            draw.choice([0.0, -0.0, 1, -1, 1.5, -1.5], size) * 2.0**-63, params[f"{side}_format"]
        ).astype(np.int64)
        for side, size in (("a", shape[:2]), ("w", shape[1:]))
    )
    modes = {f"{side}_type": params[f"{side}_format"] for side in "aw"}
    job = host.operands.job_of(a, w, modes)
    if set(modes.values()) <= {"bf16", "tf32"}:  # others have no numbers so small
        negative = 1 << host.streams["results"]["fields"][0]["width"] - 1
        assert (job.expected == negative).any(), "no sum is -0"
    patterns = {name: stalls(share, host.bench.rng) for name in host.inputs}
    await host.run([job], patterns, slack=4)
