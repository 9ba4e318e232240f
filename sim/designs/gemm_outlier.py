"""Host model of the GEMM engine with dense narrow weights and a few outliers."""

import math
from fractions import Fraction

import numpy as np

from ..golden import formats
from ..golden.formats.checks import check_share
from ..golden.sparse.gemm_outlier import Group, gemm_outlier
from ..host.packing import pack
from ._outlier_tiles import OutlierTiles
from .gemm_ws import GemmWs, WeightStationaryJob

__all__ = ["GemmOutlier", "OutlierJob"]

#: Groups of columns that a plan draws outliers for; it takes those of the others for like these.
_DRAWN = 8


class OutlierJob(WeightStationaryJob):
    """A :class:`WeightStationaryJob` whose weights are dense digits and outliers.

    K is in another order for each group of columns: see :class:`OutlierTiles`. The mode
    ``outliers`` is the share of outliers, such as ``"1%"``; with weights it is theirs.

    Attributes
    ----------
    share : float
        Of outliers.
    outlier_tiles : dict
        For the columns of each output tile its tiles; of a plan, for some.
    """

    def _set_modes(self, k, a_type=None, w_type=None, outliers=None):
        k = super()._set_modes(k, a_type, w_type)
        self.group = Group.of(self.manifest)
        self.groups = self.rows // self.group.words
        self.terms = Fraction(self.group.lanes, self.group.words)
        share = check_share(outliers or "0%", "Mode outliers")
        if self.w is not None:
            half = 1 << (self.group.bits - 1)
            share = ((self.w < -half) | (self.w >= half)).mean()
        self.share, self.modes["outliers"] = share, f"{100 * share:.3g}%"
        self.outlier_tiles = {}
        return k

    def _kept(self, blocks):
        for columns in self._columns():
            w = self._weights_of(columns)
            if w is not None:
                self.outlier_tiles[columns] = OutlierTiles.arrange(
                    w,
                    self._terms_of(columns, blocks),
                    bits=self.group.bits,
                    groups=self.groups,
                    lanes=self.group.lanes,
                    rows=self.group.outliers,
                )
        tiles = list(self.outlier_tiles.values())
        return {
            columns: np.arange(tiles[number % len(tiles)].count)
            for number, columns in enumerate(self._columns())
        }

    def _weights_of(self, columns):
        """W, or for a plan outliers that are drawn, for some of the columns."""
        if self.w is not None:
            return self.w[:, columns.start : columns.stop]
        number = columns.start // self.cols
        if number >= _DRAWN:
            return None
        drawn = np.random.default_rng(number).random((self.k, len(columns)))
        return np.where(drawn < self.share, 1 << self.group.bits, 0)

    def _terms_of(self, columns, blocks):
        """The terms of K that have weights in these columns, one at least."""
        if blocks is None:
            return np.arange(self.k)
        mask, size = blocks
        nonzero = mask[:, columns.start // size : -(-columns.stop // size)].any(axis=1)
        terms = np.flatnonzero(np.repeat(nonzero, size)[: self.k])
        return terms if len(terms) else np.arange(1)

    @property
    def macs(self):
        return math.prod(self.shape)

    @property
    def choices(self):
        tiles = sum(map(len, self.kept.values()))
        least = self.k_tiles * len(self.kept)
        more = f", {tiles - least} more than without outliers" if tiles > least else ""
        return {"outliers": f"{self.modes['outliers']} of W, {tiles} tiles{more}"}

    def _weights(self, digits, columns):
        tiles = self.outlier_tiles[columns]
        stored = self.group.stored(tiles.outliers, tiles.lanes)
        words = np.concatenate([tiles.dense, stored], axis=2)
        words = words.reshape(tiles.count, self.rows, len(columns))[:, ::-1]
        words = np.pad(words, ((0, 0), (0, 0), (0, self.cols - len(columns))))
        words = np.tile(words.reshape(-1, self.cols), (len(self.passes), 1))
        return pack(words, self._lane_width("weights"))

    def _acts(self, digits, rows, columns):
        terms = self.outlier_tiles[columns].terms
        terms = terms.reshape(len(terms), -1)
        tiles = [
            np.where(terms >= 0, digit[rows.start : rows.stop, terms], 0).swapaxes(0, 1)
            for digit in digits
        ]
        words = np.stack([tiles[a_digit] for a_digit, _ in self.passes])
        return pack(words.reshape(-1, words.shape[-1]), self._lane_width("acts"))


class GemmOutlier(GemmWs):
    """GEMM engine with dense narrow weights and a few outliers."""

    bench = "brickwork.sim.tb.sparse.gemm_outlier"
    number = 6
    job_class = OutlierJob
    weight_modes = ("outliers",)

    def word_model(self, descriptors, weights, acts, qparams):
        product = self.job_class.product
        return gemm_outlier(self.manifest, descriptors, weights, acts, qparams, product)

    def random_structure(self, rng):
        return {"outliers": str(rng.choice(["0%", "2%", "10%", "100%"]))}

    def structured(self, w, modes, rng):
        half = 1 << (formats.get(self.manifest.parameters["w_format"]).bits // 2 - 1)
        outliers = rng.random(w.shape) < check_share(modes.get("outliers", "0%"), "Mode outliers")
        return np.where(outliers, w, (w + half) % (2 * half) - half)

    def example_modes(self):
        return [modes | {"outliers": "10%"} for modes in super().example_modes()]
