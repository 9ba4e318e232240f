"""Host side of the GEMM engines: cuts a product into tiles, and tiles into words.

This is what a driver does; :class:`GemmWs` and :class:`GemmOs` of ``brickwork.hdl`` define the
order of the words. Everything that depends on the engine is read from its manifest.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..host.packing import pack, pack_fields
from ..manifest import Manifest
from .operand_types import Side

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


def tiling(manifest: Manifest, m: int, k: int, n: int, **modes) -> "Tiling":
    """How an engine computes the product of an M × K and a K × N matrix.

    Parameters
    ----------
    manifest : dict
        The engine's manifest.
    m, k, n : int
        At least 1 each.
    **modes
        What is chosen at run time. Of ``gemm_ws`` and ``gemm_os`` with several formats ``a_type``
        and ``w_type``: without, the first. Of ``gemm_fusion`` ``a_bits`` and ``w_bits`` (2, 4, 8 or
        16; without, 8), ``a_signed`` and ``w_signed`` (0 or 1; without, 1).

    Raises
    ------
    ValueError
        If there is no such mode.
    """
    kinds = {"gemm_ws": _WeightStationary, "gemm_os": _OutputStationary, "gemm_fusion": _Fusion}
    return kinds[manifest.design](manifest, m, k, n, **modes)


class Tiling:
    """A product cut into runs, each of which gives the results of some rows and columns.

    Attributes
    ----------
    runs : list of (range, range)
        Rows of A and columns of W of each run, in the order of the results.
    cycle_bound : int
        The most cycles that the engine may take, from the first accepted word to the last result,
        both counted, with a host that never stalls.
    cycles : int
        As many as it takes, by formula: a model of the engine's control, which products in RTL
        confirm.
    formula : str
        How ``cycle_bound`` is reckoned, with this product's numbers.
    modes : dict
        What is chosen at run time.
    passes : list of (int, int)
        Parts of A and of W that meet, by their indices: one of each, unless numbers are read half
        by half.
    terms : int
        Products that an element does in a cycle.
    """

    terms = 1

    def __init__(self, manifest: Manifest, m: int, k: int, n: int, **modes):
        given = manifest.parameters
        self.lead = 16
        k = self._choose(manifest, k, **modes)
        self.rows, self.cols = given["rows"], given["cols"]
        self.streams, self.timing = manifest.streams, manifest.timing
        self.m, self.k, self.n = m, k, n
        # Channel values need `cols` cycles to be replaced, and those that are on their way.
        latency = OUTPUT_LATENCY[given["output"]]
        self.run_interval = self.cols + latency - 1 if latency else 1

    def _choose(self, manifest, k, a_type: str | None = None, w_type: str | None = None) -> int:
        """Settles ``modes`` and ``passes``; returns K with what has to be added to it."""
        given = manifest.parameters
        self.a_side, self.w_side = Side(given["a_format"]), Side(given["w_format"])
        self.modes = {"a_type": self.a_side.choose(a_type), "w_type": self.w_side.choose(w_type)}
        none = np.zeros((1, 1), np.int64)
        self.passes = [
            (a_part, w_part)
            for a_part in range(len(self.a_side.lanes(none, self.modes["a_type"])))
            for w_part in range(len(self.w_side.lanes(none, self.modes["w_type"])))
        ]
        pairs = self.a_side.pair or self.w_side.pair
        self.lead += 2 * pairs  # the first words of a pair wait for the second
        return k + k % 2 if pairs else k

    def _parts(self, a, w):
        """Lanes of each part of A and of W, and for each pass what its tiles' words say."""
        a_parts = self.a_side.lanes(a, self.modes["a_type"])
        w_parts = self.w_side.lanes(w, self.modes["w_type"])
        kinds = [
            {"a_type": a_parts[a_part][0], "w_type": w_parts[w_part][0]}
            for a_part, w_part in self.passes
        ]
        return [lanes for _, lanes in a_parts], [lanes for _, lanes in w_parts], kinds

    def columns(self) -> list[range]:
        return [range(c, min(c + self.cols, self.n)) for c in range(0, self.n, self.cols)]

    def words(
        self, a: np.ndarray, w: np.ndarray, channels: Channels | None
    ) -> dict[str, Iterator[np.ndarray]]:
        """For each input stream its words (words × bytes, little-endian), run by run.

        ``a`` and ``w`` are codes, M × K and K × N.
        """
        a_lanes, w_lanes, kinds = self._parts(a, w)
        streams = {
            "tiles": (self._tiles(rows, kinds) for rows, _ in self.runs),
            "weights": (self._weights(w_lanes, columns) for _, columns in self.runs),
            "acts": (self._acts(a_lanes, rows) for rows, _ in self.runs),
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

    @property
    def stream_words(self) -> dict[str, int]:
        """The number of words of each stream."""
        parts = len(self.passes)
        words = {"tiles": 0, "weights": 0, "acts": 0}
        for rows, _ in self.runs:
            for name, count in self._part_words(rows).items():
                words[name] += parts * count
        if "channels" in self.streams:
            words["channels"] = len(self.runs) * self.cols
        return words | {"results": self.result_words}

    def _part_words(self, rows: range) -> dict[str, int]:
        """Words of each operand stream for one of the ``passes`` of a run."""
        raise NotImplementedError

    @property
    def cycles(self) -> int:
        raise NotImplementedError

    @property
    def part(self) -> tuple[int, int, int]:
        """M, K and N of a part of the product that has a few tiles in every direction, ragged ones
        where the whole has them: enough to tell whether the formula of its cycles holds."""
        raise NotImplementedError

    @property
    def _first_launch(self) -> int:
        """Cycles from the first step that there could be to a run with values for channels."""
        return self.cols + 2 if self.run_interval > 1 else 0

    def gather(self, words: np.ndarray | dict[str, np.ndarray]) -> np.ndarray:
        """The M × N results from the words of the stream ``results``: lanes, or their fields."""
        return self._gather(words["lane"] if isinstance(words, dict) else words)

    def gather_special(self, words: np.ndarray | dict[str, np.ndarray]) -> np.ndarray | None:
        """M × N flags of results with special operands, of an engine that tells."""
        return self._gather(words["special"]).astype(bool) if isinstance(words, dict) else None

    def _gather(self, lanes):
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
        fields = self.streams["tiles"]["fields"]
        columns = {
            part["name"]: np.array([tile[part["name"]] for tile in values]) for part in fields
        }
        return pack_fields(columns, fields)


def _padded(matrix: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The matrix with zeros added below and to the right."""
    padding = (rows - matrix.shape[0], columns - matrix.shape[1])
    return np.pad(matrix, ((0, padding[0]), (0, padding[1]))) if any(padding) else matrix


class _WeightStationary(Tiling):
    """Runs of up to ``acc_depth`` rows by ``cols`` columns; tiles of ``rows`` terms."""

    def __init__(self, manifest: Manifest, m: int, k: int, n: int, **modes):
        super().__init__(manifest, m, k, n, **modes)
        # Equal parts: a short last one would have to wait for its weights.
        parts = -(-m // manifest.parameters["acc_depth"])
        edges = [part * m // parts for part in range(parts + 1)]
        self.runs = [
            (range(top, bottom), columns)
            for top, bottom in itertools.pairwise(edges)
            for columns in self.columns()
        ]
        self.k_tiles = -(-k // (self.rows * self.terms))
        tiles = self.k_tiles * len(self.passes)
        runs = [max(tiles * max(len(rows), self.rows), self.run_interval) for rows, _ in self.runs]
        # The first rows wait for a tile of weights and, if there are any, for a run's values.
        first, name = self.rows, "R"
        if "channels" in self.streams and self.cols > self.rows:
            first, name = self.cols, "C"
        self.cycle_bound = first + sum(runs) + self.rows + self.cols + self.lead
        self.formula = (
            f"{name} + sum over tiles of max(M, R) + R + C + {self.lead} = "
            f"{first} + {sum(runs)} + {self.rows} + {self.cols} + {self.lead}"
        )

    @property
    def cycles(self) -> int:
        """See :class:`Tiling`.

        A tile of m rows of A keeps the array of R rows busy for max(m, R) cycles, in which its m
        rows pass and the next tile's weights are loaded; before a tile of another mode there are S
        cycles in which nothing passes, so m + S if that is more. A run is launched by the first row
        of its last tile, not before its channel values are there, nor sooner than ``run_interval``
        after the run before it. To this add R for the first weights, and ``acts_to_results`` for
        the last row.
        """
        changes = self._mode_changes()

        def tile(height, change):
            return max(height + self._switch * change, self.rows)

        def to_last_tile(height):
            whole = (self.k_tiles - 1) * len(changes) * tile(height, False)
            return whole + sum(tile(height, change) for change in changes[:-1])

        heights = [len(rows) for rows, _ in self.runs]
        # A tile can begin 2 cycles after it came, with weights of which the last is on its way.
        launch = max(self.rows + self._lead_in, 2) - 1 + to_last_tile(heights[0])
        launch = max(launch, self._first_launch)
        for height, following in itertools.pairwise(heights):
            busy = tile(height, changes[-1]) + to_last_tile(following)
            launch += max(busy, self.run_interval)
        return launch + heights[-1] + self.timing["acts_to_results"]

    @property
    def part(self):
        heights = [len(rows) for rows, columns in self.runs if columns.start == 0]
        step = self.rows * self.terms
        columns = 2 * self.cols + self.n % self.cols
        return sum(heights[:2]), min(self.k, 2 * step + self.k % step), min(self.n, columns)

    #: Cycles that a change of mode takes.
    _switch = 0

    def _mode_changes(self) -> list[bool]:
        """Whether the mode changes after each of the ``passes`` of a tile of K."""
        return [False] * len(self.passes)

    @property
    def _lead_in(self) -> int:
        """Cycles until the first weights can be loaded: a pair is whole, their format known."""
        return 2 if self.w_side.pair else int(len(self.w_side.types) > 1)

    def _part_words(self, rows):
        weights, acts = self.k_tiles * self.rows, self.k_tiles * len(rows)
        return {"tiles": self.k_tiles, "weights": weights, "acts": acts}

    def _tiles(self, rows, kinds):
        values = [{"length": len(rows) - 1, "first": 0, "last": 0} | kind for kind in kinds]
        values = [dict(tile) for tile in values for _ in range(self.k_tiles)]
        values[0]["first"] = values[-1]["last"] = 1
        return self._tile_words(values)

    def _weights(self, parts, columns):
        tiles = []
        for part in parts:
            part = part[:, columns.start : columns.stop]
            part = _padded(part, self.k_tiles * self.rows, self.cols)
            tiles.append(part.reshape(self.k_tiles, self.rows, self.cols)[:, ::-1])
        words = np.stack([tiles[w_part] for _, w_part in self.passes])
        return pack(words.reshape(-1, self.cols), self._lanes("weights")[1])

    def _acts(self, parts, rows):
        tiles = []
        for part in parts:
            part = _padded(part[rows.start : rows.stop], len(rows), self.k_tiles * self.rows)
            tiles.append(part.reshape(len(rows), self.k_tiles, self.rows).swapaxes(0, 1))
        words = np.stack([tiles[a_part] for a_part, _ in self.passes])
        return pack(words.reshape(-1, self.rows), self._lanes("acts")[1])


_WIDTH_CODES = {2: 0, 4: 1, 8: 2}


class _Fusion(_WeightStationary):
    """Tiles of as many terms a row as an element multiplies at once; operands packed."""

    def __init__(self, manifest: Manifest, m: int, k: int, n: int, **modes):
        super().__init__(manifest, m, k, n, **modes)
        # The first tile changes the mode, and so does every pass but where there is one alone.
        switches = len(self.runs) * len(self.passes) if len(self.passes) > 1 else 1
        waits = switches * manifest.timing["mode_switch"]
        self.cycle_bound += waits
        self.formula = self.formula.replace(" = ", " + changes of mode = ") + f" + {waits}"
        self._switch = manifest.timing["mode_switch"] - 1

    def _mode_changes(self):
        # What is loaded into all elements: signs of the bytes that meet, and how far sums are
        # shifted.
        signs = self.modes["a_signed"], self.modes["w_signed"]
        settings = [(signs[0] and i == 0, signs[1] and j == 0, i + j) for i, j in self.passes]
        after = settings[1:] + settings[:1]
        return [now != then for now, then in zip(settings, after, strict=True)]

    @property
    def _lead_in(self):
        # Until it is known how wide the first weights are. The array's own change of mode, before
        # the first tile, takes longer than to load one row or two.
        return max(2, 5 - self.rows)

    def _part_words(self, rows):
        weights = -(-self.rows // (self.a_bits // 2))
        acts = -(-len(rows) // (self.w_bits // 2))
        words = {"tiles": 1, "weights": weights, "acts": acts}
        return {name: self.k_tiles * count for name, count in words.items()}

    def _choose(self, manifest, k, a_bits=8, w_bits=8, a_signed=1, w_signed=1):
        for name, bits in (("a_bits", a_bits), ("w_bits", w_bits)):
            if bits not in (2, 4, 8, 16):
                raise ValueError(f"Mode {name} must be 2, 4, 8 or 16, not {bits!r}")
        for name, flag in (("a_signed", a_signed), ("w_signed", w_signed)):
            if flag not in (0, 1):
                raise ValueError(f"Mode {name} must be 0 or 1, not {flag!r}")
        self.modes = {"a_bits": a_bits, "w_bits": w_bits}
        self.modes |= {"a_signed": int(a_signed), "w_signed": int(w_signed)}
        self.a_bits, self.w_bits = min(a_bits, 8), min(w_bits, 8)
        self.terms = 64 // (self.a_bits * self.w_bits)
        self.passes = [(i, j) for i in range(a_bits // 8 or 1) for j in range(w_bits // 8 or 1)]
        return k

    def _parts(self, a, w):
        def halves(values, bits):
            return [values] if bits <= 8 else [values >> 8, values & 255]

        a_parts, w_parts = halves(a, self.modes["a_bits"]), halves(w, self.modes["w_bits"])
        kinds = [
            {
                "a_bits": _WIDTH_CODES[self.a_bits],
                "w_bits": _WIDTH_CODES[self.w_bits],
                # Of two bytes the low one has no sign.
                "a_signed": self.modes["a_signed"] * (i == 0),
                "w_signed": self.modes["w_signed"] * (j == 0),
                "shift": (len(a_parts) - 1 - i) + (len(w_parts) - 1 - j),
            }
            for i, j in self.passes
        ]
        return a_parts, w_parts, kinds

    def _weights(self, parts, columns):
        words = []
        for part in parts:
            part = part[:, columns.start : columns.stop]
            part = _padded(part, self.k_tiles * self.rows * self.terms, self.cols)
            # Tile, row, product's two indices, column; the last row first.
            shape = (self.k_tiles, self.rows, 8 // self.a_bits, 8 // self.w_bits, self.cols)
            part = part.reshape(shape)[:, ::-1].transpose(0, 1, 4, 2, 3)
            words.append(_steps(part, self.w_bits, self.a_bits // 2))
        return pack(np.concatenate([words[j] for _, j in self.passes]), 32)

    def _acts(self, parts, rows):
        words = []
        for part in parts:
            part = part[rows.start : rows.stop]
            part = _padded(part, len(rows), self.k_tiles * self.rows * self.terms)
            shape = (len(rows), self.k_tiles, self.rows, 8 // self.a_bits, 8 // self.w_bits)
            part = part.reshape(shape).transpose(1, 0, 2, 4, 3)
            words.append(_steps(part, self.a_bits, self.w_bits // 2))
        return pack(np.concatenate([words[i] for i, _ in self.passes]), 32)


def _steps(operands: np.ndarray, bits: int, steps: int) -> np.ndarray:
    """Words of 32-bit lanes, from operands: tile × step × lane × byte × place in the byte."""
    tiles, count, lanes, size, _ = operands.shape
    operands = operands & ((1 << bits) - 1)
    in_bytes = (operands << (np.arange(8 // bits) * bits)).sum(axis=-1)
    values = (in_bytes << (np.arange(size) * 8)).sum(axis=-1)
    values = np.pad(values, ((0, 0), (0, -count % steps), (0, 0)))
    values = values.reshape(tiles, -1, steps, lanes)
    values = (values << (np.arange(steps) * 32 // steps)[:, None]).sum(axis=2)
    return values.reshape(-1, lanes)


class _OutputStationary(Tiling):
    """Runs, which are tiles, of ``rows`` rows by ``cols`` columns."""

    def __init__(self, manifest: Manifest, m: int, k: int, n: int, **modes):
        super().__init__(manifest, m, k, n, **modes)
        self.runs = [
            (range(r, min(r + self.rows, m)), columns)
            for r in range(0, m, self.rows)
            for columns in self.columns()
        ]
        k = self.k * len(self.passes)
        terms = len(self.runs) * max(k, self.rows, self.run_interval)
        self.cycle_bound = terms + self.rows + self.cols + self.lead
        self.formula = (
            f"sum over tiles of max(K, R) + R + C + {self.lead} = "
            f"{terms} + {self.rows} + {self.cols} + {self.lead}"
        )

    @property
    def cycles(self) -> int:
        """See :class:`Tiling`.

        A tile takes max(K, R) cycles in an array of R rows, the last K alone; the sums of a tile
        leave from the cycle on in which its last terms pass. That is not before its channel values
        are there, nor sooner than ``run_interval`` after the tile before it. From then on the
        results take ``last_acts_to_first_result``, and a cycle each.
        """
        terms = self.k * len(self.passes)
        wait = 2 if self.a_side.pair or self.w_side.pair else 0  # the first pair is whole then
        launch = max(wait + terms - 1, self._first_launch)
        launch += (len(self.runs) - 1) * max(terms, self.rows, self.run_interval)
        latencies = [self.timing[f"last_{name}_to_first_result"] for name in ("acts", "weights")]
        return launch + max(latencies) - wait + len(self.runs[-1][0])

    @property
    def part(self):
        # As K is, it hides or does not hide what takes time at the end of a tile.
        terms = max(256, 2 * self.rows, 2 * self.run_interval) + self.k % 2
        columns = 2 * self.cols + self.n % self.cols
        rows = 2 * self.rows + self.m % self.rows
        return min(self.m, rows), min(self.k, terms), min(self.n, columns)

    def _part_words(self, rows):
        return {"tiles": 1, "weights": self.k, "acts": self.k}

    def _tiles(self, rows, kinds):
        sizes = {"length": self.k - 1, "height": len(rows) - 1, "first": 0, "last": 0}
        values = [sizes | kind for kind in kinds]
        values[0]["first"] = values[-1]["last"] = 1
        return self._tile_words(values)

    def _weights(self, parts, columns):
        words = [_padded(p[:, columns.start : columns.stop], self.k, self.cols) for p in parts]
        words = np.concatenate([words[w_part] for _, w_part in self.passes])
        return pack(words, self._lanes("weights")[1])

    def _acts(self, parts, rows):
        words = [_padded(p[rows.start : rows.stop], self.rows, self.k).T for p in parts]
        words = np.concatenate([words[a_part] for a_part, _ in self.passes])
        return pack(words, self._lanes("acts")[1])
