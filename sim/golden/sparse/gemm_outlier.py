"""The GEMM engine with dense narrow weights and a few outliers as words in and words out."""

from typing import NamedTuple

import numpy as np

from ...manifest import Manifest
from .. import formats
from ..engine import accumulated
from ..systolic.gemm_ws import gemm_ws

__all__ = ["Group", "gemm_outlier"]


class Group(NamedTuple):
    """What a group of rows holds: words of ``bits`` bits, in the order of its fields.

    Attributes
    ----------
    bits : int
        Bits of a dense digit and of a word.
    lanes, outliers : int
        Dense digits, a word each, and outliers.
    """

    bits: int
    lanes: int
    outliers: int

    @classmethod
    def of(cls, manifest: Manifest) -> "Group":
        parameters = manifest.parameters
        bits = formats.get(parameters["w_format"]).bits // 2
        return cls(bits, parameters["group_lanes"], parameters["outlier_rows"])

    @property
    def outlier_words(self) -> int:
        """Words of an outlier: its digit of ``bits`` + 1 bits, and the index of its lane above."""
        return -(-(self.bits + 1 + (self.lanes - 1).bit_length()) // self.bits)

    @property
    def words(self) -> int:
        return self.lanes + self.outliers * self.outlier_words

    def stored(self, digits: np.ndarray, lanes: np.ndarray) -> np.ndarray:
        """Outliers as words: an axis ``outliers`` second to last becomes that of their words."""
        fields = digits & ((2 << self.bits) - 1) | lanes << (self.bits + 1)
        shifts = self.bits * np.arange(self.outlier_words)
        words = fields[..., None, :] >> shifts[:, None] & ((1 << self.bits) - 1)
        return words.reshape(*words.shape[:-3], -1, words.shape[-1])

    def read(self, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Digits and lanes of outliers from their words: the inverse of :meth:`stored`."""
        words = words & ((1 << self.bits) - 1)
        shape = (*words.shape[:-2], self.outliers, self.outlier_words, words.shape[-1])
        shifts = self.bits * np.arange(self.outlier_words)
        fields = (words.reshape(shape) << shifts[:, None]).sum(axis=-2)
        sign = 1 << self.bits
        digits = (fields & (2 * sign - 1) ^ sign) - sign
        return digits, fields >> (self.bits + 1) & ((1 << (self.lanes - 1).bit_length()) - 1)


def gemm_outlier(
    manifest: Manifest,
    tiles: list[dict[str, int]],
    weights: np.ndarray,
    acts: np.ndarray,
    channels,
    product=accumulated,
) -> np.ndarray:
    """All results, words × columns, of whole runs; see :func:`gemm_ws`.

    Parameters
    ----------
    weights : int64 array, words × columns
        The words of each :class:`Group`.
    """
    group = Group.of(manifest)

    def tile_terms(number, operands):
        """The weights of the tile's terms, from their digits."""
        cols = operands.shape[1]
        words = operands.reshape(-1, group.words, cols)
        terms = words[:, : group.lanes].copy()
        digits, lanes = group.read(words[:, group.lanes :])
        at, column = np.meshgrid(np.arange(len(terms)), np.arange(cols), indexing="ij")
        for row in range(group.outliers):
            terms[at, lanes[:, row], column] += digits[:, row] << group.bits
        return terms.reshape(-1, cols)

    return gemm_ws(manifest, tiles, weights, acts, channels, product, tile_terms=tile_terms)
