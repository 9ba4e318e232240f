"""Post-training quantization: from float weights and sample activations to integer layers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .arith.requantize import requantize, scale_to_multiplier
from .formats import Format, check_values, get_integer
from .gemm import gemm

__all__ = [
    "Affine",
    "QuantizedLinear",
    "calibrate",
    "combined_scale",
    "quantize_linear",
    "quantize_weights",
]

_INT32 = np.iinfo(np.int32)


@dataclass(frozen=True, kw_only=True)
class Affine:
    """How codes stand for reals, per tensor: real = scale · (code - zero_point).

    Members
    -------
    fmt : Format
        The codes' format.
    scale : numpy.float32
    zero_point : int
        The code of 0.0, one of the format's values.
    """

    fmt: Format
    scale: np.float32
    zero_point: int

    def encode(self, values: ArrayLike) -> np.ndarray:
        """int64 codes of ``values``' shape: values / scale rounded half to even, plus the zero
        point, clamped to the format. ``ValueError`` for values that are not finite."""
        codes = np.rint(_finite(values, "Values") / np.float64(self.scale)) + self.zero_point
        return np.clip(codes, self.fmt.lowest, self.fmt.highest).astype(np.int64)

    def decode(self, codes: ArrayLike) -> np.ndarray:
        """The float64 values that integer ``codes`` stand for."""
        codes = check_values(codes, self.fmt, "Codes")
        return (codes - self.zero_point) * np.float64(self.scale)


def calibrate(values: ArrayLike, fmt: Format) -> Affine:
    """The affine quantization that spans the sample ``values``.

    The range runs from the smallest to the largest value and is widened to include zero, which
    so has a code of its own: scale = (max - min) / (highest - lowest), rounded to float32, and
    zero_point = lowest - min / scale, rounded half to even. Values that are all zero get scale 1.

    Parameters
    ----------
    values : floats, any shape
    fmt : Format

    Raises
    ------
    ValueError
        No values, values that are not finite, or a format that is not of integers.
    """
    get_integer(fmt.name)
    values = _finite(values, "Values")
    if not values.size:
        raise ValueError("Values must be at least one to calibrate with, not none")
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    if low == high:
        high = float(fmt.highest - fmt.lowest)
    scale = _float32_scale((high - low) / (fmt.highest - fmt.lowest))
    zero_point = int(np.rint(fmt.lowest - low / np.float64(scale)))
    return Affine(
        fmt=fmt, scale=scale[()], zero_point=min(max(zero_point, fmt.lowest), fmt.highest)
    )


def quantize_weights(weights: ArrayLike, fmt: Format) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric quantization, one scale per output channel: weight ≈ scale · code.

    Codes are in -(2^(N-1)-1) .. 2^(N-1)-1; the format's lowest value is left out, so that the
    range is symmetric. The scale of a channel is its largest magnitude over 2^(N-1)-1, rounded to
    float32. A channel without any weight takes the largest scale of the others (or the one of a
    largest weight of 1), which keeps its bias as fine as theirs.

    Parameters
    ----------
    weights : floats (K, N)
    fmt : Format
        ``int<N>``.

    Returns
    -------
    codes : int64 array (K, N)
    scales : float32 array (N,)

    Raises
    ------
    ValueError
        Another format, one without sign, another shape, or weights that are not finite.
    """
    get_integer(fmt.name)
    if not fmt.signed:
        raise ValueError(f"Weight format must be signed, not {fmt.name!r}")
    weights = _finite(weights, "Weights")
    if weights.ndim != 2:
        raise ValueError(f"Weights must have the shape (K, N), not {weights.shape}")
    largest = np.abs(weights).max(axis=0, initial=0.0)
    largest[largest == 0] = largest.max(initial=0.0) or 1.0
    scales = _float32_scale(largest / fmt.highest)
    # The scale is at most 2^-24 too small, so the largest weight still rounds to the highest code.
    return np.rint(weights / scales.astype(np.float64)).astype(np.int64), scales


