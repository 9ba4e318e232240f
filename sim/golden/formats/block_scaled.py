"""Matrices in which the elements of a block share a scale."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from .catalogue import get
from .checks import check_integer, check_integers, check_positive, check_values, first_index
from .codes import decode
from .scale_codes import decode_scales, get_scale_format

__all__ = ["BlockScaled"]


@dataclass(frozen=True, kw_only=True, eq=False)
class BlockScaled:
    """A matrix as codes, with a scale for each block of ``group`` neighbours along an axis.

    Weights are K × N with blocks along K, axis 0; activations M × K with blocks along axis 1. An
    element is ``(code - zero) * scale * tensor_scale``.

    Attributes
    ----------
    codes : int64 array, K × N or M × K
        Of the format; of ``int<N>`` and ``uint<N>`` the integers themselves.
    format : str
        ``int<N>``, ``uint<N>`` or a small float, such as ``e2m1``.
    group : int
        Elements of a block; K is a multiple.
    scales : unsigned array, K/group × N or M × K/group
        Codes of the format ``scale_format``.
    scale_format : str
        ``fp32``, ``fp16``, ``bf16``, ``e4m3`` or ``e8m0``.
    axis : int
        0 or 1, the axis of K.
    zeros : int64 array of the shape of ``scales``, or None
        Zero points of integers, in the range of the format.
    tensor_scale : float
        A float32 number, positive; 1 but for NVFP4.
    fraction_bits : int
        The integers' unit is 2^-``fraction_bits``: 6 for MXINT8, else 0.
    order : int64 array of K, or None
        Index ``i`` along K of ``codes`` is index ``order[i]`` of the matrix (GPTQ's act-order): a
        product has to take the activations in this order.
    name : str
        What quantized it, ``mxfp4`` for example, or another name for messages.

    Raises
    ------
    TypeError, ValueError
        If attributes do not belong together.
    """

    codes: np.ndarray
    format: str
    group: int
    scales: np.ndarray
    scale_format: str
    axis: int = 0
    zeros: np.ndarray | None = None
    tensor_scale: float = 1.0
    fraction_bits: int = 0
    order: np.ndarray | None = None
    name: str = ""

    def __post_init__(self):
        fmt, layout = get(self.format), get_scale_format(self.scale_format)
        if fmt.family not in ("int", "float"):
            raise ValueError(
                f"Format must be int<N>, uint<N> or a small float for blocks, not {fmt.name!r}"
            )
        codes = check_values(self.codes, fmt, "Codes")
        if codes.ndim != 2 or not codes.size:
            raise ValueError(f"Codes must be a matrix, not of the shape {codes.shape}")
        self._set(codes=codes)
        if check_integer(self.axis, "Axis") not in (0, 1):
            raise ValueError(f"Axis must be 0 or 1, not {self.axis}")
        check_positive(self.group, "Group")
        if self.terms % self.group:
            raise ValueError(f"K must be a multiple of the group of {self.group}, not {self.terms}")
        self._check_scales(layout)
        self._check_zeros(fmt)
        self._check_tensor_scale()
        self._check_order()
        if not 0 <= check_integer(self.fraction_bits, "Fraction bits") <= fmt.bits:
            raise ValueError(
                f"Fraction bits must be from 0 to {fmt.bits}, not {self.fraction_bits}"
            )
        if self.fraction_bits and fmt.family != "int":
            raise ValueError(f"Fraction bits must be 0 for {fmt.name}, not {self.fraction_bits}")
        self._set(name=self.name or f"{self.format} with {self.scale_format} scales")

    def _check_scales(self, layout):
        scales = check_integers(self.scales, "Scales")
        self._check_shape(scales, "Scales")
        outside = (scales < 0) | (scales >= 1 << layout.bits)
        if outside.any():
            index, where = first_index(outside)
            raise ValueError(
                f"Scales must be codes from 0 to {(1 << layout.bits) - 1} ({self.scale_format}), "
                f"not {scales[index]}{where}"
            )
        self._set(scales=scales.astype(layout.type))

    def _check_zeros(self, fmt):
        if self.zeros is None:
            return
        if fmt.family != "int":
            raise ValueError(f"Zero points must go with integers, not with {fmt.name}")
        zeros = check_values(self.zeros, fmt, "Zero points")
        self._check_shape(zeros, "Zero points")
        self._set(zeros=zeros)

    def _check_shape(self, array, subject):
        shape = list(self.codes.shape)
        shape[self.axis] //= self.group
        if array.shape != tuple(shape):
            raise ValueError(
                f"{subject} must be of the shape {tuple(shape)}, one for each block of "
                f"{self.group}, not {array.shape}"
            )

    def _check_tensor_scale(self):
        with np.errstate(over="ignore"):
            value = float(np.float32(self.tensor_scale))
        if not 0 < value < float("inf"):
            raise ValueError(
                f"Tensor scale must be a positive float32 number, not {self.tensor_scale!r}"
            )
        self._set(tensor_scale=value)

    def _check_order(self):
        if self.order is None:
            return
        order = check_integers(self.order, "Order")
        if order.shape != (self.terms,) or not np.array_equal(
            np.sort(order), np.arange(self.terms)
        ):
            raise ValueError(f"Order must be a permutation of 0 to {self.terms - 1}")
        self._set(order=order.astype(np.int64))

    def _set(self, **attributes: Any):
        for name, value in attributes.items():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
            object.__setattr__(self, name, value)

    @property
    def shape(self) -> tuple[int, int]:
        """Of the matrix."""
        return self.codes.shape

    @property
    def terms(self) -> int:
        """K, the length of the axis along which blocks lie."""
        return self.codes.shape[self.axis]

    @property
    def scale_values(self) -> np.ndarray:
        """The blocks' scales, float32, without the tensor scale; NaN for codes of NaN."""
        return decode_scales(self.scales, self.scale_format)

    @property
    def element_format(self) -> str:
        """The least format of the engine's operands: with zero points, signed with one bit more.

        uint4 codes less zero points of 0 to 15 are -15 to 15, int5.
        """
        if self.zeros is None:
            return self.format
        return f"int{get(self.format).bits + 1}"

    @property
    def elements(self) -> np.ndarray:
        """Codes of ``element_format``, int64, in the order of ``codes``."""
        return self.codes if self.zeros is None else self.codes - self._spread(self.zeros)

    @property
    def values(self) -> np.ndarray:
        """The real numbers, float64: exact, in the order of the matrix, not of ``codes``."""
        elements = np.ldexp(decode(self.codes, self.format), -self.fraction_bits)
        if self.zeros is not None:
            elements -= np.ldexp(self._spread(self.zeros).astype(np.float64), -self.fraction_bits)
        scales = self._spread(self.scale_values.astype(np.float64))
        with np.errstate(invalid="ignore"):  # 0 times infinity
            values = elements * scales * self.tensor_scale
        if self.order is None:
            return values
        return np.take(values, np.argsort(self.order), self.axis)

    @property
    def bits_per_weight(self) -> float:
        """Bits of codes, scales and zero points for each element.

        The tensor scale and the order are not counted.
        """
        bits = get(self.format).bits
        block = get_scale_format(self.scale_format).bits + (0 if self.zeros is None else bits)
        return bits + block / self.group

    def transposed(self) -> "BlockScaled":
        """The transposed matrix, whose blocks lie along the other axis."""
        return dataclasses.replace(
            self,
            codes=self.codes.T,
            scales=self.scales.T,
            zeros=None if self.zeros is None else self.zeros.T,
            axis=1 - self.axis,
        )

    def centred(self) -> "BlockScaled":
        """Signed codes without zero points where all zero points are half of the range.

        uint4 codes with zero points of 8 are int4 codes; another matrix is itself. Symmetric GPTQ
        and AWQ files are such matrices, and their engine needs one bit less.
        """
        fmt = get(self.format)
        half = 1 << (fmt.bits - 1)
        if self.zeros is None or fmt.signed or (self.zeros != half).any():
            return self
        return dataclasses.replace(
            self, codes=self.codes - half, format=f"int{fmt.bits}", zeros=None
        )

    def _spread(self, blocks):
        """An array of blocks as one of elements."""
        return np.repeat(blocks, self.group, self.axis)
