"""Programs of the network processor, from layers with numpy arrays."""

import numpy as np

from .built import BuiltProgram
from .convolution import Convolution, operands
from .emitter import Emitter
from .folded import FoldedTensor, fold
from .layout import weight_words
from .operands import check_blocks, shape_text
from .tensor import Tensor
from .vector_layers import Values, VectorLayers
from .window import window_over

__all__ = ["Program"]


class Program(VectorLayers):
    """Collects layers, and makes a program of them.

    Activations are signed 8-bit codes with a zero point, and tensors stay on chip from the layer
    that writes them to the last one that reads them. Parameters of requantization are those of
    ``sim.golden.arith.requantize``, one for all channels or one a channel.

    Parameters
    ----------
    core : Core

    Raises
    ------
    ValueError
        If its weights are not signed integers.
    """

    def input(self, name: str, shape: tuple[int, int, int], zero_point: int = 0) -> Tensor:
        """An input of the network: channels × height × width, read from DRAM."""
        return self._input(name, self._tensor(shape, zero_point), layout="blocked")

    def _input(self, name, x, **entry):
        offset = self._data.tensor("input", name, x, entry)

        def emit(emitter):
            emitter.layer([], emitter.load("buffer", "input", offset, x.base, x.words))

        self._layers.append((f"input {name}", (), x, emit))
        return x

    def folded_input(
        self,
        name: str,
        shape: tuple[int, int, int],
        zero_point: int = 0,
        *,
        kernel: tuple[int, int],
        **walk: tuple[int, ...],
    ) -> FoldedTensor:
        """An input of few channels for one convolution, which then needs fewer tiles.

        Raises
        ------
        ValueError
            If it does not fit the instruction set.
        """
        blocked = self._tensor(shape, zero_point)
        view, size = window_over(blocked, kernel, **walk)
        if view.dilation != (1, 1):
            raise ValueError(f"Dilation of a folded input must be 1, not {max(view.dilation)}")
        x = fold(
            shape=blocked.shape,
            zero_point=blocked.zero_point,
            rows=blocked.rows,
            kernel=tuple(kernel),
            stride=view.stride,
            start=view.start,
            size=size,
        )
        return self._input(name, x, layout="folded", fold=x.description)

    def output(self, name: str, x: Tensor) -> None:
        """Store a tensor as an output of the network."""
        check_blocks("output", x)
        offset = self._data.tensor("output", name, x, {"layout": "blocked"})

        def emit(emitter):
            rows = self.core.rows
            tail = x.shape[0] % rows
            whole = x.words - (x.block if tail else 0)
            stores = emitter.store("output", offset, x.base, whole)
            if tail:
                at = offset + whole * rows
                stores += emitter.store("output", at, x.base + whole, x.block, tail)
            emitter.layer([], stores)

        self._layers.append((f"output {name}", (x,), None, emit))

    def conv(
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
        """``requantize`` of the convolution of ``x - x.zero_point`` with the weights, plus bias.

        Parameters
        ----------
        x : Tensor or FoldedTensor
            A folded one for its own kernel, stride and padding.
        weights : integers, outputs × channels × height × width
        bias, multiplier, shift, zero_point, low, high
            Of the requantization; ``zero_point`` is that of the result.
        **walk
            ``stride`` and ``dilation`` of rows and columns, 1 to 8 each; ``padding``: rows above,
            columns left, rows below, columns right, of the zero point.

        Raises
        ------
        ValueError
            If something does not fit the instruction set or the core.
        """
        weights = np.asarray(weights)
        view, shape, kernel, tiles = operands(self.core, x, weights, walk)
        outputs = len(weights)
        y = self._tensor((outputs, *shape), zero_point)
        bias = np.asarray(bias) - x.zero_point * weights.sum(axis=(1, 2, 3), dtype=np.int64)
        layer = Convolution(
            x=x,
            y=y,
            kernel=kernel,
            view=view,
            weights=self._data.append("weights", weight_words(self.core, tiles)),
            channels=self._channels(outputs, bias, multiplier, shift, zero_point, low, high),
        )
        self._layers.append((f"conv {len(self._layers)}", (x,), y, layer.emit))
        return y

    def dense(
        self,
        x: Tensor,
        weights: np.ndarray,
        bias: Values,
        multiplier: Values,
        shift: Values,
        *args: int,
        **kwargs: int,
    ) -> Tensor:
        """``requantize`` of the product of weights and all codes of a tensor.

        Parameters
        ----------
        x : Tensor
            Height and width are at most 16.
        weights : integers, outputs × (channels · height · width)
        bias, multiplier, shift, ...
            As :meth:`conv`.
        """
        weights = np.asarray(weights)
        if weights.ndim != 2 or weights.shape[1] != np.prod(x.shape):
            raise ValueError(
                f"Weights must be outputs x {np.prod(x.shape)}, not of shape "
                f"{shape_text(weights.shape)}"
            )
        weights = weights.reshape(-1, *x.shape)
        return self.conv(x, weights, bias, multiplier, shift, *args, **kwargs)

    def finish(self) -> BuiltProgram:
        """The program.

        Raises
        ------
        ValueError
            If it does not fit the core; the message has the layer and a remedy.
        """
        emitter = Emitter(self.core, self._data.bases)
        last = {}
        for number, (_, reads, y, _) in enumerate(self._layers):
            last |= {tensor: number for tensor in (*reads, y) if tensor is not None}
        for number, (name, reads, y, emit) in enumerate(self._layers):
            emitter.origin = name
            try:
                if y is not None:
                    y.base = emitter.buffer.take(y.words, "Its output")
                emit(emitter)
            except ValueError as error:
                raise ValueError(f"Layer {name}: {error}") from None
            for tensor in {*reads, y} - {None}:
                if last[tensor] == number:
                    emitter.buffer.free(tensor.base)
        emitter.flush()
        emitter.order.append(emitter.instruction("halt", {}))
        instructions = emitter.order.program()
        container = self._data.container(instructions, emitter.order.origins)
        return BuiltProgram(self.core, container, instructions)
