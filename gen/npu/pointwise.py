"""Layers of VECTOR: windows, sums of tensors, reductions."""

from dataclasses import dataclass, field

from ...sim.npu.core import Core
from .emitter import Emitter, pieces
from .layout import blocks
from .window import Window

__all__ = ["Pointwise"]

_MOST_BLOCKS = 256


@dataclass(frozen=True, kw_only=True)
class Pointwise:
    """A layer of VECTOR.

    Attributes
    ----------
    function : str
    x, y : Tensor
    other : Tensor, optional
        Operand b.
    window : Window, optional
    channels : int, optional
        Bytes at which the parameters of channels begin in their section.
    shared : bool
        One channel's parameters for all.
    table : int, optional
        Bytes at which the words of operand b begin in their section.
    taps : int, optional
        Bytes at which those of a depthwise window begin in the weights.
    fields : dict
        Of the instruction.
    """

    function: str
    x: object
    y: object
    other: object = None
    window: Window | None = None
    channels: int | None = None
    shared: bool = False
    table: int | None = None
    taps: int | None = None
    fields: dict = field(default_factory=dict)

    def emit(self, emitter: Emitter) -> None:
        """Append the instructions."""
        core = emitter.core
        count = blocks(self.x.shape[0], core.rows)
        most = _MOST_BLOCKS
        if self.channels is not None and not self.shared:
            most = min(most, emitter.slots("channels").size // core.rows)
        base = 0
        if self.taps is not None:
            words = count * self.window.kernel[0] * self.window.kernel[1]
            base = emitter.taps(words)
            emitter.layer([], emitter.load("buffer", "weights", self.taps, base, words))
        values = dict(self.fields)
        loads = []
        if self.table is not None:
            table = emitter.slots("tables").take()
            values["table"] = table // 256 * 4
            loads = emitter.load("tables", "tables", self.table, table, 256)
        for first in range(0, count, most):
            step = min(most, count - first)
            loads += self._channels(emitter, first, step, values)
            emitter.layer(loads, self._vectors(emitter, first, step, base, values))
            loads = []

    def _channels(self, emitter, first, count, values):
        """LOADs of the parameters of blocks; ``values`` get their first channel."""
        if self.channels is None:
            return []
        core = emitter.core
        values["p_base"] = emitter.slots("channels").take()
        values["shared"] = int(self.shared)
        offset, words = self.channels, 1
        if not self.shared:
            offset += first * core.rows * core.word_bytes["channels"]
            words = min(count * core.rows, self.x.shape[0] - first * core.rows)
        return emitter.load("channels", "channels", offset, values["p_base"], words)

    def _vectors(self, emitter, first, count, taps, values):
        core, x, y = emitter.core, self.x, self.y
        left = x.shape[0] - (first + count - 1) * core.rows
        values = values | {
            **{"function": self.function, "nb": count, "tail": left if left < core.rows else 0},
            **{"a_row": x.row, "a_blk": x.block, "d_row": y.row, "d_blk": y.block},
        }
        if self.taps is not None:
            kh, kw = self.window.kernel
            values["w_base"] = taps + first * kh * kw
        vectors = []
        for piece in self._pieces(core):
            a = x.base + first * x.block
            more = {}
            if self.window is not None:
                skip, more = self.window.fields(x, piece)
                a += skip
            else:
                a += piece.y * x.row + piece.x
            if self.other is not None:
                b = self.other
                more["b_base"] = b.base + first * b.block + piece.y * b.row + piece.x
                more |= {"b_row": b.row, "b_blk": b.block, "b_mode": "tensor"}
            more |= {
                **{"a_base": a, "d_base": y.base + first * y.block + piece.y * y.row + piece.x},
                **{"oh": piece.rows, "ow": piece.columns},
            }
            vectors.append(emitter.instruction("vector", values | more))
        return vectors

    def _pieces(self, core: Core):
        """Pieces of the output; of operand a for reductions, which have one."""
        _, height, width = (self.x if self.function.startswith("reduce") else self.y).shape
        if self.taps is None:
            return pieces(height, width, 1 << 30)
        return pieces(height, width, 1 << 30, core.dw_depth)
