"""Host side of the GEMM engines: cuts a product into tiles, and tiles into words.

This is what a driver does; :class:`GemmWs` and :class:`GemmOs` of ``brickwork.hdl`` define the
order of the words. Everything that depends on the engine is read from its manifest.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .packing import pack

__all__ = ["CHANNELS", "OUTPUT_LATENCY", "Channels", "Tiling", "tiling"]

#: Cycles that each kind of output takes from a sum to its result.
OUTPUT_LATENCY = {"raw": 0, "bias": 1, "shift": 5, "scale": 7}
#: Fields of :class:`Channels`.
CHANNELS = ("bias", "multiplier", "shift", "zero_point", "low", "high")


@dataclass(frozen=True, kw_only=True)
class Channels:
    """What is done to the sums of each column of W; each array has N values.

    ``bias`` is added. The rest is for outputs that are requantized: ``multiplier`` · 2^-``shift``,
    then ``zero_point``, limits ``low`` and ``high``.
    """

    bias: np.ndarray
    multiplier: np.ndarray
    shift: np.ndarray
    zero_point: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def words(self, layout: list[dict], columns: range, cols: int) -> np.ndarray:
        """The words of one run, the last column's first; columns beyond N are zero."""
        word_bits = sum(part["width"] for part in layout)
        ones = np.zeros((cols, word_bits), np.uint8)
        for part in layout:
            values = np.asarray(getattr(self, part["name"]), np.int64)[columns.start : columns.stop]
            lane = (values[:, None] >> np.arange(part["width"])) & 1
            ones[: len(values), part["offset"] : part["offset"] + part["width"]] = lane
        return np.packbits(ones[::-1], axis=1, bitorder="little")


def tiling(manifest: dict, m: int, k: int, n: int) -> "Tiling":
    """How an engine computes the product of an M × K and a K × N matrix.

    Parameters
    ----------
    manifest : dict
        The engine's manifest.
    m, k, n : int
        At least 1 each.
    """
    kinds = {"gemm_ws": _WeightStationary, "gemm_os": _OutputStationary}
    return kinds[manifest["design"]](manifest, m, k, n)


