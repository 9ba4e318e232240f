"""Testbench of the engine for operands with scales for groups of terms."""

from ..systolic.gemm_ws import *  # noqa: F403  (cocotb runs what it finds here)
