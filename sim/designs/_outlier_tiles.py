"""Tiles of weights whose outliers are apart: which term of K is in which group of rows."""

from dataclasses import dataclass

import numpy as np

__all__ = ["OutlierTiles"]


@dataclass(frozen=True, kw_only=True)
class OutlierTiles:
    """The weights of a group of columns in tiles, K in any order.

    Attributes
    ----------
    terms : int64 array, tiles × groups × lanes
        The term of K of each lane; -1 for none.
    dense : int64 array, tiles × groups × lanes × columns
        Lower digits of the weights, signed.
    outliers, lanes : int64 arrays, tiles × groups × outlier rows × columns
        Upper digits, and the lanes of their terms.
    """

    terms: np.ndarray
    dense: np.ndarray
    outliers: np.ndarray
    lanes: np.ndarray

    @classmethod
    def arrange(
        cls, w: np.ndarray, kept: np.ndarray, *, bits: int, groups: int, lanes: int, rows: int
    ) -> "OutlierTiles":
        """Few tiles for the rows ``kept`` of W, one at least.

        Terms with outliers go first: each to the first group with a lane for it and, in all of the
        columns where it is an outlier, a row; if there is none, to the group that has most of them.
        The others fill the lanes that are left. Outliers without a row go to groups behind these,
        where their terms come again.

        Parameters
        ----------
        w : int64 array, K × columns
        bits : int
            Bits of a digit; weights have twice as many.
        groups, lanes, rows : int
            Groups of a tile, and a group's lanes and outlier rows.
        """
        w = w[kept]
        k, columns = w.shape
        half = 1 << (bits - 1)
        lower = (w + half & (2 * half - 1)) - half
        maker = _Maker(w - lower >> bits, groups, lanes, rows)
        count = -(-k // (lanes * groups)) * groups
        chosen = np.flatnonzero(maker.upper.any(axis=1))
        needs = (maker.upper[chosen] != 0).sum(axis=1)
        for term in chosen[np.argsort(-needs, kind="stable")]:
            maker.place(term, 0, count)
        free = np.argwhere(maker.terms[:count] < 0)
        others = np.setdiff1d(np.arange(k), chosen, assume_unique=True)
        maker.terms[tuple(free[: len(others)].T)] = others
        for term in chosen:
            while maker.upper[term].any():
                # One empty group behind those in use is enough to look at.
                maker.place(term, count, max(count, maker.used) + 1)
        tiles = -(-max(maker.used, count) // groups)
        terms = maker.terms[: tiles * groups]
        dense = np.zeros((*terms.shape, columns), np.int64)
        dense[:count] = np.where(terms[:count, :, None] >= 0, lower[terms[:count]], 0)

        def cut(values):
            return values[: tiles * groups].reshape(tiles, groups, *values.shape[1:])

        return cls(
            terms=cut(np.where(terms >= 0, kept[terms], -1)),
            dense=cut(dense),
            outliers=cut(maker.digits),
            lanes=cut(maker.lanes),
        )

    @property
    def count(self) -> int:
        return len(self.terms)


class _Maker:
    """Groups, and what is left of the upper digits of weights: ``upper``, K × columns."""

    def __init__(self, upper, groups, lanes, rows):
        self.upper, self._rows = upper.copy(), rows
        columns = upper.shape[1]
        # Enough for every term with all others, and once more alone; tiles may be filled up.
        size = -(-len(upper) // lanes) + len(upper) + 2 * groups
        self.terms = np.full((size, lanes), -1)
        shape = (len(self.terms), rows, columns)
        self.digits, self.lanes = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self._load = np.zeros((len(self.terms), columns), np.int64)
        self._size = np.zeros(len(self.terms), np.int64)
        #: Groups up to the last that has an outlier.
        self.used = 0

    def place(self, term, first, end):
        """Put a term into one of the groups ``first`` to ``end``, and its outliers, if they fit."""
        columns = np.flatnonzero(self.upper[term])
        served = (self._load[first:end][:, columns] < self._rows).sum(axis=1)
        served[self._size[first:end] == self.terms.shape[1]] = -1
        group = first + int(np.argmax(served))
        lane = self._size[group]
        self._size[group] += 1
        self.terms[group, lane] = term
        self.used = max(self.used, group + 1)
        columns = columns[self._load[group, columns] < self._rows]
        row = self._load[group, columns]
        self.digits[group, row, columns] = self.upper[term, columns]
        self.lanes[group, row, columns] = lane
        self._load[group, columns] += 1
        self.upper[term, columns] = 0
