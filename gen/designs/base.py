"""Parameters of the designs: what a user may set, with defaults and meanings."""

import hashlib
import json
from dataclasses import dataclass, field, fields
from typing import ClassVar

from ...hdl import formats
from ...hdl.arith.exact import sum_width
from ...hdl.fusion import gemm_fusion
from ...hdl.sparse import eie
from ...hdl.systolic import gemm_os, gemm_ws

__all__ = ["Eie", "GemmFusion", "GemmOs", "GemmWs", "Parameters", "option"]


def _check_choice(thing, value, choices):
    """Raise :exc:`ValueError` unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise ValueError(f"{thing} must be one of {', '.join(map(str, choices))}, not {value!r}")


def option(default, meaning):
    """A parameter with its default and its meaning."""
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

    @property
    def module(self):
        """Name of the top-level module, unless another is given."""
        return self.design()

    #: What can be chosen while the design runs.
    MODES: ClassVar[tuple[str, ...]] = ()

    def modes(self, given: dict) -> dict:
        """Modes for a product: what is ``given``, and defaults.

        Raises
        ------
        ValueError
            If a value does not exist.
        """
        return given

    def formats(self, side: str, modes: dict) -> list[str]:
        """Names of the formats that operands of a side, ``a`` or ``w``, can have in these modes."""
        raise NotImplementedError

    def remedy(self, side: str, name: str) -> str:
        """What to say on the command line for operands in the format ``name``."""
        raise NotImplementedError

    def check_k(self, k: int, modes: dict) -> None:
        """Raise :exc:`ValueError` if sums of ``k`` products may not fit the accumulators."""
        raise NotImplementedError

    def as_dict(self):
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @property
    def digest(self):
        """Twelve hexadecimal digits that stand for the design and its parameters."""
        text = json.dumps([self.design(), self.as_dict()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True, kw_only=True)
class _Array(Parameters):
    rows: int = option(8, "rows of processing elements")
    cols: int = option(8, "columns of processing elements")
    tile_rows: int = option(16, "most rows in one module of the hierarchy")
    tile_cols: int = option(16, "most columns in one module of the hierarchy")
    overflow: str = option("wrap", "what an accumulator too narrow does: wrap or saturate")
    pipeline: int = option(2, "registers before the adder of an element, 0 to 2; DSP blocks have 2")
    output: str = option(
        "raw",
        "results: raw accumulators, with bias added, requantized by a scale, or by a shift",
    )
    out_format: str = option("int8", "format of requantized results")


@dataclass(frozen=True, kw_only=True)
class _Gemm(_Array):
    a_format: str = option("int8", "format of activations, or several joined by +")
    w_format: str = option("int8", "format of weights, or several joined by +")
    max_k: int = option(65536, "largest K; accumulators are exact up to it")
    acc_width: int = option(0, "accumulator width in bits, or 0 for the exact one")
    specials: str = option(
        "saturate", "what NaN and infinities do: saturate, or count as zero and flag the results"
    )

    MODES: ClassVar[tuple[str, ...]] = ("a_type", "w_type")

    def modes(self, given):
        return {name: given.get(name) for name in self.MODES}

    def formats(self, side, modes):
        names = getattr(self, f"{side}_format").split("+")
        chosen = modes[f"{side}_type"]
        if chosen is None:
            return names
        _check_choice(f"Mode {side}_type", chosen, names)
        return [chosen]

    def remedy(self, side, name):
        return f"--set {side}_format={name}"

    def check_k(self, k, modes):
        if k > self.max_k:
            raise ValueError(
                f"K must be at most {self.max_k} (max_k), not {k}; use --set max_k={k}"
            )


@dataclass(frozen=True, kw_only=True)
class GemmWs(_Gemm):
    """Weight-stationary GEMM engine (TPU v1)."""

    acc_depth: int = option(512, "rows of accumulators: rows of A that share a load of weights")

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


@dataclass(frozen=True, kw_only=True)
class GemmFusion(_Array):
    """Weight-stationary GEMM engine with widths chosen at run time (Bit Fusion)."""

    acc_width: int = option(32, "accumulator width in bits")
    acc_depth: int = option(512, "rows of accumulators: rows of A that share a load of weights")

    MODES: ClassVar[tuple[str, ...]] = ("a_bits", "w_bits", "a_signed", "w_signed")

    @classmethod
    def design(cls):
        return "gemm_fusion"

    def modes(self, given):
        modes = {"a_bits": 8, "w_bits": 8, "a_signed": 1, "w_signed": 1} | given
        for side in "aw":
            _check_choice(f"Mode {side}_bits", modes[f"{side}_bits"], [2, 4, 8, 16])
            _check_choice(f"Mode {side}_signed", modes[f"{side}_signed"], [0, 1])
        return modes

    def formats(self, side, modes):
        sign = "" if modes[f"{side}_signed"] else "u"
        return [f"{sign}int{modes[f'{side}_bits']}"]

    def remedy(self, side, name):
        bits = next(bits for bits in (2, 4, 8, 16) if bits >= int(name.lstrip("uint")))
        return f"--mode {side}_bits={bits} --mode {side}_signed={int(name[0] != 'u')}"

    def check_k(self, k, modes):
        a, w = (formats.get_integer(*self.formats(side, modes)) for side in "aw")
        width = sum_width(a, w, k)
        if self.overflow == "wrap" and width > self.acc_width:
            remedy = f"use --set acc_width={width}" if width <= 64 else "use smaller modes"
            raise ValueError(
                f"Sums of {k} products of {a.name} and {w.name} take {width} bits, more than the "
                f"accumulators' {self.acc_width}; {remedy}"
            )

    def unit(self):
        return gemm_fusion.GemmFusion(**self.as_dict())


@dataclass(frozen=True, kw_only=True)
class Eie(Parameters):
    """Engine for sparse matrices with shared weights and sparse vectors (EIE)."""

    pes: int = option(64, "processing elements")
    queue_depth: int = option(8, "activations that wait in an element")
    columns: int = option(4096, "columns of all matrices in the memories")
    entries: int = option(16384, "entries in the memory of an element")
    per_word: int = option(8, "entries in a word of that memory")
    lanes: int = option(1, "entries that an element multiplies in a cycle: 1, 2, 4 or 8")
    value_width: int = option(4, "bits of an index into the codebook")
    zeros_width: int = option(4, "bits of the number of zeros before an entry")
    act_width: int = option(16, "activation width in bits")
    weight_width: int = option(16, "width of the weights in a codebook in bits")
    acc_width: int = option(48, "accumulator width in bits")
    acts: int = option(64, "activations in an element; longer vectors are taken in parts")
    rows: int = option(64, "accumulators in an element: rows of a matrix that are its own")
    books: int = option(1, "codebooks: matrices in the memories")
    skip: int = option(1, "whether columns without entries cost no cycle: 0 or 1")

    @classmethod
    def design(cls):
        return "eie"

    def unit(self):
        return eie.Eie(**self.as_dict())
