"""Operands of GEMM engines: matrices as codes, and per-channel quantization parameters."""

import contextlib
import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...hdl.checks import check_integer
from ...sim.designs import registry
from ...sim.designs._gemm import QuantParams
from ...sim.golden import formats
from ...sim.golden.arith.requantize import scale_to_multiplier, scale_to_shift
from ...sim.golden.float.values import float_values
from ..emission.emit import outline
from ..lib.errors import UsageError
from ._operands import Operands, Source
from .base import Task

if TYPE_CHECKING:
    from ._gemm import Array

__all__ = ["GemmTask", "output_for"]


def output_for(operands: Operands, settings: dict) -> str:
    """The output that the operands require: raw, bias, scale or threshold, or fp32 for floats."""
    options = operands.options
    if options.get("threshold") is not None:
        return "threshold"
    if options.get("scale") is not None:
        return "scale"
    added = options.get("bias") is not None or options.get("a_zero_point") is not None
    if added:
        return "bias"
    types = [settings.get(f"{side}_format", "int8") for side in "aw"]
    exact = settings.get("arith", "exact") == "exact"
    return "fp32" if exact and any(name in formats.UNSCALED for name in types) else "raw"


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """A matrix in an engine's format.

    Attributes
    ----------
    codes : int64 array
        Of the format; of an integer format the integers themselves.
    type : str
        Name of the format, one of the design's.
    scale : float64 array or None
        Factor from the codes' values to real numbers, of the matrix's two dimensions or of a single
        value; ``None`` for plain codes.
    numbers : float64 array or None
        The numbers before quantization.
    """

    codes: np.ndarray
    type: str
    scale: np.ndarray | None = None
    numbers: np.ndarray | None = None

    def factor(self, integers: bool) -> np.ndarray | float:
        """The real number that a value, or with ``integers`` an operand, of 1 stands for."""
        unit = formats.get(self.type).unit if integers else 1.0
        return unit * (1.0 if self.scale is None else self.scale)

    def values(self, axis: int) -> np.ndarray:
        """The numbers before quantization, or the values of the codes."""
        if self.numbers is not None:
            return self.numbers
        return formats.decode(self.codes, self.type, axis=axis) * (
            1.0 if self.scale is None else self.scale
        )


