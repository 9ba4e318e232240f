"""Host model of the output-stationary GEMM engine."""

import numpy as np

from ..golden.engine import sums_in_floats
from ..golden.systolic.gemm_os import gemm_os
from ..host.packing import pack
from ._gemm import Gemm
from ._gemm_job import GemmJob, padded

__all__ = ["GemmOs", "OutputStationaryJob"]


class OutputStationaryJob(GemmJob):
    """Output tiles of ``height`` rows by ``cols`` columns, each over all of K.

    Words of an output tile, pass by pass:

    * ``tiles``: one descriptor, with the terms and the number of rows;
    * ``weights``: a word of ``cols`` lanes for each k;
    * ``acts``: a word of ``rows`` lanes for each k; with s = ``sums_per_pe`` above 1, s words
      for each k, lane n of word g of which is row s · n + g of the tile.

    Then, for each output tile, ``cols`` words of quantization parameters on ``channels``.
    """

    frame_step = 2

    def __init__(self, manifest, shape, a=None, w=None, qparams=None, **modes):
        super().__init__(manifest, shape, a, w, qparams, **modes)
        self.tiles = [
            (range(r, min(r + self.height, self.m)), columns)
            for r in range(0, self.m, self.height)
            for columns in self._columns()
        ]
        steps = len(self.tiles) * max(self._steps, self.height, self.run_interval)
        slack = self.timing["cycle_slack"]
        self.cycle_bound = steps + self.height + self.cols + slack
        per = "" if self.acts_per_weight == 1 else f"{self.acts_per_weight}·"
        self.formula = (
            f"sum over tiles of max({per}K, {per}R) + {per}R + C + {slack} = "
            f"{steps} + {self.height} + {self.cols} + {slack}"
        )

    @property
    def acts_per_weight(self) -> int:
        """One for each of the sums that take turns in a PE."""
        return self.manifest.derived["sums_per_pe"]

    @property
    def height(self) -> int:
        """Most rows of A in an output tile."""
        return self.rows * self.acts_per_weight

    @property
    def _steps(self):
        """Cycles of an output tile's terms."""
        return self.k * len(self.passes) * self.acts_per_weight

    @property
    def cycles(self) -> int:
        """See :class:`Job`.

        A tile of ``height`` rows takes max(K, height) cycles, the last tile K cycles; each term
        counts as many times as there are sums in a PE. Its last terms launch the sums, but not
        before the quantization parameters have arrived, nor sooner than ``run_interval`` after the
        previous tile. The first result follows after ``last_acts_to_first_result``, the others in a
        cycle each.
        """
        wait = self.timing["pair_wait"]  # until the first OVP pair is complete
        launch = max(wait + self._steps - 1, self._first_launch)
        launch += (len(self.tiles) - 1) * max(self._steps, self.height, self.run_interval)
        # The last weights are there until the last of the activations that they meet.
        latency = max(
            self.timing["last_acts_to_first_result"],
            self.timing["last_weights_to_first_result"] - (self.acts_per_weight - 1),
        )
        return launch + latency - wait + len(self.tiles[-1][0])

    @property
    def representative(self):
        # A long K hides the drain at the end of a tile, a short one does not: keep its class.
        terms = max(256, 2 * self.rows, 2 * self.run_interval) + self.k % 2
        columns = 2 * self.cols + self.n % self.cols
        rows = 2 * self.height + self.m % self.height
        return min(self.m, rows), min(self.k, terms), min(self.n, columns)

    def _golden(self):
        return self._coded_golden(step=None if sums_in_floats(self.manifest) else 1)

    def _words_per_pass(self, rows, columns):
        return {"tiles": 1, "weights": self.k, "acts": self.k * self.acts_per_weight}

    def _descriptors(self, rows, columns, modes):
        sizes = {"length": self.k - 1, "height": len(rows) - 1, "first": 0, "last": 0}
        values = [sizes | mode for mode in modes]
        values[0]["first"] = values[-1]["last"] = 1
        return self._descriptor_words(values)

    def _weights(self, digits, columns):
        words = [padded(d[:, columns.start : columns.stop], self.k, self.cols) for d in digits]
        words = np.concatenate([words[w_digit] for _, w_digit in self.passes])
        return pack(words, self._lane_width("weights"))

    def _acts(self, digits, rows, columns):
        lanes = [padded(d[rows.start : rows.stop], self.height, self.k) for d in digits]
        # From rows of A, n and g, and k to words, k and g, of lanes n.
        words = [
            each.reshape(self.rows, self.acts_per_weight, self.k)
            .transpose(2, 1, 0)
            .reshape(-1, self.rows)
            for each in lanes
        ]
        words = np.concatenate([words[a_digit] for a_digit, _ in self.passes])
        return pack(words, self._lane_width("acts"))


class GemmOs(Gemm):
    """Output-stationary GEMM engine (ShiDianNao class)."""

    bench = "brickwork.sim.tb.systolic.gemm_os"
    number = 2
    job_class = OutputStationaryJob
    depth_parameter = "rows"

    @property
    def depth(self):
        return super().depth * self.manifest.derived["sums_per_pe"]

    def word_model(self, descriptors, weights, acts, qparams):
        product = self.job_class.product
        return gemm_os(self.manifest, descriptors, weights, acts, qparams, product)
