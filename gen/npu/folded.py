"""Folded inputs: few channels, whose windows fill words of the buffer."""

from dataclasses import dataclass

import numpy as np

from .emitter import Piece

__all__ = ["FoldedTensor", "fold"]

#: What the fields of MATRIX hold.
_MOST_STEP, _MOST_ROW, _MOST_ROWS, _MOST_WORDS = 8, (1 << 12) - 1, 1 << 11, 1 << 10


@dataclass(eq=False, kw_only=True)
class FoldedTensor:
    """An input as rows of bytes: for each column the channels of ``fold`` rows of pixels.

    A row of a window group, ``fold`` rows of all its columns, is so many bytes in a row. Padding is
    stored. Row *r* begins at row ``r * row_step`` of the padded input.

    Attributes
    ----------
    shape : tuple of int
        Channels, height and width of the input.
    zero_point : int
    rows : int
        Bytes of a word.
    kernel, stride, start : tuple of int
        Of the convolution that reads it; ``start`` is the first tap of the first window.
    size : tuple of int
        Height and width of its output.
    fold : int
        Rows of pixels in a row of bytes.
    base : int
        Its first word in the buffer, while it is there.
    """

    shape: tuple[int, int, int]
    zero_point: int
    rows: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    start: tuple[int, int]
    size: tuple[int, int]
    fold: int
    base: int = 0

    @property
    def description(self) -> dict:
        """What a container says of it, beside shape and zero point."""
        names = ("kernel", "stride", "start", "size")
        return {"fold": self.fold} | {name: list(getattr(self, name)) for name in names}

    @property
    def tiles(self) -> tuple[int, int, int]:
        """Words of a window group, and groups: the kernel of MATRIX."""
        return -(-self.column * self.kernel[1] // self.rows), -(-self.kernel[0] // self.fold), 1

    @property
    def column(self) -> int:
        """Bytes of a column."""
        return self.fold * self.shape[0]

    @property
    def row_step(self) -> int:
        """Rows of the input from a row of bytes to the next."""
        single = self.tiles[1] == 1 or self.fold % self.stride[0] == 0
        return self.stride[0] if single else 1

    @property
    def tap_step(self) -> int:
        """Rows of bytes from a window group to the next."""
        return self.fold // self.row_step if self.tiles[1] > 1 else 1

    @property
    def row(self) -> int:
        """Words from a row to the next."""
        bytes_ = (self.size[1] - 1) * self.stride[1] * self.column
        return -(-bytes_ // self.rows) + self.tiles[0]

    @property
    def height(self) -> int:
        """Rows of bytes."""
        step = self.stride[0] // self.row_step
        return (self.size[0] - 1) * step + (self.tiles[1] - 1) * self.tap_step + 1

    @property
    def words(self) -> int:
        """Words of the tensor."""
        return self.height * self.row

    @property
    def fits(self) -> bool:
        """Whether the fields of MATRIX hold its steps."""
        return (
            self.tap_step <= _MOST_STEP
            and self.row <= _MOST_ROW
            and self.height <= _MOST_ROWS
            and self.tiles[0] <= _MOST_WORDS
            and self.column * self.stride[1] // self.rows < _MOST_WORDS
        )

    def fields(self, piece: Piece, chunk: tuple[int, ...]) -> dict:
        """Fields of MATRIX for a piece of the output and a chunk of tiles."""
        word, kc, i, kh, _, _ = chunk
        step = self.stride[0] // self.row_step
        first = piece.y * step + i * self.tap_step
        words, byte = divmod(piece.x * self.stride[1] * self.column, self.rows)
        pixel_words, pixel_bytes = divmod(self.stride[1] * self.column, self.rows)
        return {
            **{"packed": 1, "in_base": self.base + first * self.row + word + words, "ix0": byte},
            **{"in_row": self.row, "in_blk": pixel_words << 6 | pixel_bytes},
            **{"kc": kc, "kh": kh, "sy": step, "dy": self.tap_step, "ih": self.height - first},
        }

    def weight_tiles(self, weights: np.ndarray) -> np.ndarray:
        """Weights, outputs × channels × height × width, as outputs × tiles × rows."""
        words, groups, _ = self.tiles
        byte = np.arange(words * self.rows)
        column, within = np.divmod(byte, self.column)
        row, channel = np.divmod(within, self.shape[0])
        row = row + np.arange(groups)[:, None] * self.fold
        valid = (row < self.kernel[0]) & (column < self.kernel[1])
        row, column = np.where(valid, row, 0), np.where(valid, column, 0)
        codes = np.where(valid, weights[:, channel, row, column], 0)
        codes = codes.reshape(len(weights), groups, words, self.rows).transpose(0, 2, 1, 3)
        return codes.reshape(len(weights), -1, self.rows)

    def content(self, tensor: np.ndarray) -> np.ndarray:
        """The bytes of an input, channels × height × width."""
        top, left = -self.start[0], -self.start[1]
        step = self.row_step
        columns = (self.size[1] - 1) * self.stride[1] + self.kernel[1]
        padded = np.full(
            (len(tensor), (self.height - 1) * step + self.fold, columns), self.zero_point, np.int8
        )
        used = tensor[:, : max(0, padded.shape[1] - top), : max(0, columns - left)]
        padded[:, top : top + used.shape[1], left : left + used.shape[2]] = used
        source = np.arange(self.height)[:, None] * step + np.arange(self.fold)
        # Channels, rows of bytes, rows of pixels, columns.
        folded = padded[:, source].transpose(1, 3, 2, 0).reshape(self.height, -1)
        rows = np.zeros((self.height, self.row * self.rows), np.int8)
        rows[:, : folded.shape[1]] = folded
        return rows.reshape(-1).view(np.uint8)


def fold(**attributes) -> FoldedTensor:
    """The folded tensor with the fewest tiles, and of these the smallest.

    Raises
    ------
    ValueError
        If the fields of MATRIX hold none.
    """
    choices = [
        FoldedTensor(fold=rows, **attributes) for rows in range(1, attributes["kernel"][0] + 1)
    ]
    choices = [choice for choice in choices if choice.fits]
    if not choices:
        raise ValueError(
            "Folded input must have at most 4095 words a row; take a blocked input, or more rows"
        )
    return min(choices, key=lambda choice: (np.prod(choice.tiles), choice.words))