class GemmTask(Task):
    """A product on a GEMM engine.

    A has one scale, W one for each column. Floats are quantized to the format with the least
    squared error among those that the modes allow. Integers are codes of the first of these.
    Floats for fp16, bf16 and tf32 are rounded to these, without a scale.

    Attributes
    ----------
    a, w : Matrix
    padded : bool
        Whether a zero was added to an odd K, for OVP pairs.
    qparams : QuantParams or None
    """

    design: "Array"

    def __init__(self, design, operands: Operands):
        self.design, self._operands = design, operands
        self._outline = outline(design)
        self._check_output()
        modes = {name: value for name, value in operands.modes.items() if name in design.MODES}
        self._modes = design.run_modes(modes)
        self._quantize()
        if "a_type" in self._modes:
            self._modes |= {"a_type": self.a.type, "w_type": self.w.type}
        self.shape = (*self.a.codes.shape, self.w.codes.shape[1])
        self.qparams = self._quant_params()

    def _check_output(self):
        """Checks that the output stage supports the options and modes."""
        output, options = self.design.output, self._operands.options
        requantized = output in ("scale", "shift")
        if requantized and options.get("scale") is None:
            raise UsageError(f"Output {output} needs a scale: --scale S.npy")
        if options.get("scale") is not None and not requantized:
            raise UsageError(f"Output must be scale or shift with --scale, not {output!r}")
        if output == "threshold" and options.get("threshold") is None:
            raise UsageError("Output threshold needs thresholds: --threshold T.npy")
        for name in ("threshold", "flip"):
            if options.get(name) is not None and output != "threshold":
                raise UsageError(f"Output must be threshold with --{name}, not {output!r}")
        for name in ("bias", "a_zero_point"):
            if options.get(name) is not None and output == "raw":
                flag = f"--{name.replace('_', '-')}"
                raise UsageError(f"Output must be bias, scale or shift with {flag}, not {output!r}")
        limits = [f"--mode {name}" for name in self._operands.modes if name in _LIMITS]
        for value, flag in ((options.get("zero_point"), "--zero-point"), (limits, limits[:1])):
            if value not in (None, []) and not requantized:
                flag = flag if isinstance(flag, str) else flag[0]
                raise UsageError(f"Output must be scale or shift with {flag}, not {output!r}")

    def _quantize(self):
        """Sets ``a``, ``w`` and ``padded``."""
        design, modes = self.design, self._modes
        sources = {"a": self._operands.a, "w": self._operands.w}
        w = sources["w"]
        if w.is_sparse and design.skips_zeros:
            sources["w"] = Source(values=w.values.toarray(), scale=w.scale, type=w.type)
        for (side, source), shape in zip(sources.items(), ("M × K", "K × N"), strict=True):
            _check_source(source, side.upper(), shape)
        k = sources["a"].values.shape[1]
        if k != len(sources["w"].values):
            raise ValueError(
                f"A has {k} columns, W has {len(sources['w'].values)} rows: K must be the same"
            )
        design.check_k(k, modes)
        names = {side: design.formats(side, modes) for side in "aw"}
        self.padded = k % 2 == 1 and any(
            formats.get(name).pair for side in names for name in names[side]
        )
        self.a = self._matrix("a", sources["a"], names["a"], axis=None, k_axis=1)
        self.w = self._matrix("w", sources["w"], names["w"], axis=1, k_axis=0)

    def _matrix(self, side, source, names, axis, k_axis):
        name, values = side.upper(), source.values
        if self.padded:
            values = np.pad(values, [(0, int(at == k_axis)) for at in (0, 1)])
        if source.type is not None and source.type not in names:
            raise ValueError(
                f"{name} is in the format {source.type}, not in {' or '.join(names)}; "
                f"use {self.design.remedy(side, source.type)}"
            )
        candidates = [source.type] if source.type else names
        if values.dtype.kind != "f":
            codes = self._checked(values, candidates[0], side)
            return Matrix(codes=codes, type=candidates[0], scale=source.scale)
        numbers = values.astype(np.float64)
        try:
            if candidates[0] in formats.UNSCALED:
                codes = formats.cast(values, candidates[0]).astype(np.int64)
                return Matrix(codes=codes, type=candidates[0], scale=np.ones(()), numbers=numbers)
            best = formats.best(formats.each(values, candidates, axis, pair_axis=k_axis))
        except ValueError as error:
            raise ValueError(f"{name} cannot be quantized: {error}") from None
        return Matrix(
            codes=best.codes.astype(np.int64),
            type=best.name,
            scale=np.asarray(best.scale),
            numbers=numbers,
        )

    def _checked(self, values, name, side):
        fmt = formats.get(name)
        try:
            return formats.check_values(values, fmt, side.upper())
        except ValueError as error:
            wider = f"; {self._wider(values, side)}" if fmt.family in ("int", "uint") else ""
            raise ValueError(f"{error}{wider}") from None

    def _wider(self, values, side):
        """The setting with which all values are in range."""
        lowest, highest = int(values.min()), int(values.max())
        if lowest < 0:
            name, bits = "int", max((-lowest - 1).bit_length(), highest.bit_length()) + 1
        else:
            name, bits = "uint", highest.bit_length()
        if bits > 16:
            return f"no format has values from {lowest} to {highest}"
        return f"use {self.design.remedy(side, f'{name}{max(bits, 2)}')}"

    def _quant_params(self):
        design, options = self.design, self._operands.options
        if "channels" not in self._outline.streams:
            return None
        # Floats that are taken as they are stand for themselves.
        floats = {each.type for each in (self.a, self.w) if each.numbers is not None}
        if floats and (design.output == "bias" or not floats <= set(formats.UNSCALED)):
            raise UsageError(
                f"Output must be raw for operands that are quantized here, not {design.output!r}"
            )
        n = self.shape[2]
        fields = self._outline.streams["channels"]["fields"]
        widths = {field["name"]: field["width"] for field in fields}
        acc_width = widths["bias"]
        if design.output == "threshold":
            return self._thresholds(n, acc_width)
        bias = self._checked_bias(n, acc_width)
        if design.output == "bias":
            if acc_width > 63:
                raise UsageError(
                    "Accumulator width must be at most 63 for results with bias, not 64"
                )
            return QuantParams.of_bias(bias)
        ones = np.ones(n, np.int64)
        scale = np.broadcast_to(_scale(options["scale"], n), n)
        if floats:
            scale = scale * self._unit
        if design.output == "scale":
            multiplier, shift = scale_to_multiplier(scale, (1 << widths["shift"]) - 1)
        else:
            multiplier, shift = ones, scale_to_shift(scale)
        fmt = formats.get_integer(design.out_format)
        zero_point = options.get("zero_point") or 0
        _check_code("Zero point", zero_point, fmt)
        low, high = _limits(self._operands.modes, zero_point, fmt)
        return QuantParams(
            bias=bias,
            multiplier=multiplier,
            shift=shift,
            zero_point=ones * zero_point,
            low=ones * low,
            high=ones * high,
        )

    def _thresholds(self, n, acc_width):
        """Thresholds less the bias. No sum reaches those beyond the accumulators, or each does."""
        options = self._operands.options
        values = self._in_units(options["threshold"], "Threshold", n, True, np.ceil)
        thresholds = np.broadcast_to(values, n).astype(object)
        flip = options.get("flip")
        flip = formats.check_integers([0] if flip is None else flip, "Flip")
        flip = np.broadcast_to(_per_column(flip, "Flip", n, True), n)
        for index, value in enumerate(flip):
            check_integer(f"Flip at index {index}", int(value), 0, 1)
        limit = 1 << (acc_width - 1)
        thresholds = thresholds - self._bias(n)[0]
        always = thresholds <= -limit
        thresholds = np.where(always | (thresholds > limit), limit, thresholds).astype(object)
        return QuantParams.of_signs((-thresholds).astype(np.int64), flip ^ always)

    def _checked_bias(self, n, acc_width):
        bias, folded = self._bias(n)
        lowest, highest = -(1 << (acc_width - 1)), (1 << (acc_width - 1)) - 1
        for index, value in enumerate(bias):
            if not lowest <= value <= highest:
                width = 1 + int(value if value >= 0 else -value - 1).bit_length()
                widest = 63 if self.design.output == "bias" else 64
                remedy = f"; use --set acc_width={width}" if width <= widest else ""
                raise ValueError(
                    f"Bias must fit {acc_width} bits, not be {value} at index {index}{folded}"
                    f"{remedy}"
                )
        return bias.astype(np.int64)

    def _bias(self, n):
        """The bias, less the contribution of A's zero point to the sums, and words about that."""
        options = self._operands.options
        bias = np.zeros(n, object)
        if options.get("bias") is not None:
            bias += self._in_units(options["bias"], "Bias", n, False, np.rint)
        zero_point, folded = options.get("a_zero_point") or 0, ""
        if zero_point:
            fmt = formats.get(self.a.type)
            if fmt.lowest_code != fmt.lowest:
                raise UsageError(
                    f"Activation zero point must go with integers, not with {fmt.name}"
                )
            _check_code("Activation zero point", zero_point, fmt)
            operands = formats.operands(self.w.codes, self.w.type, axis=0)
            bias -= zero_point * operands.sum(axis=0, dtype=object)
            folded = ", the zero point of A folded in"
        return bias, folded

    @property
    def _unit(self):
        """The number that a sum of 1 stands for, of all columns or each."""
        return np.reshape(self.a.factor(integers=True) * self.w.factor(integers=True), -1)

    def _in_units(self, values, subject, n, single, rounded):
        """Integers for the columns, as Python integers; beside floats numbers, ``rounded``."""
        if self.a.numbers is None and self.w.numbers is None:
            values = formats.check_integers(values, subject)
            return _per_column(values, subject, n, single).astype(object)
        values = formats.as_numpy(values)
        if values.dtype.kind not in "fiu":
            raise TypeError(f"{subject} must be numbers, not {values.dtype}")
        with np.errstate(over="ignore", invalid="ignore"):
            counts = _per_column(values, subject, n, single) / self._unit
        if not np.isfinite(counts).all():
            raise ValueError(f"{subject} must be finite numbers, not {values.tolist()}")
        return np.array([int(count) for count in rounded(counts)], object)

    def job(self, manifest):
        model = registry.model(manifest)
        options = self._modes | ({"skip_zeros": True} if self._operands.w.is_sparse else {})
        self._job = model.job(self.a.codes, self.w.codes, self.qparams, **options)
        return self._job

    @property
    def is_real(self) -> bool:
        """Whether results stand for real numbers: A or W has a scale."""
        scaled = self.a.scale is not None or self.w.scale is not None
        return scaled and "channels" not in self._outline.streams

    @property
    def _result_format(self):
        """The format of results that are floats; ``None`` for integers."""
        return self._outline.derived.get("result_format")

    def shaped(self, y):
        return y if self._result_format is None else float_values(y, self._result_format)

    def real(self, y):
        if not self.is_real:
            return None
        integers = self._result_format is None  # floats are in units of 1
        with np.errstate(over="ignore", invalid="ignore"):
            return y * (self.a.factor(integers) * self.w.factor(integers))

    def reference(self):
        if not self.is_real:
            return None
        with np.errstate(over="ignore", invalid="ignore"):
            return self.a.values(1) @ self.w.values(0)

    def record(self, result):
        flags = result.flags
        return {
            "ideal_cycles": result.ideal_cycles,
            "cycle_bound": result.cycle_bound,
            "formula": result.formula,
            "a_type": self.a.type,
            "w_type": self.w.type,
            "padded": self.padded,
            "special": None if flags is None else int(flags.sum()),
        } | self._choices()

    def rows(self, result):
        padded = " (K padded with a zero, for OVP pairs)" if self.padded else ""
        flagged = None if result.flags is None else int(result.flags.sum())
        return {
            "M×K×N": "×".join(map(str, self.shape)) + padded,
            "formats": f"{self.a.type} × {self.w.type}",
            **self._choices(),
            "cycles": f"{result.cycles} (worst case {result.cycle_bound} = {result.formula})",
            "MACs": f"{result.macs} ({result.macs / result.cycles:.2f} per cycle)",
            "utilization": f"{result.utilization:.1%} ({result.ideal_cycles} ideal cycles)",
            "NaN, Inf": None
            if flagged is None
            else f"{flagged} results may depend on NaN or infinity",
        }

    def _choices(self):
        """What the operands led to; of block-sparse weights also their blocks, and advice."""
        choices, w = self._job.choices, self._operands.w.values
        if getattr(w, "format", None) != "bsr":
            return choices
        nonzero = np.count_nonzero(w.data.any(axis=(1, 2)))
        every = math.prod(w.shape) // math.prod(w.blocksize)
        size = "×".join(map(str, w.blocksize))
        choices |= {"blocks of W": f"{nonzero} of {every} ({nonzero / every:.1%}), {size}"}
        height, width = w.blocksize
        terms, cols = math.gcd(height, self._job.tile_terms), math.gcd(width, self._job.cols)
        rows = terms / self._job.terms
        if (terms, cols) != (self._job.tile_terms, self._job.cols) and rows == int(rows):
            with contextlib.suppress(ValueError):  # an array may have no such size
                dataclasses.replace(self.design, rows=int(rows), cols=cols)
                choices["advice"] = (
                    f"--set rows={int(rows)} --set cols={cols}, whose tiles divide the blocks, "
                    f"leaves out each block of zeros"
                )
        return choices


