"""Jobs of the GEMM engines: a product cut into output tiles, and output tiles into words.

The engines in ``hdl`` define the order of the words; sizes and latencies come from the manifest.
"""

import abc
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..golden.engine import accumulated, coded_product, nan_inf_results
from ..golden.formats.checks import check_integers, first_index
from ..host.packing import pack_fields
from ..manifest import Manifest
from ._operand_types import Side
from .base import Frame, Job, pack_results

__all__ = ["GemmJob", "QuantParams", "checked_qparams", "padded"]


@dataclass(frozen=True, kw_only=True)
class QuantParams:
    """Per-channel quantization parameters: arrays with a value for each column of W.

    ``bias`` is added to the sums. A result of the output stage ``threshold`` is 1 if that is at
    least 0, and the other way around where ``flip`` is 1. Requantization multiplies by
    ``multiplier`` · 2^-``shift``, adds ``zero_point``, and clamps to ``low`` and ``high``.
    """

    bias: np.ndarray
    multiplier: np.ndarray
    shift: np.ndarray
    zero_point: np.ndarray
    low: np.ndarray
    high: np.ndarray
    flip: np.ndarray | None = None

    @classmethod
    def of_bias(cls, bias: np.ndarray) -> "QuantParams":
        """Parameters for an engine with the output stage ``bias``."""
        ones = np.ones(len(bias), np.int64)
        return cls(bias=bias, **{item.name: ones for item in fields(cls) if item.name != "bias"})

    @classmethod
    def of_signs(cls, bias: np.ndarray, flip: np.ndarray) -> "QuantParams":
        """Parameters for an engine with the output stage ``threshold``: 1 from -``bias`` on."""
        return replace(cls.of_bias(bias), flip=np.asarray(flip, np.int64))

    def words(self, layout: list[dict], columns: range, cols: int) -> np.ndarray:
        """The words of one output tile, the last column's first; columns beyond N are zero."""
        word_bits = sum(field["width"] for field in layout)
        bits = np.zeros((cols, word_bits), np.uint8)
        for field in layout:
            values = np.asarray(getattr(self, field["name"]), np.int64)
            values = values[columns.start : columns.stop]
            lane = (values[:, None] >> np.arange(field["width"])) & 1
            bits[: len(values), field["offset"] : field["offset"] + field["width"]] = lane
        return np.packbits(bits[::-1], axis=1, bitorder="little")


def checked_qparams(qparams: QuantParams | None, layout: list[dict], n: int) -> QuantParams | None:
    """Quantization parameters, as int64, that fit the words of a stream.

    Parameters
    ----------
    qparams : QuantParams or None
    layout : list of dict
        Fields of the stream ``channels``; empty for an engine with raw results.
    n : int
        Columns of W.

    Raises
    ------
    TypeError, ValueError
        If they are missing, or must be; if a field does not have ``n`` integers, an integer does
        not fit its bits, or a lower limit is above the upper one.
    """
    if not layout:
        if qparams is not None:
            raise ValueError("Quantization parameters must be None for raw results")
        return None
    if not isinstance(qparams, QuantParams):
        raise TypeError(f"Quantization parameters must be QuantParams, not {qparams!r}")
    values = {}
    for item in layout:
        name, width, sign = item["name"], item["width"], int(item["signed"])
        subject = f"Quantization parameter {name}"
        array = check_integers(getattr(qparams, name), subject)
        if array.shape != (n,):
            raise ValueError(
                f"{subject} must be {n} integers, one for each column of W, not of the shape "
                f"{array.shape}"
            )
        lowest, highest = -sign << (width - 1), (1 << (width - sign)) - 1
        outside = (array < lowest) | (array > highest)
        if outside.any():
            index, where = first_index(outside)
            raise ValueError(
                f"{subject} must be from {lowest} to {highest}, not {array[index]}{where}"
            )
        values[name] = array.astype(np.int64)
    if "low" in values and (values["low"] > values["high"]).any():
        index, where = first_index(values["low"] > values["high"])
        raise ValueError(
            f"Quantization parameter low must be at most high ({values['high'][index]}), not "
            f"{values['low'][index]}{where}"
        )
    return replace(qparams, **values)


