"""Parameters of the designs: what a user may set, with defaults and meanings."""

import hashlib
import json
from dataclasses import dataclass, field, fields

from ..hdl.systolic import gemm_os, gemm_ws

__all__ = ["GemmOs", "GemmWs", "Parameters"]


def _option(default, meaning):
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Base of the parameters of a design; checks itself by constructing the design's unit.

    Raises
    ------
    TypeError, ValueError
        What the unit raises.
    """

    def __post_init__(self):
        self.unit()

    def unit(self):
        """The design's top-level unit."""
        raise NotImplementedError

    @classmethod
    def design(cls):
        """The design's name."""
        raise NotImplementedError

    def as_dict(self):
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @property
    def digest(self):
        """Twelve hexadecimal digits that stand for the design and its parameters."""
        text = json.dumps([self.design(), self.as_dict()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True, kw_only=True)
class _Gemm(Parameters):
    rows: int = _option(8, "rows of processing elements")
    cols: int = _option(8, "columns of processing elements")
    tile_rows: int = _option(16, "most rows in one module of the hierarchy")
    tile_cols: int = _option(16, "most columns in one module of the hierarchy")
    a_format: str = _option("int8", "format of activations, or several joined by +")
    w_format: str = _option("int8", "format of weights, or several joined by +")
    max_k: int = _option(65536, "largest K; accumulators are exact up to it")
    acc_width: int = _option(0, "accumulator width in bits, or 0 for the exact one")
    overflow: str = _option("wrap", "what an accumulator too narrow does: wrap or saturate")
    pipeline: int = _option(
        2, "registers before the adder of an element, 0 to 2; DSP blocks have 2"
    )
    specials: str = _option(
        "saturate", "what NaN and infinities do: saturate, or count as zero and flag the results"
    )
    output: str = _option(
        "raw",
        "results: raw accumulators, with bias added, requantized by a scale, or by a shift",
    )
    out_format: str = _option("int8", "format of requantized results")


@dataclass(frozen=True, kw_only=True)
class GemmWs(_Gemm):
    """Weight-stationary GEMM engine (TPU v1)."""

    acc_depth: int = _option(512, "rows of accumulators: rows of A that share a load of weights")

    @classmethod
    def design(cls):
        return "gemm_ws"

    def unit(self):
        return gemm_ws.GemmWs(**self.as_dict())


@dataclass(frozen=True, kw_only=True)
class GemmOs(_Gemm):
    """Output-stationary GEMM engine (ShiDianNao class)."""

    @classmethod
    def design(cls):
        return "gemm_os"

    def unit(self):
        return gemm_os.GemmOs(**self.as_dict())
