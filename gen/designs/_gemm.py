"""Base classes of the GEMM engines' designs."""

import contextlib
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from .base import Contender, MatrixDesign, check_choice, option

__all__ = [
    "ArithArray",
    "Array",
    "FormatArray",
    "StationaryArray",
    "add_gemm_arguments",
    "all_formats",
]

#: Choices of the parameter ``arith`` of engines that can round their sums.
ARITH = ("exact", "fp32")

#: Settings of small arrays whose rows and columns end in a short tile of the hierarchy.
_SMALL = ("cols=5", "tile_rows=2", "tile_cols=2")
#: Settings of all output stages.
_OUTPUTS = tuple(
    ("rows=3", *settings)
    for settings in (
        *((f"output={output}",) for output in ("raw", "bias", "scale", "shift", "threshold")),
        ("output=scale", "rounding=float32"),
    )
)
#: Sums that are rounded to floats, of accumulators beyond 64 bits.
_ROUNDED = (
    ("rows=3", "a_format=fp16", "w_format=fp16", "output=fp32"),
    ("rows=2", "a_format=fp16", "w_format=e5m2", "output=fp16", "max_k=50"),
)
#: Sums in binary32.
_FLOATS = (
    ("rows=3", "arith=fp32", "a_format=bf16", "w_format=bf16"),
    ("rows=2", "arith=fp32", "a_format=fp16", "w_format=tf32", "output=bf16", "pipeline=1"),
)
# All families of formats: operands with mantissas and exponents of several widths, signed or not,
# types chosen at run time, nibbles, OVP pairs (of an even number of rows), NaN and infinities.
_FORMATS = (
    ("rows=3", "a_format=uflint4", "w_format=pot4"),
    ("rows=3", "a_format=e4m3", "w_format=e4m3+e5m2", "nan_inf=flag", "max_k=50"),
    ("rows=3", "a_format=posit8_1", "w_format=apot5", "max_k=50"),
    ("rows=3", "a_format=adaptivfloat6_3", "w_format=int8"),
    ("rows=3", "a_format=int4+flint4+uint8", "w_format=int4+pot4+e2m1+int8"),
    ("rows=4", "a_format=ovp_int4+ovp_flint4", "w_format=ovp_int4+int4+ovp_int8"),
)


_RELU = {"relu": lambda: (0, 1)}


def _engine():
    from ...hdl.systolic import gemm

    return gemm


def _requantize():
    from ...hdl.arith import requantize

    return requantize


def all_formats():
    from ...sim.golden import formats

    return formats.names()


def _integer_formats():
    from ...sim.golden import formats

    return [name for family in formats.FAMILIES[:2] for name in family.names()]


def _float_settings(settings: dict) -> dict:
    """Settings with the arithmetic that the formats call for, unless it is set.

    Formats with the exponents of binary32 have no exact sums.
    """
    from ...sim.golden import formats

    names = [settings.get(f"{side}_format", "int8") for side in "aw"]
    with contextlib.suppress(ValueError):  # construction refuses a wrong name
        if any(formats.get(name).integers is None for name in names):
            return {"arith": "fp32"} | settings
    return settings


def add_gemm_arguments(parser) -> None:
    """Operands of the GEMM engines beside the matrices."""
    from ..commands.arguments import integer, path

    group = parser.add_argument_group(
        "GEMM engines",
        "Integers are codes of the design's format; floats are quantized to it. Beside floats in "
        "fp16, bf16 or tf32 bias, scale and thresholds are real numbers, too. --mode: a_type and "
        "w_type choose one of several formats, a_bits, w_bits, a_signed and w_signed the operands "
        "of Bit Fusion; clamp_min and clamp_max limit requantized results, after the zero point; "
        "relu=1 takes those below the zero point to it.",
    )
    group.add_argument(
        "--bias", metavar="B.npy", type=path("Bias"), help="N integers, added to the rows of A·W"
    )
    group.add_argument(
        "--scale",
        metavar="S.npy",
        type=path("Scale"),
        help="one float or N, to requantize with: round half to even of (A·W + bias) · scale; "
        "with --set output=shift, powers of two",
    )
    group.add_argument(
        "--zero-point",
        metavar="Z",
        type=integer("Zero point"),
        help="added to requantized results (default: 0)",
    )
    group.add_argument(
        "--a-zero-point",
        metavar="ZA",
        type=integer("Activation zero point"),
        help="take (A - ZA) for A; the host folds -ZA · (sums of W's columns) into the bias",
    )
    group.add_argument(
        "--threshold",
        metavar="T.npy",
        type=path("Threshold"),
        help="one integer or N: results are 1 where A·W + bias is at least that, else 0",
    )
    group.add_argument(
        "--flip",
        metavar="F.npy",
        type=path("Flip"),
        help="0 or 1, one or N: with --threshold, 1 for columns whose results are exchanged",
    )


