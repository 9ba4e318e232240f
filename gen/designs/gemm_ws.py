"""The weight-stationary GEMM engine."""

from dataclasses import dataclass
from typing import ClassVar

from ._gemm import FormatArray
from .base import option

__all__ = ["GemmWs"]

#: 8-bit numbers on PEs of 4 bits, as in ANT: four passes.
_ANT = "int4+flint4+int8"


@dataclass(frozen=True, kw_only=True)
class GemmWs(FormatArray):
    """Weight-stationary GEMM engine (TPU v1)."""

    acc_depth: int = option(512, "rows of accumulators: rows of A that share a load of weights")

    NAME: ClassVar[str] = "gemm_ws"
    SHRINK: ClassVar[dict] = {"bram": ("acc_depth", "cols", "rows"), None: ("rows", "cols")}
    POWERS_OF_TWO: ClassVar[tuple[str, ...]] = ("acc_depth",)
    driver: ClassVar[str | None] = "gemm_ws"
    skips_zeros: ClassVar[bool] = True

    def unit(self):
        from ...hdl.systolic import gemm_ws

        return gemm_ws.GemmWs(**self.as_dict())

    @classmethod
    def contenders(cls):
        array = cls.format_contender
        return [
            array("int8 (TPU)", "int8", 0),
            array("e4m3 (FP8)", "e4m3", 10),
            array("AdaptivFloat, 8 bits", "adaptivfloat8_4", 20),
            array("int4", "int4", 30),
            array("flint4 (ANT)", "flint4", 40),
            array("ANT's types, flint4", _ANT, 50, "flint4"),
            array("ANT's types, int8", _ANT, 60, "int8"),
            array("ovp_int4 (OliVe)", "ovp_int4", 70),
            array("ovp_flint4 (OliVe)", "ovp_flint4", 80),
        ]
