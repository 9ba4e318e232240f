"""Testbench of the weight-stationary engine with sums in binary32."""

from ..systolic.gemm_ws import *  # noqa: F403  (cocotb runs what it finds here)
