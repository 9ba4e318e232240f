"""Tensors on chip."""

from dataclasses import dataclass

from .layout import blocks

__all__ = ["Tensor"]


@dataclass(eq=False)
class Tensor:
    """A tensor of signed 8-bit codes on chip: channels × height × width.

    Attributes
    ----------
    shape : tuple of int
    zero_point : int
    rows : int
        Lanes of a word.
    base : int
        Its first word in the buffer, while it is there.
    """

    shape: tuple[int, int, int]
    zero_point: int
    rows: int
    base: int = 0

    @property
    def row(self) -> int:
        """Words from a row of pixels to the next."""
        return self.shape[2]

    @property
    def block(self) -> int:
        """Words from a block of channels to the next."""
        return self.shape[1] * self.shape[2]

    @property
    def words(self) -> int:
        """Words of the tensor."""
        return blocks(self.shape[0], self.rows) * self.block