class Tiling:
    """A product cut into runs, each of which gives the results of some rows and columns.

    Attributes
    ----------
    runs : list of (range, range)
        Rows of A and columns of W of each run, in the order of the results.
    cycle_bound : int
        The most cycles that the engine may take, from the first accepted word to the last result,
        both counted, with a host that never stalls.
    formula : str
        How ``cycle_bound`` is reckoned, with this product's numbers.
    """

    def __init__(self, manifest: dict, m: int, k: int, n: int):
        given = manifest["parameters"]
        self.rows, self.cols = given["rows"], given["cols"]
        self.streams = manifest["streams"]
        self.m, self.k, self.n = m, k, n
        # Channel values need `cols` cycles to be replaced, and those that are on their way.
        latency = OUTPUT_LATENCY[given["output"]]
        self.run_interval = self.cols + latency - 1 if latency else 1

    def columns(self) -> list[range]:
        return [range(c, min(c + self.cols, self.n)) for c in range(0, self.n, self.cols)]

    def words(
        self, a: np.ndarray, w: np.ndarray, channels: Channels | None
    ) -> dict[str, Iterator[np.ndarray]]:
        """For each input stream its words (words × bytes, little-endian), run by run."""
        streams = {
            "tiles": (self._tiles(rows) for rows, _ in self.runs),
            "weights": (self._weights(w, columns) for _, columns in self.runs),
            "acts": (self._acts(a, rows) for rows, _ in self.runs),
        }
        if "channels" in self.streams:
            layout = self.streams["channels"]["fields"]
            streams["channels"] = (
                channels.words(layout, columns, self.cols) for _, columns in self.runs
            )
        return streams

    @property
    def result_words(self) -> int:
        return sum(len(rows) for rows, _ in self.runs)

    def gather(self, lanes: np.ndarray) -> np.ndarray:
        """The M × N results from the words of the stream ``results``, words × lanes."""
        results = np.zeros((self.m, self.n), np.int64)
        at = 0
        for rows, columns in self.runs:
            words = lanes[at : at + len(rows), : len(columns)]
            results[rows.start : rows.stop, columns.start : columns.stop] = words
            at += len(rows)
        return results

    def _lanes(self, stream: str) -> tuple[int, int]:
        lane = self.streams[stream]["fields"][0]
        return lane["count"], lane["width"]

    def _tile_words(self, values: list[dict[str, int]]) -> np.ndarray:
        layout = self.streams["tiles"]["fields"]
        words = [sum(tile[part["name"]] << part["offset"] for part in layout) for tile in values]
        size = -(-self.streams["tiles"]["width"] // 8)
        return np.frombuffer(
            b"".join(word.to_bytes(size, "little") for word in words), np.uint8
        ).reshape(len(words), size)


def _padded(matrix: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The matrix with zeros added below and to the right."""
    padding = (rows - matrix.shape[0], columns - matrix.shape[1])
    return np.pad(matrix, ((0, padding[0]), (0, padding[1]))) if any(padding) else matrix


class _WeightStationary(Tiling):
    """Runs of up to ``acc_depth`` rows by ``cols`` columns; tiles of ``rows`` terms."""

    def __init__(self, manifest: dict, m: int, k: int, n: int):
        super().__init__(manifest, m, k, n)
        # Equal parts: a short last one would have to wait for its weights.
        parts = -(-m // manifest["parameters"]["acc_depth"])
        edges = [part * m // parts for part in range(parts + 1)]
        self.runs = [
            (range(top, bottom), columns)
            for top, bottom in itertools.pairwise(edges)
            for columns in self.columns()
        ]
        self.k_tiles = -(-k // self.rows)
        runs = [
            max(self.k_tiles * max(len(rows), self.rows), self.run_interval)
            for rows, _ in self.runs
        ]
        # The first rows wait for a tile of weights and, if there are any, for a run's values.
        first, name = self.rows, "R"
        if "channels" in self.streams and self.cols > self.rows:
            first, name = self.cols, "C"
        self.cycle_bound = first + sum(runs) + self.rows + self.cols + 16
        self.formula = (
            f"{name} + sum over tiles of max(M, R) + R + C + 16 = "
            f"{first} + {sum(runs)} + {self.rows} + {self.cols} + 16"
        )

    def _tiles(self, rows):
        last = self.k_tiles - 1
        return self._tile_words(
            [
                {"length": len(rows) - 1, "first": t == 0, "last": t == last}
                for t in range(self.k_tiles)
            ]
        )

    def _weights(self, w, columns):
        part = _padded(w[:, columns.start : columns.stop], self.k_tiles * self.rows, self.cols)
        part = part.reshape(self.k_tiles, self.rows, self.cols)[:, ::-1]
        return pack(part.reshape(-1, self.cols), self._lanes("weights")[1])

    def _acts(self, a, rows):
        part = _padded(a[rows.start : rows.stop], len(rows), self.k_tiles * self.rows)
        part = part.reshape(len(rows), self.k_tiles, self.rows).swapaxes(0, 1)
        return pack(part.reshape(-1, self.rows), self._lanes("acts")[1])


class _OutputStationary(Tiling):
    """Runs, which are tiles, of ``rows`` rows by ``cols`` columns."""

    def __init__(self, manifest: dict, m: int, k: int, n: int):
        super().__init__(manifest, m, k, n)
        self.runs = [
            (range(r, min(r + self.rows, m)), columns)
            for r in range(0, m, self.rows)
            for columns in self.columns()
        ]
        terms = len(self.runs) * max(k, self.rows, self.run_interval)
        self.cycle_bound = terms + self.rows + self.cols + 16
        self.formula = (
            f"sum over tiles of max(K, R) + R + C + 16 = {terms} + {self.rows} + {self.cols} + 16"
        )

    def _tiles(self, rows):
        return self._tile_words([{"length": self.k - 1, "height": len(rows) - 1}])

    def _weights(self, w, columns):
        part = _padded(w[:, columns.start : columns.stop], self.k, self.cols)
        return pack(part, self._lanes("weights")[1])

    def _acts(self, a, rows):
        part = _padded(a[rows.start : rows.stop], self.rows, self.k)
        return pack(part.T, self._lanes("acts")[1])