def padded(matrix: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The matrix padded with zeros below and to the right."""
    padding = (rows - matrix.shape[0], columns - matrix.shape[1])
    return np.pad(matrix, ((0, padding[0]), (0, padding[1]))) if any(padding) else matrix


class GemmJob(Job):
    """The product of an M × K and a K × N matrix, cut into output tiles.

    Parameters
    ----------
    manifest : Manifest
    shape : (int, int, int)
        M, K and N, at least 1 each.
    a, w : integer arrays or None
        Codes of the engine's formats, M × K and K × N; codes of an integer format are the integers
        themselves. A job without operands is a plan: it has sizes and cycles, and no words.
    qparams : QuantParams or None
        Required unless the engine has raw outputs.
    **modes
        Modes at run time.

    Attributes
    ----------
    tiles : list of (range, range)
        Rows of A and columns of W of each output tile, in the order of the results.
    passes : list of (int, int)
        For each pass the indices of the digits of A and of W; a single pass unless the operands are
        decomposed.
    terms : int or Fraction
        Terms of K that a PE stands for in a cycle.

    Raises
    ------
    ValueError
        If a mode does not exist.
    """

    #: Words of weights that are sent in turn with those of activations; ``None`` for a whole tile.
    frame_step: ClassVar[int | None] = None
    #: Words of activations that meet a word of weights, where they are sent in turn.
    acts_per_weight: int = 1
    #: The golden sums of products; those of PEs with arithmetic of their own replace it.
    product: ClassVar[Callable[..., np.ndarray]] = staticmethod(accumulated)

    tiles: list[tuple[range, range]]
    terms: int = 1

    def __init__(self, manifest: Manifest, shape, a=None, w=None, qparams=None, **modes):
        self.manifest, self.a, self.w, self.qparams = manifest, a, w, qparams
        self.shape = self.m, k, self.n = shape
        self.timing, self.streams = manifest.timing, manifest.streams
        self.rows, self.cols = manifest.parameters["rows"], manifest.parameters["cols"]
        self.k = self._set_modes(k, **modes)
        self.run_interval = self.timing["run_interval"]

    def _set_modes(self, k, a_type: str | None = None, w_type: str | None = None) -> int:
        """Sets ``modes`` and ``passes``; returns K, padded for OVP pairs."""
        parameters = self.manifest.parameters
        self.a_side, self.w_side = Side(parameters["a_format"]), Side(parameters["w_format"])
        self.modes = {"a_type": self.a_side.choose(a_type), "w_type": self.w_side.choose(w_type)}
        none = np.zeros((1, 1), np.int64)
        self.passes = [
            (a_digit, w_digit)
            for a_digit in range(len(self.a_side.lanes(none, self.modes["a_type"])))
            for w_digit in range(len(self.w_side.lanes(none, self.modes["w_type"])))
        ]
        return k + k % 2 if self.a_side.pair or self.w_side.pair else k

    def _digits(self):
        """Lanes of each digit of A and of W, and the descriptor's modes for each pass."""
        a_digits = self.a_side.lanes(self.a, self.modes["a_type"])
        w_digits = self.w_side.lanes(self.w, self.modes["w_type"])
        modes = [
            {"a_type": a_digits[a_digit][0], "w_type": w_digits[w_digit][0]}
            for a_digit, w_digit in self.passes
        ]
        return [lanes for _, lanes in a_digits], [lanes for _, lanes in w_digits], modes

    @property
    def tile_terms(self) -> int:
        """Terms of K that the rows of the array stand for in a cycle."""
        return int(self.rows * self.terms)

    @property
    def choices(self) -> dict[str, str]:
        """Decisions that the operands led to, by name, for reports."""
        return {}

    @property
    @abc.abstractmethod
    def cycles(self) -> int: ...

    @property
    @abc.abstractmethod
    def representative(self) -> tuple[int, int, int]:
        """M, K and N of a portion that suffices to confirm the formula of cycles: a few tiles in
        every direction, with ragged edges where the product has them."""

    @abc.abstractmethod
    def _golden(self) -> np.ndarray: ...

    @abc.abstractmethod
    def _descriptors(self, rows: range, columns: range, modes: list[dict]) -> np.ndarray: ...

    @abc.abstractmethod
    def _weights(self, digits: list[np.ndarray], columns: range) -> np.ndarray: ...

    @abc.abstractmethod
    def _acts(self, digits: list[np.ndarray], rows: range, columns: range) -> np.ndarray: ...

    @abc.abstractmethod
    def _words_per_pass(self, rows: range, columns: range) -> dict[str, int]:
        """Words of each operand stream for one pass of an output tile."""

    def _columns(self) -> list[range]:
        return [range(c, min(c + self.cols, self.n)) for c in range(0, self.n, self.cols)]

    @property
    def _first_launch(self) -> int:
        """Cycles until the first output tile can launch."""
        return self.timing["first_launch"]

    def words(self) -> dict[str, Iterator[np.ndarray]]:
        a_digits, w_digits, modes = self._digits()
        streams = {
            "tiles": (self._descriptors(*tile, modes) for tile in self.tiles),
            "weights": (self._weights(w_digits, columns) for _, columns in self.tiles),
            "acts": (self._acts(a_digits, *tile) for tile in self.tiles),
        }
        if "channels" in self.streams:
            layout = self.streams["channels"]["fields"]
            streams["channels"] = (
                self.qparams.words(layout, columns, self.cols) for _, columns in self.tiles
            )
        return streams

    def frames(self) -> Iterator[Frame]:
        """See :meth:`Job.frames`.

        Only one stream moves at a time, so that a word that the engine cannot accept stops all
        words behind it. Tile by tile, no word is stopped for ever if results are accepted:

        * The engine accepts a descriptor once the previous tile, and quantization parameters once
          the previous output tile, has begun its last step. All words for that were sent before.
        * A weight-stationary engine loads the weights of a tile once the previous weights have
          become active, with the first activations of the previous tile. The activations of the
          tile depend on no other words.
        * An output-stationary engine takes a word of weights and one of activations in a step. The
          engine holds a word of each, and the converter in front of it another one. Two words of
          weights are accepted without activations, and then the two words of activations for them,
          or more where several meet each word of weights.
        """
        words, step, ratio = self.words(), self.frame_step, self.acts_per_weight
        for number in range(len(self.tiles)):
            tile_words = {name: next(stream) for name, stream in words.items()}
            passes = len(tile_words["tiles"])
            operands = {
                name: tile_words[name].reshape(passes, -1, tile_words[name].shape[1])
                for name in ("weights", "acts")
            }
            for index in range(passes):
                last = number == len(self.tiles) - 1 and index == passes - 1
                yield Frame("tiles", tile_words["tiles"][index : index + 1], last)
                if index == 0 and "channels" in tile_words:
                    yield Frame("channels", tile_words["channels"])
                weights, acts = operands["weights"][index], operands["acts"][index]
                for at in range(0, len(weights), step or len(weights)):
                    end = at + step if step else None
                    yield Frame("weights", weights[at:end])
                    yield Frame("acts", acts[at * ratio : end and end * ratio])

    @property
    def results_owed(self) -> list[int]:
        owed = []
        for rows, columns in self.tiles:
            descriptors = len(self.passes) * self._words_per_pass(rows, columns)["tiles"]
            owed += [0] * (descriptors - 1) + [len(rows)]
        return owed

    @property
    def result_words(self) -> int:
        return sum(len(rows) for rows, _ in self.tiles)

    @property
    def stream_words(self) -> dict[str, int]:
        words: dict[str, int] = {}
        for tile in self.tiles:
            for name, count in self._words_per_pass(*tile).items():
                words[name] = words.get(name, 0) + len(self.passes) * count
        if "channels" in self.streams:
            words["channels"] = len(self.tiles) * self.cols
        return words | {"results": self.result_words}

    @property
    def macs(self) -> int:
        return math.prod(self.shape)

    @property
    def ideal_cycles(self) -> int:
        size = self.rows * self.cols * self.terms
        return -(-self.macs * len(self.passes) // size)

    @cached_property
    def expected(self) -> np.ndarray:
        return self._golden()

    def golden_words(self) -> np.ndarray:
        tiles = []
        for rows, columns in self.tiles:
            lanes = self.expected[rows.start : rows.stop, columns.start : columns.stop]
            tiles.append(padded(lanes, len(rows), self.cols))
        return pack_results(self.manifest, np.concatenate(tiles))

    def gather(self, words):
        return self._gather(words["lane"] if isinstance(words, dict) else words)

    def flags(self, words):
        return self._gather(words["special"]).astype(bool) if isinstance(words, dict) else None

    def _gather(self, lanes):
        results = np.zeros((self.m, self.n), np.int64)
        at = 0
        for rows, columns in self.tiles:
            words = lanes[at : at + len(rows), : len(columns)]
            results[rows.start : rows.stop, columns.start : columns.stop] = words
            at += len(rows)
        return results

    def matches(self, y, flags=None):
        equal = np.array_equal(y, self.expected)
        if flags is None:
            return equal
        needed = self.special_results
        # Further results of the same tile may be flagged, but none without NaN or Inf operands.
        return bool(equal and flags[needed].all() and flags.any() <= needed.any())

    def description(self) -> dict[str, Any]:
        return dict(zip("mkn", self.shape, strict=True)) | self.modes

    def _coded_golden(self, step):
        return coded_product(
            *(self.manifest, self.a, self.w, self.qparams),
            step=step,
            product=self.product,
            **self._types,
        )

    @property
    def special_results(self) -> np.ndarray:
        """Which results depend on NaN or an infinity: a bool array, M × N."""
        return nan_inf_results(self.a, self.w, **self._types)

    @property
    def _types(self):
        return {name: self.modes[name] for name in ("a_type", "w_type")}

    def _lane_width(self, stream: str) -> int:
        return self.streams[stream]["fields"][0]["width"]

    def _descriptor_words(self, values: list[dict[str, int]]) -> np.ndarray:
        layout = self.streams["tiles"]["fields"]
        columns = {
            field["name"]: np.array([tile[field["name"]] for tile in values]) for field in layout
        }
        return pack_fields(columns, layout)
