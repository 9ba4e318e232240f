"""The weight-stationary GEMM engine."""

from dataclasses import dataclass
from typing import ClassVar

from ._gemm import ARITH, StationaryArray, float_settings
from .base import check_choice, option

__all__ = ["GemmWs"]

#: Settings of cores with sums in binary32.
_FLOATS = (
    ("rows=3", "arith=fp32", "a_format=bf16", "w_format=bf16"),
    ("rows=2", "arith=fp32", "a_format=fp16", "w_format=tf32", "output=bf16", "pipeline=1"),
)

#: 8-bit numbers on PEs of 4 bits, as in ANT: four passes.
_ANT = "int4+flint4+int8"


@dataclass(frozen=True, kw_only=True)
class GemmWs(StationaryArray):
    """Weight-stationary GEMM engine (TPU v1), or with arith=fp32 TPU v2's MXU."""

    arith: str = option(
        "exact",
        "arithmetic: exact sums, or fp32 sums of floats, rounded at each addition",
        choices=lambda: ARITH,
    )

    NAME: ClassVar[str] = "gemm_ws"
    LINT_CASES: ClassVar[tuple[tuple[str, ...], ...]] = (
        *StationaryArray.LINT_CASES,
        *(("cols=5", "tile_rows=2", "tile_cols=2", *settings) for settings in _FLOATS),
    )
    driver: ClassVar[str | None] = "gemm_ws"

    def unit(self):
        parameters = self.as_dict()
        arith = parameters.pop("arith")
        check_choice("Parameter arith", arith, ARITH)
        if arith == "fp32":
            from ...hdl.float import gemm_float

            return gemm_float.GemmFloat(**parameters)
        from ...hdl.systolic import gemm_ws

        return gemm_ws.GemmWs(**parameters)

    @classmethod
    def fit(cls, settings, operands):
        return super().fit(float_settings(settings), operands)

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
