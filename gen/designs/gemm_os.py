"""The output-stationary GEMM engine."""

from dataclasses import dataclass
from typing import ClassVar

from ._gemm import ArithArray

__all__ = ["GemmOs"]


@dataclass(frozen=True, kw_only=True)
class GemmOs(ArithArray):
    """Output-stationary GEMM engine (ShiDianNao class), exact or with sums in fp32."""

    NAME: ClassVar[str] = "gemm_os"
    SHRINK: ClassVar[dict] = {"bram": ("cols", "rows"), None: ("rows", "cols")}
    driver: ClassVar[str | None] = "gemm_os"

    @classmethod
    def engines(cls):
        from ...hdl.float import gemm_os_float
        from ...hdl.systolic import gemm_os

        return {"exact": gemm_os.GemmOs, "fp32": gemm_os_float.GemmOsFloat}
