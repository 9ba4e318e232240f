"""The weight-stationary GEMM engine."""

from dataclasses import dataclass
from typing import ClassVar

from ._gemm import ArithArray, StationaryArray

__all__ = ["GemmWs"]

#: 8-bit numbers on PEs of 4 bits, as in ANT: four passes.
_ANT = "int4+flint4+int8"


@dataclass(frozen=True, kw_only=True)
class GemmWs(ArithArray, StationaryArray):
    """Weight-stationary GEMM engine (TPU v1), or with arith=fp32 TPU v2's MXU."""

    NAME: ClassVar[str] = "gemm_ws"
    driver: ClassVar[str | None] = "gemm_ws"

    @classmethod
    def engines(cls):
        from ...hdl.float import gemm_float
        from ...hdl.systolic import gemm_ws

        return {"exact": gemm_ws.GemmWs, "fp32": gemm_float.GemmFloat}

    @classmethod
    def contenders(cls):
        array = cls.format_contender
        return [
            array("int8 (TPU)", "int8", 0),
            array("e4m3 (FP8)", "e4m3", 10),
            array("fp16, exact sums", "fp16", 14, output="fp32"),
            array("bf16 (TPU v2)", "bf16", 16, arith="fp32"),
            array("AdaptivFloat, 8 bits", "adaptivfloat8_4", 20),
            array("int4", "int4", 30),
            array("flint4 (ANT)", "flint4", 40),
            array("ANT's types, flint4", _ANT, 50, "flint4"),
            array("ANT's types, int8", _ANT, 60, "int8"),
            array("ovp_int4 (OliVe)", "ovp_int4", 70),
            array("ovp_flint4 (OliVe)", "ovp_flint4", 80),
        ]