def combined_scale(scale_in: ArrayLike, scale_w: ArrayLike, scale_out: ArrayLike) -> np.ndarray:
    """scale_in · scale_w / scale_out in float32, rounded after each operation, left to right.

    ONNX Runtime's QLinearMatMul and QLinearConv compute it so; the same float32 gives the same
    codes but for the products that float32 cannot hold.
    """
    return np.float32(scale_in) * np.asarray(scale_w, np.float32) / np.float32(scale_out)


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantizedLinear:
    """A fully connected layer of integers, ready for the hardware.

    out = clamp(round_half_even((a·weights + bias) · multiplier · 2^-shift) + zero_point_out)

    Members
    -------
    weights : int64 array (K, N)
        Symmetric codes of ``w_format``.
    bias : int64 array (N,)
        round(b / (scale_in · scale_w)), an int32, minus zero_point_in · Σ_k weights[k, n]: the
        array multiplies the codes as they are, and this takes the zero point out again.
    multiplier, shift : int64 arrays (N,)
        Equal to the float32 scale_in · scale_w / scale_out, see :func:`combined_scale`.
    zero_point_in, zero_point_out : int
    low, high : int
        The clamp: ``out_format``'s range, with ``low = zero_point_out`` for a ReLU.
    scale_in, scale_out : numpy.float32
    scale_w : float32 array (N,)
    a_format, w_format, out_format : Format
    """

    weights: np.ndarray
    bias: np.ndarray
    multiplier: np.ndarray
    shift: np.ndarray
    zero_point_in: int
    zero_point_out: int
    low: int
    high: int
    scale_in: np.float32
    scale_out: np.float32
    scale_w: np.ndarray
    a_format: Format
    w_format: Format
    out_format: Format

    @property
    def input(self) -> Affine:
        """How the input codes stand for reals."""
        return Affine(fmt=self.a_format, scale=self.scale_in, zero_point=self.zero_point_in)

    @property
    def output(self) -> Affine:
        """How the output codes stand for reals."""
        return Affine(fmt=self.out_format, scale=self.scale_out, zero_point=self.zero_point_out)

    def forward(self, a_codes: ArrayLike) -> np.ndarray:
        """int64 output codes (M, N) of the input codes (M, K): those of ``rounding=exact``."""
        acc = gemm(check_values(a_codes, self.a_format), self.weights)
        return requantize(
            acc,
            self.bias,
            self.multiplier,
            self.shift,
            self.zero_point_out,
            self.low,
            self.high,
        )


def quantize_linear(
    weights: ArrayLike,
    bias: ArrayLike,
    *,
    input: Affine,
    output: Affine,
    w_format: Format,
    relu: bool = False,
) -> QuantizedLinear:
    """The integer layer of ``clamp(values·weights + bias)``.

    Parameters
    ----------
    weights : floats (K, N)
        Quantized by :func:`quantize_weights`.
    bias : floats (N,)
        Rounded half to even to whole multiples of scale_in · scale_w, which float64 holds exactly.
    input, output : Affine
        From :func:`calibrate` on samples of what goes in and, after the ReLU, comes out.
    w_format : Format
        Signed.
    relu : bool
        Clamp at zero from below.

    Raises
    ------
    ValueError
        Wrong shapes, values that are not finite, a bias beyond int32, or a combined scale that
        is not above zero and below 2^24.
    """
    codes, scales = quantize_weights(weights, w_format)
    bias = _finite(bias, "Bias")
    if bias.shape != scales.shape:
        raise ValueError(f"Bias must have the shape {scales.shape}, not {bias.shape}")
    rounded = np.rint(bias / (np.float64(input.scale) * scales.astype(np.float64)))
    outside = (rounded < _INT32.min) | (rounded > _INT32.max)
    if outside.any():
        channel = int(outside.argmax())
        raise ValueError(
            f"Bias must fit int32 in units of {input.scale * scales[channel]!s} "
            f"(= {input.scale!s} * {scales[channel]!s}), not {bias[channel]!s} in channel {channel}"
        )
    multiplier, shift = scale_to_multiplier(combined_scale(input.scale, scales, output.scale))
    return QuantizedLinear(
        weights=codes,
        bias=rounded.astype(np.int64) - input.zero_point * codes.sum(axis=0),
        multiplier=multiplier,
        shift=shift,
        zero_point_in=input.zero_point,
        zero_point_out=output.zero_point,
        low=output.zero_point if relu else output.fmt.lowest,
        high=output.fmt.highest,
        scale_in=input.scale,
        scale_out=output.scale,
        scale_w=scales,
        a_format=input.fmt,
        w_format=w_format,
        out_format=output.fmt,
    )


def _finite(values: ArrayLike, subject: str) -> np.ndarray:
    values = np.asarray(values, np.float64)
    bad = ~np.isfinite(values)
    if bad.any():
        raise ValueError(f"{subject} must be finite, not {values[bad].flat[0]}")
    return values


def _float32_scale(scale: ArrayLike) -> np.ndarray:
    """The nearest normal float32: below, a quotient by the scale would lose its precision."""
    limits = np.finfo(np.float32)
    if np.max(scale, initial=0.0) > limits.max:
        raise ValueError(f"Scale must be at most {limits.max!s}, not {np.max(scale)!s}")
    return np.maximum(scale, float(limits.tiny)).astype(np.float32)
