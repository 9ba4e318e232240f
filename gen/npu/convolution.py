"""Convolutions as MATRIX instructions: groups of outputs, chunks of tiles, pieces of the output."""

from dataclasses import dataclass

import numpy as np

from .emitter import Emitter, pieces
from .folded import FoldedTensor
from .layout import blocks
from .operands import integers, shape_text
from .window import Window, window_over

__all__ = ["Convolution", "operands"]

_MOST_GROUPS = 256


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """A convolution whose operands have their words.

    Attributes
    ----------
    x : Tensor or FoldedTensor
    y : Tensor
    kernel : tuple of int
        Blocks, rows and columns of tiles.
    view : Window, optional
        How windows walk; that of a folded input is its own.
    weights, channels : int
        Bytes at which they begin in their sections.
    """

    x: object
    y: object
    kernel: tuple[int, int, int]
    view: Window | None = None
    weights: int
    channels: int

    def emit(self, emitter: Emitter) -> None:
        """Append the instructions."""
        core = emitter.core
        tiles = int(np.prod(self.kernel))
        groups = blocks(self.y.shape[0], core.cols)
        slots, channels = emitter.slots("weights"), emitter.slots("channels")
        _, height, width = self.y.shape
        parts = pieces(height, width, core.acc_depth)
        most = min(slots.size // (tiles * core.rows), channels.size // core.cols, _MOST_GROUPS)
        if most:
            for first in range(0, groups, most):
                count = min(most, groups - first)
                base, loads = self._weights(emitter, first * tiles, count * tiles)
                channel, more = self._channels(emitter, first, count)
                values = self._outputs(core, first, count) | {
                    **{"w_base": base, "p_base": channel, "first": 1, "last": 1},
                }
                whole = (0, self.kernel[0], 0, self.kernel[1], 0, self.kernel[2])
                emitter.layer(
                    loads + more,
                    [self._matrix(emitter, piece, whole, values) for piece in parts],
                )
            return
        for group in range(groups):
            for piece in parts:
                self._split(emitter, group, piece, tiles)

    def _split(self, emitter, group, piece, tiles):
        """A piece of a group whose tiles don't fit a slot: sums stay from a chunk to the next."""
        core = emitter.core
        split = _chunks(self.kernel, emitter.slots("weights").size // core.rows)
        at, channel = group * tiles, 0
        for number, chunk in enumerate(split):
            count = chunk[1] * chunk[3] * chunk[5]
            base, loads = self._weights(emitter, at, count)
            at += count
            last = number == len(split) - 1
            if last:
                channel, more = self._channels(emitter, group, 1)
                loads += more
            values = self._outputs(core, group, 1) | {
                **{"w_base": base, "p_base": channel, "first": int(not number), "last": int(last)},
            }
            emitter.layer(loads, [self._matrix(emitter, piece, chunk, values)])

    def _weights(self, emitter, first, count):
        """Where tiles will lie, and the LOADs that bring them."""
        core = emitter.core
        base = emitter.slots("weights").take()
        offset = self.weights + first * core.rows * core.word_bytes["weights"]
        return base, emitter.load("weights", "weights", offset, base, count * core.rows)

    def _channels(self, emitter, group, count):
        core = emitter.core
        base = emitter.slots("channels").take()
        first = group * core.cols
        words = min(count * core.cols, self.y.shape[0] - first)
        offset = self.channels + first * core.word_bytes["channels"]
        return base, emitter.load("channels", "channels", offset, base, words)

    def _outputs(self, core, group, count):
        """Fields of the output's channels."""
        first = group * core.cols
        left = self.y.shape[0] - first - (count - 1) * core.cols
        return {
            "nb": count,
            "out_base": self.y.base + first // core.rows * self.y.block,
            "out_lane": first % core.rows,
            "out_tail": left if left < core.cols else 0,
        }

    def _matrix(self, emitter, piece, chunk, values):
        y = self.y
        fields = {
            **{"oh": piece.rows, "ow": piece.columns, "out_row": y.row, "out_blk": y.block},
            **(self.x.fields(piece, chunk) if self.view is None else self._acts(piece, chunk)),
            **values,
        }
        fields["out_base"] += piece.y * y.row + piece.x
        return emitter.instruction("matrix", fields)

    def _acts(self, piece, chunk):
        """Fields of an input in blocks."""
        block, kc, i, kh, j, kw = chunk
        x, view = self.x, self.view
        dy, dx = view.dilation
        skip, fields = view.fields(x, piece, (i * dy, j * dx))
        return fields | {
            "in_base": x.base + block * x.block + skip,
            **{"in_row": x.row, "in_blk": x.block, "a_zero": x.zero_point & 255},
            **{"kc": kc, "kh": kh, "kw": kw},
        }


def operands(core, x, weights, walk):
    """A window over an input, the output's size, the kernel in tiles, and their weights.

    Raises
    ------
    ValueError
        If input and weights don't fit together.
    """
    if weights.ndim != 4 or weights.shape[1] != x.shape[0]:
        raise ValueError(
            f"Weights must be outputs x {x.shape[0]} x height x width, not of shape "
            f"{shape_text(weights.shape)}"
        )
    integers("Weights", weights, core.weight_bits)
    if isinstance(x, FoldedTensor):
        if walk or weights.shape[2:] != x.kernel:
            raise ValueError(
                f"Convolution must be the {shape_text(x.kernel)} one that its input is folded "
                "for, without a walk of its own"
            )
        view, shape, kernel, tiles = None, x.size, x.tiles, x.weight_tiles(weights)
    else:
        view, shape = window_over(x, weights.shape[2:], **walk)
        kernel = (blocks(x.shape[0], core.rows), *weights.shape[2:])
        tiles = _blocked_tiles(weights, core.rows)
    return view, shape, kernel, tiles


def _chunks(kernel: tuple[int, int, int], most: int) -> list[tuple[int, int, int, int, int, int]]:
    """First and count of blocks, rows and columns of tiles, at most so many, in their order."""
    kc, kh, kw = kernel
    if most >= kh * kw:
        step = most // (kh * kw)
        return [(c, min(step, kc - c), 0, kh, 0, kw) for c in range(0, kc, step)]
    if most >= kw:
        step = most // kw
        return [(c, 1, i, min(step, kh - i), 0, kw) for c in range(kc) for i in range(0, kh, step)]
    return [
        (c, 1, i, 1, j, min(most, kw - j))
        for c in range(kc)
        for i in range(kh)
        for j in range(0, kw, most)
    ]


def _blocked_tiles(weights: np.ndarray, rows: int) -> np.ndarray:
    """Weights, outputs × channels × height × width, as outputs × tiles × rows."""
    outputs, channels, height, width = weights.shape
    padded = np.zeros((outputs, blocks(channels, rows) * rows, height, width), weights.dtype)
    padded[:, :channels] = weights
    tiles = padded.reshape(outputs, -1, rows, height, width).transpose(0, 1, 3, 4, 2)
    return tiles.reshape(outputs, -1, rows)
