"""Host model of the N:M-sparse GEMM engine."""

from fractions import Fraction

import numpy as np

from ..golden.sparse.gemm_nm import gemm_nm
from ..golden.sparse.nm import DENSE, Pattern, check_pattern, compress, fits
from ..host.packing import pack, pack_fields
from ._gemm_job import padded
from .gemm_ws import GemmWs, WeightStationaryJob

__all__ = ["GemmNm", "SparseWeightsJob"]


class SparseWeightsJob(WeightStationaryJob):
    """A :class:`WeightStationaryJob` whose weights come with the index of their activation.

    A group of rows takes ``span`` terms of K, in which no column has more non-zeros than the group
    has rows: codes other than 0. ``span`` is the largest for the mode ``pattern``; without one, for
    the weights themselves, and without weights, as many terms as rows.

    Attributes
    ----------
    span : int
        Terms of K of a group.
    """

    span: int

    def _set_modes(self, k, a_type=None, w_type=None, pattern=None):
        k = super()._set_modes(k, a_type, w_type)
        parameters = self.manifest.parameters
        self.group_rows, self.group_lanes = (
            parameters[f"group_{side}"] for side in ("rows", "lanes")
        )
        if pattern is None:
            self.span = self._widest_span()
            dense = self.span == self.group_rows
            pattern = DENSE if dense else Pattern(self.group_rows, self.span)
        else:
            pattern = Pattern.parse(pattern)
            self.span = self._span(pattern)
        self.terms = Fraction(self.span, self.group_rows)
        self.modes["pattern"] = str(pattern)
        return k

    @property
    def choices(self):
        rows = f"{self.group_rows} row{'s' if self.group_rows > 1 else ''}"
        pattern = f"{self.modes['pattern']} (a group of {rows} takes {self.span} terms of K)"
        return {"pattern": pattern} | super().choices

    def _span(self, pattern):
        """The most terms, in whole blocks of a pattern, that fit a group."""
        if self.w is not None:
            check_pattern(self.w != 0, pattern)
        blocks = min(self.group_lanes // pattern.size, self.group_rows // pattern.count)
        if pattern.size % self._step:
            blocks -= blocks % self._step
        if blocks == 0:
            raise ValueError(
                f"Mode pattern must fit {self.group_rows} rows and {self.group_lanes} lanes of a "
                f"group, not be {pattern}"
            )
        return blocks * pattern.size

    def _widest_span(self):
        """The most terms that fit a group in all columns of W."""
        if self.w is None:
            return self.group_rows
        nonzero = self.w != 0
        return next(
            span
            for span in range(self.group_lanes, self.group_rows - 1, -self._step)
            if fits(nonzero, Pattern(self.group_rows, span))
        )

    @property
    def _step(self):
        """Multiples of which a group's terms are: an OVP pair of A stays in a group."""
        return 2 if self.a_side.pair else 1

    def _weights(self, digits, columns):
        nonzero = self.w[:, columns.start : columns.stop] != 0
        k, groups = self.k_tiles * self.tile_terms, self.rows // self.group_rows
        positions = compress(padded(nonzero, k, self.cols), self.group_rows, self.span)
        index = positions - np.arange(self.group_rows)[:, None]
        lanes = []
        for digit in digits:
            digit = padded(digit[:, columns.start : columns.stop], k, self.cols)
            digit = digit.reshape(-1, self.span, self.cols)
            lanes.append(np.take_along_axis(digit, positions, axis=1))

        def words(values):
            tiles = values.reshape(self.k_tiles, groups * self.group_rows, self.cols)
            return tiles[self.kept[columns], ::-1].reshape(-1, self.cols)

        fields = self.streams["weights"]["fields"]
        values = {
            "lane": np.concatenate([words(lanes[w_digit]) for _, w_digit in self.passes]),
            "index": np.tile(words(index), (len(self.passes), 1)),
        }
        return pack_fields(values, fields)

    def _rows(self, digit, rows, tiles):
        digit = padded(digit[rows.start : rows.stop], len(rows), self.k_tiles * self.tile_terms)
        shape = (len(rows), self.k_tiles, self.rows // self.group_rows, self.span)
        missing = (0, self.group_lanes - self.span)
        digit = np.pad(digit.reshape(shape)[:, tiles], ((0, 0), (0, 0), (0, 0), missing))
        digit = digit.reshape(len(rows) * len(tiles), -1)
        words = pack(digit, self._lane_width("acts"))
        return words.reshape(len(rows), len(tiles), -1).swapaxes(0, 1)


class GemmNm(GemmWs):
    """N:M-sparse weight-stationary GEMM engine."""

    bench = "brickwork.sim.tb.sparse.gemm_nm"
    number = 5
    job_class = SparseWeightsJob
    weight_modes = ("pattern",)

    def word_model(self, descriptors, weights, acts, qparams):
        product = self.job_class.product
        return gemm_nm(self.manifest, descriptors, weights, acts, qparams, product)

    @property
    def patterns(self) -> list[str]:
        """Patterns that fit the groups; some leave rows or lanes without use."""
        rows, lanes = (self.manifest.parameters[f"group_{side}"] for side in ("rows", "lanes"))
        patterns = [DENSE, Pattern(rows, lanes), Pattern(1, lanes)]
        patterns += [Pattern(1, size) for size in (lanes // rows, lanes // 2)]
        return sorted({str(pattern) for pattern in patterns})

    def widest_modes(self):
        return super().widest_modes() | {"pattern": str(DENSE)}

    def random_structure(self, rng):
        return {"pattern": str(rng.choice(self.patterns))}

    def structured(self, w, modes, rng):
        if modes.get("pattern") is None:
            return w
        pattern = Pattern.parse(modes["pattern"])
        k = -(-len(w) // pattern.size) * pattern.size
        order = np.argsort(rng.random((k // pattern.size, pattern.size, w.shape[1])), axis=1)
        kept = order.reshape(k, -1)[: len(w)] < pattern.count
        return np.where(kept, w, 0)

    def example_modes(self):
        """Each format of a side, and each pattern."""
        modes, patterns = super().example_modes(), self.patterns
        return [
            modes[index % len(modes)] | {"pattern": patterns[index % len(patterns)]}
            for index in range(max(len(modes), len(patterns)))
        ]
