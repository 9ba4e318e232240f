"""Layers that the vector engine runs."""

import re

import numpy as np

from ...sim.npu.core import Core
from .data import Data
from .emitter import MOST_ROWS
from .layout import tap_words
from .operands import check_blocks, integers, shape_text
from .pointwise import Pointwise
from .tensor import Tensor
from .window import MOST_SIZE, window_over

__all__ = ["Values", "VectorLayers"]

#: One value for all channels, or one for each.
Values = int | np.ndarray


class VectorLayers:
    """The layers of VECTOR, and what all layers have in common: see :class:`.Program`."""

    def __init__(self, core: Core):
        if not re.fullmatch(r"int\d+", core.w_format):
            raise ValueError(
                f"Weight format must be intN, not {core.w_format}; take a core with w_format=int8"
            )
        self.core = core
        self._data = Data(core)
        # Layers: name, tensors that they read, tensor that they write, how they are emitted.
        self._layers = []

    def depthwise(
        self,
        x: Tensor,
        weights: np.ndarray,
        bias: Values,
        multiplier: Values,
        shift: Values,
        zero_point: int = 0,
        low: int = -128,
        high: int = 127,
        **walk: tuple[int, ...],
    ) -> Tensor:
        """:meth:`conv` of each channel for itself, with weights channels × height × width.

        Raises
        ------
        ValueError
            If something does not fit the instruction set or the core.
        """
        weights = integers("Weights", weights, 8)
        if weights.ndim != 3 or weights.shape[0] != x.shape[0]:
            raise ValueError(
                f"Weights must be {x.shape[0]} x height x width, not of shape "
                f"{shape_text(weights.shape)}"
            )
        if not (self.core.dw_x and self.core.dw_y):
            raise ValueError(
                "Core has no depthwise windows (dw_x=0, dw_y=0); take one with dw_x=3 and dw_y=1"
            )
        view, shape = window_over(x, weights.shape[1:], **walk)
        bias = np.asarray(bias) - x.zero_point * weights.sum(axis=(1, 2), dtype=np.int64)
        return self._vector(
            "depthwise",
            x,
            self._tensor((x.shape[0], *shape), zero_point),
            window=view,
            channels=self._channels(x.shape[0], bias, multiplier, shift, zero_point, low, high),
            taps=self._data.append("weights", tap_words(self.core, weights)),
            fields={"a_zero": x.zero_point & 255},
        )

    def max_pool(self, x: Tensor, kernel: tuple[int, int], **walk: tuple[int, ...]) -> Tensor:
        """The maximum of windows; their padding never wins. Walks as :meth:`conv` does."""
        view, shape = window_over(x, kernel, **walk)
        y = self._tensor((x.shape[0], *shape), x.zero_point)
        return self._vector("window_max", x, y, window=view)

    def average_pool(
        self,
        x: Tensor,
        kernel: tuple[int, int],
        multiplier: int,
        shift: int,
        zero_point: int = 0,
        low: int = -128,
        high: int = 127,
        **walk: tuple[int, ...],
    ) -> Tensor:
        """``requantize`` of the sum of windows of ``x - x.zero_point``; padding counts as zero.

        Multiplier and shift are one for all channels, and hold the division.
        """
        view, shape = window_over(x, kernel, **walk)
        bias = -x.zero_point * kernel[0] * kernel[1]
        return self._vector(
            "window_sum",
            x,
            self._tensor((x.shape[0], *shape), zero_point),
            window=view,
            channels=self._channels(1, bias, multiplier, shift, zero_point, low, high),
            shared=True,
            fields={"a_zero": x.zero_point & 255},
        )

    def global_average_pool(
        self,
        x: Tensor,
        multiplier: int,
        shift: int,
        zero_point: int = 0,
        low: int = -128,
        high: int = 127,
    ) -> Tensor:
        """``requantize`` of the sum of all pixels of ``x - x.zero_point``, as one pixel."""
        _, height, width = x.shape
        if height > MOST_ROWS or width > MOST_SIZE:
            raise ValueError(
                f"Size must be at most {MOST_ROWS}x{MOST_SIZE}, not {height}x{width}; take an "
                "average pool first"
            )
        bias = -x.zero_point * height * width
        return self._vector(
            "reduce_sum",
            x,
            self._tensor((x.shape[0], 1, 1), zero_point),
            channels=self._channels(1, bias, multiplier, shift, zero_point, low, high),
            shared=True,
        )

    def add(
        self,
        a: Tensor,
        b: Tensor,
        multiplier: int,
        addends: np.ndarray,
        shift: int,
        zero_point: int = 0,
        low: int = -128,
        high: int = 127,
    ) -> Tensor:
        """``clamp(round((a * multiplier + addends[b + 128]) / 2**shift) + zero_point, low, high)``.

        Parameters
        ----------
        a, b : Tensor
            Of one shape.
        multiplier, shift, zero_point, low, high : int
        addends : 256 integers of 32 bits
            With what the zero points of a and b add.
        """
        if a.shape != b.shape:
            raise ValueError(
                f"Tensors must have one shape, not {shape_text(a.shape)} and {shape_text(b.shape)}"
            )
        addends = integers("Addends", addends, 32)
        if addends.shape != (256,):
            raise ValueError(f"Addends must be 256, one for each code, not {addends.size}")
        table = np.roll(addends, -128).astype("<i4").tobytes()  # code 0 first
        return self._vector(
            "add",
            a,
            self._tensor(a.shape, zero_point),
            other=b,
            channels=self._channels(1, 0, multiplier, shift, zero_point, low, high),
            shared=True,
            table=self._data.append("tables", table),
        )

    def _vector(self, function, x, y, other=None, **keywords):
        reads = (x,) if other is None else (x, other)
        check_blocks(function, *reads)
        layer = Pointwise(function=function, x=x, y=y, other=other, **keywords)
        self._layers.append((f"{function} {len(self._layers)}", reads, y, layer.emit))
        return y

    def _tensor(self, shape, zero_point):
        return Tensor(tuple(int(size) for size in shape), int(zero_point), self.core.rows)

    def _channels(self, count, bias, multiplier, shift, zero_point, low, high):
        return self._data.channels(
            count,
            bias=bias,
            multiplier=multiplier,
            shift=shift,
            zero_point=zero_point,
            low=low,
            high=high,
        )