@dataclass(frozen=True, kw_only=True)
class Array(MatrixDesign):
    """A GEMM engine with an array of PEs."""

    rows: int = option(8, "rows of PEs")
    cols: int = option(8, "columns of PEs")
    tile_rows: int = option(16, "most rows in one module of the hierarchy")
    tile_cols: int = option(16, "most columns in one module of the hierarchy")
    overflow: str = option(
        "wrap",
        "overflow of a narrow accumulator: wrap or saturate",
        choices=lambda: _engine().OVERFLOWS,
    )
    pipeline: int = option(2, "registers before the adder of a PE, 0 to 2; DSP blocks have 2")
    output: str = option(
        "raw",
        "results: raw accumulators, with bias added, requantized by a scale, or by a shift, or 1 "
        "from a threshold on; or sums rounded once to fp32, bf16 or fp16",
        choices=lambda: _engine().OUTPUTS,
    )
    out_format: str = option("int8", "format of requantized results", choices=_integer_formats)
    rounding: str = option(
        "exact",
        "rounding of sums times a scale: exact, or float32 as ONNX Runtime does it",
        choices=lambda: _requantize().ROUNDINGS,
    )

    SIZE_LABEL: ClassVar[str] = "{rows}×{cols}"
    #: Whether tiles of zero weights can be left out of a product.
    skips_zeros: ClassVar[bool] = False
    OUTPUT_MODES: ClassVar[dict[str, type]] = {"clamp_min": int, "clamp_max": int, "relu": int}
    MODE_CHOICES: ClassVar[dict] = _RELU
    OPTIONS: ClassVar[tuple[str, ...]] = (
        *("bias", "scale", "zero_point", "a_zero_point", "threshold", "flip"),
    )
    LINT_CASES: ClassVar[tuple[tuple[str, ...], ...]] = tuple(
        (*settings, *_SMALL) for settings in _OUTPUTS
    )
    # The wrapper of a core depends on its streams, and these on the output.
    WRAPPED_LINT_CASES: ClassVar[tuple[int, int]] = (0, 3)

    arguments = staticmethod(add_gemm_arguments)

    @classmethod
    def fit(cls, settings, operands):
        from ._gemm_task import output_for

        return cls(**{"output": output_for(operands, settings)} | settings)

    def task(self, operands):
        from ._gemm_task import GemmTask

        self.check_options(operands)
        return GemmTask(self, operands)

    def run_modes(self, modes: dict) -> dict:
        """Modes for a product: those that are set, and defaults; ``None`` leaves the choice.

        Raises
        ------
        ValueError
            If a value does not exist.
        """
        raise NotImplementedError

    def formats(self, side: str, modes: dict) -> list[str]:
        """Names of the formats that operands of a side, ``a`` or ``w``, can have in these modes."""
        raise NotImplementedError

    def remedy(self, side: str, name: str) -> str:
        """The command-line setting for operands in the format ``name``."""
        raise NotImplementedError

    def check_k(self, k: int, modes: dict) -> None:
        """Raise :exc:`ValueError` if sums of ``k`` products may not fit the accumulators."""
        raise NotImplementedError

    def check_layer(self, layer, modes):
        self.check_k(layer.k, modes)

    def usable(self, layer):
        return layer.dense(layer.sparsity.of_blocks) if self.skips_zeros else layer.dense()

    def peak(self, modes):
        from ...sim.designs import registry
        from ..emission.emit import outline

        plan = registry.model(outline(self)).plan(1, 1, 1, **modes)
        pes = self.rows * self.cols
        peak = Fraction(pes * plan.terms, len(plan.passes))
        return pes, peak.numerator if peak.denominator == 1 else float(peak)


