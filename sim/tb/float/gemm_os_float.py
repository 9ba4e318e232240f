"""Testbench of the output-stationary engine with sums in binary32."""

from ..systolic.gemm_os import *  # noqa: F403  (cocotb runs what it finds here)
