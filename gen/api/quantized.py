"""Quantized arrays."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...sim.golden import formats
from ..lib.tables import Report

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Quantized"]


@dataclass(frozen=True, eq=False)
class Quantized(Report):
    """An array as codes of a number format, an operand of ``run``.

    Attributes
    ----------
    name : str
        The format.
    codes : integer array
        In the shape of the quantized array.
    scale : float64 array
        Real numbers are the codes' values times this: a single value, or one for each index along
        an axis.
    mse : float
        Mean squared error.
    pair_axis : int
        Of OVP formats the axis along which neighbours are pairs.
    blocks : BlockScaled or None
        Of formats with scales for blocks (MX, NVFP4, W4A16) all of the matrix: ``codes``,
        ``scales`` as codes, ``zeros`` and more; ``scale`` has the blocks' real scales.
    """

    name: str
    codes: "NDArray[np.integer]"
    scale: "NDArray[np.float64]"
    mse: float
    pair_axis: int = -1
    blocks: formats.BlockScaled | None = None

    @property
    def values(self) -> "NDArray[np.float64]":
        """The real numbers that the codes stand for."""
        if self.blocks is not None:
            return self.blocks.values
        return formats.decode(self.codes, self.name, axis=self.pair_axis) * self.scale

    @property
    def bits_per_weight(self) -> float:
        """Bits of codes for each number; with scales for blocks also those of these."""
        return self.blocks.bits_per_weight if self.blocks else formats.get(self.name).bits

    def rows(self) -> dict[str, str | None]:
        lowest, highest = float(np.min(self.scale)), float(np.max(self.scale))
        limits = f"{lowest:.4g}" if lowest == highest else f"{lowest:.4g} to {highest:.4g}"
        return {
            "format": self.name,
            "shape": "×".join(map(str, np.shape(self.codes))) or "one number",
            "bits": f"{self.bits_per_weight:g} a number" if self.blocks else None,
            "scales": f"{np.size(self.scale)}, {limits}",
            "error": f"{self.mse:.4g} (mean of the squares)",
        }
