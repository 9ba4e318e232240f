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
    def engine(cls, arith):
        if arith == "fp32":
            from ...hdl.float import gemm_os_float

            return gemm_os_float.GemmOsFloat
        from ...hdl.systolic import gemm_os

        return gemm_os.GemmOs
