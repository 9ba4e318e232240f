"""Host model of the GEMM engine for operands with scales for groups of terms."""

from dataclasses import dataclass

import numpy as np

from ..golden.engine import nan_inf_results, scaled_product
from ..golden.formats import SCALE_FORMATS, encode_scales
from ..golden.systolic.gemm_scaled import gemm_scaled
from ..host.packing import pack, pack_fields
from ._gemm import Gemm
from .base import Frame
from .gemm_ws import WeightStationaryJob

__all__ = ["GemmScaled", "GroupScales", "ScaledJob"]


@dataclass(frozen=True, kw_only=True, eq=False)
class GroupScales:
    """Scales of groups of terms of K, codes of the engine's formats.

    Attributes
    ----------
    group : int
        Terms of a group; the last one may have fewer.
    w : integer array, groups × N
    a : integer array, M × groups, or None
        ``None`` for an engine without scales of activations.
    """

    group: int
    w: np.ndarray
    a: np.ndarray | None = None


def one(name: str) -> int:
    """The code of the scale 1."""
    return 127 if name == "e8m0" else int(encode_scales(np.float64(1), name))


class ScaledJob(WeightStationaryJob):
    """A :class:`WeightStationaryJob` whose terms of K come in groups that have scales.

    A group takes whole tiles: rows of PEs beyond its terms have zeros. Beside the words of
    :class:`WeightStationaryJob` there is, for each group of an output tile, one on ``w_scales``.

    Parameters
    ----------
    scales : GroupScales or None
        ``None`` stands for scales of 1 and the largest groups of the engine.
    """

    def __init__(self, manifest, shape, a=None, w=None, qparams=None, *, scales=None, **modes):
        m, k, n = shape
        parameters = manifest.parameters
        self.a_scale, self.w_scale = parameters["a_scale"], parameters["w_scale"]
        self.scales = scales or _ones(parameters, shape)
        if parameters["align"]:
            self.scales = _of_tiles(self.scales, k, parameters["rows"])
        group, rows = self.scales.group, parameters["rows"]
        self.group_count = -(-k // group)
        self.group_tiles = -(-min(group, k) // rows)
        #: Where each term is among the rows of all tiles.
        terms = np.arange(k)
        self._positions = terms // group * self.group_tiles * rows + terms % group
        self._codes = a, w
        padded_k = self.group_tiles * rows * self.group_count
        if a is not None:
            spread = np.zeros((m, padded_k), np.int64), np.zeros((padded_k, n), np.int64)
            spread[0][:, self._positions] = a
            spread[1][self._positions] = w
            a, w = spread
        super().__init__(manifest, shape, a, w, qparams, **modes)

    def _set_modes(self, k, a_type=None, w_type=None):
        super()._set_modes(k, a_type, w_type)
        return self.group_tiles * self.manifest.parameters["rows"] * self.group_count

    @property
    def macs(self):
        m, k, n = self.shape
        return m * k * n

    @property
    def choices(self):
        group, count = self.scales.group, self.group_count
        return {"groups of K": f"{count} of {group} terms, {self.group_tiles * count} tiles"}

    @property
    def representative(self):
        m, _, n = super().representative
        group = self.scales.group
        return m, min(self.shape[1], 2 * group + self.shape[1] % group), n

    def _golden(self):
        of_a = None if self.scales.a is None else (self.scales.a, self.a_scale)
        return scaled_product(
            self.manifest,
            *self._codes,
            group=self.scales.group,
            w_scales=(self.scales.w, self.w_scale),
            a_scales=of_a,
            **self._types,
        )

    @property
    def special_results(self):
        a, w = self._codes
        return nan_inf_results(a, w, **self._types)

    def words(self):
        scales = (self._scale_words(columns) for _, columns in self.tiles)
        return super().words() | {"w_scales": scales}

    def _scale_words(self, columns):
        lanes = self.scales.w[:, columns.start : columns.stop].astype(np.int64)
        missing = (0, self.cols - lanes.shape[1])
        return pack(np.pad(lanes, ((0, 0), missing)), self._lane_width("w_scales"))

    def frames(self):
        scales = (word for _, columns in self.tiles for word in self._scale_words(columns))
        closes = (close for _ in self.tiles for close in self._closes())
        for frame in super().frames():
            yield frame
            if frame.stream == "tiles" and next(closes):
                yield Frame("w_scales", next(scales)[None])

    def _closes(self):
        """For each tile of K whether it ends a group."""
        ends = np.arange(1, self.k_tiles + 1) % self.group_tiles == 0
        return ends.tolist()

    def _words_per_pass(self, rows, columns):
        words = super()._words_per_pass(rows, columns)
        return words | {"w_scales": self.group_count}

    def _descriptors(self, rows, columns, modes):
        (mode,) = modes
        values = [
            {"length": len(rows) - 1, "first": 0, "last": 0, "close": int(close)} | mode
            for close in self._closes()
        ]
        values[0]["first"] = values[-1]["last"] = 1
        return self._descriptor_words(values)

    def _rows(self, digit, rows, tiles):
        words = super()._rows(digit, rows, tiles)
        if self.a_scale == "none":
            return words
        lanes = digit[rows.start : rows.stop].reshape(len(rows), self.k_tiles, self.rows)
        groups = np.asarray(tiles) // self.group_tiles
        values = {
            "lane": lanes[:, tiles].swapaxes(0, 1).reshape(-1, self.rows),
            "scale": self.scales.a[rows.start : rows.stop, groups].T.reshape(-1),
        }
        words = pack_fields(values, self.streams["acts"]["fields"])
        return words.reshape(len(tiles), -1, words.shape[-1])


def _of_tiles(scales, k, rows):
    """The same scales for groups that are tiles of K: aligned sums end with the tile."""
    if scales.group <= rows:
        return scales
    if scales.group % rows and scales.group < k:
        raise ValueError(
            f"Group must be a multiple of the {rows} rows for aligned activations, not "
            f"{scales.group}"
        )
    tiles = np.arange(0, k, rows) // scales.group
    return GroupScales(group=rows, w=scales.w[tiles])


def _ones(parameters, shape):
    m, k, n = shape
    group = min(parameters["group"], k)
    count = -(-k // group)
    a_scale = parameters["a_scale"]
    return GroupScales(
        group=group,
        w=np.full((count, n), one(parameters["w_scale"])),
        a=None if a_scale == "none" else np.full((m, count), one(a_scale)),
    )


class GemmScaled(Gemm):
    """GEMM engine for MX, NVFP4 and W4A16."""

    bench = "brickwork.sim.tb.float.gemm_scaled"
    number = 8
    job_class = ScaledJob
    depth_parameter = "acc_depth"

    def job(self, a, w, qparams=None, *, scales=None, **options):
        """See :meth:`Gemm.job`.

        Raises
        ------
        TypeError, ValueError
            As there; or if the scales are not those of the operands' groups, or a group is larger
            than the engine's.
        """
        if scales is not None:
            self._check(scales, np.shape(a), np.shape(w))
        return super().job(a, w, qparams, scales=scales, **options)

    def _check(self, scales, a_shape, w_shape):
        parameters = self.manifest.parameters
        most = parameters["group"]
        if not 1 <= scales.group <= most:
            raise ValueError(f"Group must be from 1 to {most} terms (group), not {scales.group}")
        count = -(-w_shape[0] // scales.group)
        for side, codes, shape in (
            ("w", scales.w, (count, w_shape[-1])),
            ("a", scales.a, (a_shape[0], count)),
        ):
            name = parameters[f"{side}_scale"]
            if (codes is None) != (name == "none"):
                raise ValueError(
                    f"Scales of {side.upper()} must be {'left out' if name == 'none' else name} "
                    f"for this engine ({side}_scale={name})"
                )
            if codes is None:
                continue
            bits = SCALE_FORMATS[name].bits
            if codes.shape != shape or codes.min() < 0 or int(codes.max()) >> bits:
                raise ValueError(
                    f"Scales of {side.upper()} must be codes of {bits} bits of the shape {shape}, "
                    f"not of {codes.shape}"
                )

    def random_scales(self, shape, rng):
        """Mostly scales around 1; some are any codes, also of NaN."""
        m, k, n = shape
        parameters = self.manifest.parameters
        rows, most = parameters["rows"], parameters["group"]
        group = int(rng.choice([most, rng.integers(1, most + 1), min(most, rows)]))
        if parameters["align"] and group > rows:
            group -= group % rows
        group = min(group, k)
        count = -(-k // group)

        def codes(name, size):
            bits, fraction = SCALE_FORMATS[name].bits, SCALE_FORMATS[name].mantissa
            near = one(name) + rng.integers(-3 << fraction, (3 << fraction) + 1, size)
            others = rng.random(size) < rng.choice([0, 0.02])
            return np.where(others, rng.integers(0, 1 << bits, size), near)

        a_scale = parameters["a_scale"]
        return GroupScales(
            group=group,
            w=codes(parameters["w_scale"], (count, n)),
            a=None if a_scale == "none" else codes(a_scale, (m, count)),
        )

    def word_model(self, descriptors, weights, acts, qparams, w_scales):
        return gemm_scaled(self.manifest, descriptors, weights, acts, w_scales)
