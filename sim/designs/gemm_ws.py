"""Host model of the weight-stationary GEMM engine."""

import itertools

import numpy as np

from ..golden.engine import nan_inf_results
from ..golden.systolic.gemm_ws import gemm_ws
from ..host.packing import pack
from ._gemm import Gemm
from ._gemm_job import GemmJob, padded
from .base import Index

__all__ = ["GemmWs", "WeightStationaryJob"]


class WeightStationaryJob(GemmJob):
    """Output tiles of up to ``acc_depth`` rows by ``cols`` columns; K in tiles of ``rows`` terms.

    Words of an output tile, pass by pass and K tile by K tile:

    * ``tiles``: one descriptor, with the number of rows;
    * ``weights``: ``rows`` words of ``cols`` lanes, the highest k first;
    * ``acts``: a word of ``rows`` lanes for each row of A.

    Then, for each output tile, ``cols`` words of quantization parameters on ``channels``.

    Parameters
    ----------
    blocks : (bool array, int) or None
        Which square blocks of W have weights, and their size. Tiles without any are left out, but
        one of columns with no others if they have a bias, or the wrapper walks.

    Attributes
    ----------
    k_tiles : int
        Tiles along K.
    kept : dict
        For the columns of each output tile an array of the tiles along K that it takes, ascending.
        Columns without tiles have no output tile: their sums are zero.
    """

    def __init__(self, manifest, shape, a=None, w=None, qparams=None, *, blocks=None, **modes):
        super().__init__(manifest, shape, a, w, qparams, **modes)
        # Equal heights: a short last tile would have to wait for its weights.
        count = -(-self.m // manifest.parameters["acc_depth"])
        edges = [number * self.m // count for number in range(count + 1)]
        self._heights = [bottom - top for top, bottom in itertools.pairwise(edges)]
        self.k_tiles = -(-self.k // self.tile_terms)
        self._interval = self.timing["tile_interval"]
        self.blocks, self.kept = blocks, self._kept(blocks)
        self.tiles = [
            (range(top, bottom), columns)
            for top, bottom in itertools.pairwise(edges)
            for columns, tiles in self.kept.items()
            if tiles.size
        ]
        self.cycle_bound, self.formula = self._bound()

    def _kept(self, blocks):
        tiles = self._nonzero_tiles(blocks).T
        return dict(zip(self._columns(), map(np.flatnonzero, tiles), strict=True))

    def _nonzero_tiles(self, blocks):
        """Which tiles are taken: bool, along K and along N."""
        nonzero = np.ones((self.k_tiles, len(self._columns())), bool)
        if blocks is None:
            return nonzero
        mask, size = blocks
        sums = np.pad(mask.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
        edges = []
        for axis, step in enumerate((self.tile_terms, self.cols)):
            first = np.arange(nonzero.shape[axis]) * step
            last = np.minimum(-(-(first + step) // size), mask.shape[axis])
            edges.append((first // size, last))
        (top, bottom), (left, right) = edges
        below, above = sums[bottom], sums[top]
        nonzero = below[:, right] - above[:, right] - below[:, left] + above[:, left] > 0
        if "channels" in self.streams or "walk" in self.manifest.bus:
            nonzero[0] |= ~nonzero.any(axis=0)
        elif not nonzero.any():  # a product has one tile at least
            nonzero[0, 0] = True
        return nonzero

    @property
    def macs(self):
        k, size = self.shape[1], self.tile_terms
        terms = {
            columns: sum(min(size, k - tile * size) for tile in kept.tolist())
            for columns, kept in self.kept.items()
        }
        return sum(len(rows) * len(columns) * terms[columns] for rows, columns in self.tiles)

    @property
    def choices(self):
        kept, every = sum(map(len, self.kept.values())), self.k_tiles * len(self.kept)
        shares = f"{kept} of {every} ({kept / every:.1%}), the others are zero"
        return {} if kept == every else {"tiles of W": shares}

    @property
    def special_results(self):
        """A tile that is left out meets no activations."""
        return np.hstack([self._special_columns(columns) for columns in self._columns()])

    def _special_columns(self, columns):
        terms = np.isin(np.arange(self.a.shape[1]) // self.tile_terms, self.kept[columns])
        w = self.w[terms, columns.start : columns.stop]
        return nan_inf_results(self.a[:, terms], w, **self._types)

    def _bound(self):
        steps = sum(
            max(
                len(self.kept[columns]) * len(self.passes) * max(len(rows), self._interval),
                self.run_interval,
            )
            for rows, columns in self.tiles
        )
        # The first rows wait for a tile of weights and for the quantization parameters, if any.
        first, name = self.rows, "R"
        if "channels" in self.streams and self.cols > self.rows:
            first, name = self.cols, "C"
        slack = self.timing["cycle_slack"]
        least = "R" if self._interval == self.rows else self._interval
        formula = (
            f"{name} + sum over tiles of max(M, {least}) + R + C + {slack} = "
            f"{first} + {steps} + {self.rows} + {self.cols} + {slack}"
        )
        return first + steps + self.rows + self.cols + slack, formula

    @property
    def cycles(self) -> int:
        """See :class:`Job`.

        A tile of m rows of A keeps the array of R rows busy for max(m, R) cycles: its m rows pass
        while the next tile's weights are loaded; or longer, where accumulators call for it
        (``tile_interval``). A change of mode inserts S idle cycles, so that
        the tile takes max(m + S, R). The first row of the last K tile launches the output tile, but
        not before the quantization parameters have arrived, nor sooner than ``run_interval`` after
        the previous output tile. Add R for the first weights and ``acts_to_results`` for the last
        row.
        """
        changes = self._mode_changes()

        def tile(height, change):
            return max(height + self._switch * change, self._interval)

        def to_last_tile(height, k_tiles):
            earlier = (k_tiles - 1) * len(changes) * tile(height, False)
            return earlier + sum(tile(height, change) for change in changes[:-1])

        runs = [(len(rows), len(self.kept[columns])) for rows, columns in self.tiles]
        # A tile begins 2 cycles after its descriptor at the earliest, while its last weights load.
        entry = self.timing.get("entry_wait", 0)
        launch = max(self.rows + self.timing["lead_in"], 2 + entry) - 1 + to_last_tile(*runs[0])
        launch = max(launch, self._first_launch)
        for (height, _), following in itertools.pairwise(runs):
            busy = tile(height, changes[-1]) + to_last_tile(*following)
            launch += max(busy, self.run_interval)
        return launch + runs[-1][0] + self.timing["acts_to_results"] - entry

    #: Cycles that a change of mode takes.
    _switch = 0

    def _mode_changes(self) -> list[bool]:
        """Whether the mode changes after each of the ``passes`` of a tile of K."""
        return [False] * len(self.passes)

    @property
    def representative(self):
        step = self.tile_terms
        columns = 2 * self.cols + self.n % self.cols
        return sum(self._heights[:2]), min(self.k, 2 * step + self.k % step), min(self.n, columns)

    def _golden(self):
        return self._coded_golden(step=self.tile_terms)

    def _words_per_tile(self, rows):
        """Words of each operand stream for one pass of a tile."""
        return {"tiles": 1, "weights": self.rows, "acts": len(rows)}

    def _words_per_pass(self, rows, columns):
        k_tiles = len(self.kept[columns])
        return {name: k_tiles * count for name, count in self._words_per_tile(rows).items()}

    def _descriptors(self, rows, columns, modes):
        values = [{"length": len(rows) - 1, "first": 0, "last": 0} | mode for mode in modes]
        values = [dict(tile) for tile in values for _ in self.kept[columns]]
        values[0]["first"] = values[-1]["last"] = 1
        return self._descriptor_words(values)

    def _weights(self, digits, columns):
        tiles = []
        for digit in digits:
            digit = digit[:, columns.start : columns.stop]
            digit = padded(digit, self.k_tiles * self.rows, self.cols)
            digit = digit.reshape(self.k_tiles, self.rows, self.cols)
            tiles.append(digit[self.kept[columns], ::-1])
        words = np.stack([tiles[w_digit] for _, w_digit in self.passes])
        return pack(words.reshape(-1, self.cols), self._lane_width("weights"))

    def _acts(self, digits, rows, columns):
        tiles = [self._rows(digit, rows, self.kept[columns]) for digit in digits]
        words = np.concatenate([tiles[a_digit] for a_digit, _ in self.passes])
        return words.reshape(-1, words.shape[-1])

    def _rows(self, digit, rows, tiles):
        """Rows of A for some tiles along K, packed: tiles × words × bytes."""
        digit = padded(digit[rows.start : rows.stop], len(rows), self.k_tiles * self.rows)
        digit = digit.reshape(len(rows), self.k_tiles, self.rows)[:, tiles].swapaxes(0, 1)
        words = pack(digit.reshape(-1, self.rows), self._lane_width("acts"))
        return words.reshape(len(tiles), -1, words.shape[-1])

    @property
    def parts(self):
        heights = dict.fromkeys(rows for rows, _ in self.tiles if len(self.passes) == 1)
        options = self.modes | {"blocks": self.blocks}
        return [
            type(self)(
                *(self.manifest, (len(rows), *self.shape[1:])),
                *(self.a[rows.start : rows.stop], self.w, self.qparams),
                **options,
            )
            for rows in heights
        ]

    def index(self):
        depth = self.manifest.parameters["acc_depth"]
        if self.m > depth:
            raise ValueError(
                f"A must have at most {depth} rows (acc_depth) for a wrapper with walk=1, not "
                f"{self.m}; multiply it in parts"
            )
        if len(self.passes) > 1:
            raise ValueError(
                "Operands must take one pass for a wrapper with walk=1, not "
                f"{len(self.passes)}: choose narrower ones"
            )
        a_digits, _, (modes,) = self._digits()
        blocks = [self._blocks(columns) for columns in self._columns()]
        return Index(
            row_ptr=np.cumsum([0, *map(len, blocks)]),
            col_idx=np.concatenate(blocks),
            rows=self._rows(a_digits[0], range(self.m), np.arange(self.k_tiles)),
            tile={"length": self.m - 1, "first": 0, "last": 0} | modes,
        )

    def _blocks(self, columns):
        """Tiles along K in the index: none for columns without weights, which take one."""
        weights = self.w[:, columns.start : columns.stop].any()
        return self.kept[columns] if weights or self.blocks is None else np.arange(0)


class GemmWs(Gemm):
    """Weight-stationary GEMM engine (TPU v1)."""

    bench = "brickwork.sim.tb.systolic.gemm_ws"
    number = 1
    job_class = WeightStationaryJob
    depth_parameter = "acc_depth"

    def word_model(self, descriptors, weights, acts, qparams):
        product = self.job_class.product
        return gemm_ws(self.manifest, descriptors, weights, acts, qparams, product)