#: Modes that limit requantized results.
_LIMITS = ("clamp_min", "clamp_max", "relu")


def _check_source(source: Source, name, shape):
    values, scale = source.values, source.scale
    if source.is_sparse:
        raise TypeError(
            f"{name} must be a dense matrix, not {source.size}; use eie, or {name}.toarray()"
        )
    if values.ndim != 2:
        plural = "" if values.ndim == 1 else "s"
        raise ValueError(
            f"{name} must be a matrix ({shape}), not an array of {values.ndim} dimension{plural}"
        )
    if not values.size:
        raise ValueError(
            f"{name} must have at least one row and one column, not the shape {values.shape}"
        )
    if scale is not None and (scale.dtype.kind not in "fiu" or not np.isfinite(scale).all()):
        raise ValueError(f"Scale of {name} must be finite numbers, not {scale.tolist()}")
    if scale is not None and scale.size > 1 and (name == "A" or scale.shape[0] != 1):
        count = "one" if name == "A" else "one, or one for each column"
        raise ValueError(f"Scale of {name} must be {count}, not of the shape {scale.shape}")


def _per_column(values, subject, n, single):
    """Values for the columns of W: ``n`` of them, or with ``single`` also one for all."""
    if values.shape == (n,) or (single and values.size == 1):
        return values.reshape(-1)
    wanted = f"one value or {n}" if single else f"{n} value{'s' if n > 1 else ''}"
    raise ValueError(
        f"{subject} must be {wanted}, one for each column of W, not the shape {values.shape}"
    )


def _scale(values, n):
    values = formats.as_numpy(values)
    if values.dtype.kind not in "fiu":
        raise TypeError(f"Scale must be numbers, not {values.dtype}")
    return _per_column(values, "Scale", n, True)


def _check_code(subject, value, fmt):
    try:
        check_integer(subject, value, fmt.lowest, fmt.highest)
    except ValueError as error:
        raise ValueError(f"{error} ({fmt.name})") from None


def _limits(modes, zero_point, fmt):
    low, high = modes.get("clamp_min", fmt.lowest), modes.get("clamp_max", fmt.highest)
    _check_code("Mode clamp_min", low, fmt)
    _check_code("Mode clamp_max", high, fmt)
    relu = modes.get("relu", 0)
    check_integer("Mode relu", relu, 0, 1)
    if relu:
        low = max(low, zero_point)
    if low > high:
        because = " (relu: the zero point)" if low != modes.get("clamp_min") else ""
        raise UsageError(
            f"Mode clamp_max must be at least the lower limit {low}{because}, not {high}"
        )
    return low, high
