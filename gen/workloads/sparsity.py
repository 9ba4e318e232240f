"""How weights are sparse: their density, a pattern, blocks."""

from typing import NamedTuple

from ...sim.golden.sparse.nm import Pattern

__all__ = ["DENSE", "Sparsity"]

#: Limits of the size of a block.
_BLOCKS = (2, 1024)


class Sparsity(NamedTuple):
    """The share of weights that are not zero, and how these lie: anywhere, by default.

    Attributes
    ----------
    weights : float
        The share, over 0 to 1.
    pattern : str or None
        N:M, at most N non-zeros in M terms of K.
    blocks : int or None
        Square blocks of this size are zero or not; with a pattern, their weights keep to it.
    """

    weights: float = 1.0
    pattern: str | None = None
    blocks: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Sparsity":
        """The sparsity of a text: N:M, a density, or a density of blocks as ``0.25@32``.

        Raises
        ------
        ValueError
            If the text is none.
        """
        density, _, size = text.partition("@")
        try:
            if ":" in text:
                return cls.checked(pattern=text)
            return cls.checked(float(density), None, int(size) if "@" in text else None)
        except ValueError:
            raise ValueError(
                "Sparsity must be N:M such as 2:4, a density over 0 to 1, or the density and size "
                f"of blocks such as 0.25@32, not {text!r}"
            ) from None

    @classmethod
    def checked(cls, weights=None, pattern=None, blocks=None) -> "Sparsity":
        """The sparsity of the values in a file, ``None`` for missing ones.

        Raises
        ------
        TypeError, ValueError
            If one is wrong, or the pattern does not allow as many weights.
        """
        most = 1.0
        if pattern is not None:
            count, size = Pattern.parse(pattern)
            most = count / size
        weights = most if weights is None else weights
        if type(weights) not in (int, float) or not 0 < weights <= 1:
            raise ValueError(f"weights must be a share, over 0 to 1, not {weights!r}")
        if weights > most:
            raise ValueError(f"weights must be at most {most:g} with {pattern}, not {weights!r}")
        lowest, highest = _BLOCKS
        if blocks is not None and (type(blocks) is not int or not lowest <= blocks <= highest):
            raise ValueError(
                f"blocks must be an integer from {lowest} to {highest}, not {blocks!r}"
            )
        return cls(float(weights), pattern, blocks)

    @property
    def of_blocks(self) -> "Sparsity":
        """The blocks, with the share of those that are not zero; dense if there are none."""
        if self.blocks is None:
            return DENSE
        count, size = Pattern.parse(self.pattern or "1:1")
        return Sparsity(min(1.0, self.weights * size / count), None, self.blocks)


DENSE = Sparsity()
