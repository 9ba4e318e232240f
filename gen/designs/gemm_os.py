"""The output-stationary GEMM engine."""

from dataclasses import dataclass
from typing import ClassVar

from ._gemm import FormatArray

__all__ = ["GemmOs"]


@dataclass(frozen=True, kw_only=True)
class GemmOs(FormatArray):
    """Output-stationary GEMM engine (ShiDianNao class)."""

    NAME: ClassVar[str] = "gemm_os"
    SHRINK: ClassVar[dict] = {"bram": ("cols", "rows"), None: ("rows", "cols")}
    driver: ClassVar[str | None] = "gemm_os"

    def unit(self):
        from ...hdl.systolic import gemm_os

        return gemm_os.GemmOs(**self.as_dict())
