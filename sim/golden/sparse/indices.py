"""Matrices of codebook indices, of which only those that are not zero take memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..formats import check_integers

__all__ = ["Indices"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Indices:
    """Indices into a codebook, outputs × inputs, by their coordinates; all others are 0.

    Attributes
    ----------
    rows, columns, values : integer arrays
        Output, input and index of each entry that is not 0; no entry comes twice.
    shape : (int, int)
    """

    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray
    shape: tuple[int, int]

    @classmethod
    def of(cls, indices: "ArrayLike | Indices") -> "Indices":
        """The entries of a matrix that are not 0, or the argument itself.

        Raises
        ------
        TypeError, ValueError
            If the argument is neither, or of another shape than outputs × inputs.
        """
        if isinstance(indices, cls):
            return indices
        indices = check_integers(indices, "Indices")
        if indices.ndim != 2:
            raise ValueError(
                f"Indices must be a matrix, outputs × inputs, not of the shape {indices.shape}"
            )
        rows, columns = np.nonzero(indices)
        return cls(rows=rows, columns=columns, values=indices[rows, columns], shape=indices.shape)

    def check(self, codebook: np.ndarray) -> None:
        """Raises ``ValueError`` if an index is beyond the codebook."""
        values = self.values
        if values.size and not 0 <= values.min() <= values.max() < len(codebook):
            raise ValueError(f"Indices must be from 0 to {len(codebook) - 1}")

    def dense(self) -> np.ndarray:
        """All indices, uint8."""
        matrix = np.zeros(self.shape, np.uint8)
        matrix[self.rows, self.columns] = self.values
        return matrix