@dataclass(frozen=True, kw_only=True)
class FormatArray(Array):
    """A GEMM engine for any number formats."""

    a_format: str = option(
        "int8", "format of activations, or several joined by +", choices=all_formats
    )
    w_format: str = option("int8", "format of weights, or several joined by +", choices=all_formats)
    max_k: int = option(65536, "maximum reduction length K with exact accumulation")
    acc_width: int = option(0, "accumulator width in bits, or 0 for the exact one")
    nan_inf: str = option(
        "saturate",
        "NaN/Inf handling: saturate, or flag (count as zero and flag the results)",
        choices=lambda: _engine().NAN_INF,
    )

    MODES: ClassVar[dict[str, type]] = {"a_type": str, "w_type": str}
    MODE_CHOICES: ClassVar[dict] = dict.fromkeys(("a_type", "w_type"), all_formats) | _RELU
    RENAMED: ClassVar[dict[str, str]] = {"specials": "nan_inf"}
    LINT_CASES: ClassVar[tuple[tuple[str, ...], ...]] = tuple(
        (*settings, *_SMALL) for settings in (*_OUTPUTS, *_FORMATS, *_ROUNDED)
    )
    DEMO: ClassVar[bool] = True

    def run_modes(self, modes):
        return {name: modes.get(name) for name in self.MODES}

    def checked_modes(self, modes):
        checked = self.run_modes(modes)
        for side in "aw":
            checked[f"{side}_type"] = self.formats(side, checked)[0]
            if "+" not in getattr(self, f"{side}_format"):
                del checked[f"{side}_type"]
        return checked

    def formats(self, side, modes):
        names = getattr(self, f"{side}_format").split("+")
        name = modes.get(f"{side}_type")
        if name is None:
            return names
        check_choice(f"Mode {side}_type", name, names)
        return [name]

    def remedy(self, side, name):
        return f"--set {side}_format={name}"

    def check_k(self, k, modes):
        if k > self.max_k:
            raise ValueError(
                f"K must be at most {self.max_k} (max_k), not {k}; use --set max_k={k}"
            )

    @classmethod
    def operand_label(cls, side, values, modes):
        return modes.get(f"{side}_type") or values.get(f"{side}_format")

    @classmethod
    def format_contender(
        cls, name: str, formats: str, order: int, type_: str | None = None, **settings: str
    ):
        """A contender with the same formats on both sides, in one mode."""
        modes = {} if type_ is None else {"a_type": type_, "w_type": type_}
        parameters = {"a_format": formats, "w_format": formats} | settings
        return Contender(name=name, design=cls.NAME, set=parameters, modes=modes, order=order)


@dataclass(frozen=True, kw_only=True)
class ArithArray(FormatArray):
    """A GEMM engine whose sums are exact, or rounded to binary32."""

    arith: str = option(
        "exact",
        "arithmetic: exact sums, or fp32 sums of floats, rounded at each addition",
        choices=lambda: ARITH,
    )

    LINT_CASES: ClassVar[tuple[tuple[str, ...], ...]] = (
        *FormatArray.LINT_CASES,
        *((*settings, *_SMALL) for settings in _FLOATS),
    )

    def unit(self):
        parameters = self.as_dict()
        arith = parameters.pop("arith")
        engines = self.engines()
        check_choice("Parameter arith", arith, engines)
        return engines[arith](**parameters)

    @classmethod
    def makers(cls):
        return (*super().makers(), cls.engines.__func__)

    @classmethod
    def engines(cls) -> dict[str, type]:
        """Values of ``arith`` to the classes of the engines."""
        raise NotImplementedError

    @classmethod
    def fit(cls, settings, operands):
        return super().fit(_float_settings(settings), operands)


@dataclass(frozen=True, kw_only=True)
class StationaryArray(FormatArray):
    """A weight-stationary GEMM engine."""

    acc_depth: int = option(512, "rows of accumulators: rows of A that share a load of weights")

    SHRINK: ClassVar[dict] = {"bram": ("acc_depth", "cols", "rows"), None: ("rows", "cols")}
    POWERS_OF_TWO: ClassVar[tuple[str, ...]] = ("acc_depth",)
    skips_zeros: ClassVar[bool] = True
