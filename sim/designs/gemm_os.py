"""Host model of the output-stationary GEMM engine."""

import numpy as np

from ..golden.systolic.gemm_os import gemm_os
from ..host.packing import pack
from ._gemm import Gemm
from ._gemm_job import GemmJob, padded

__all__ = ["GemmOs", "OutputStationaryJob"]


class OutputStationaryJob(GemmJob):
    """Output tiles of ``rows`` rows by ``cols`` columns, each over all of K.

    Words of an output tile, pass by pass:

    * ``tiles``: one descriptor, with the terms and the number of rows;
    * ``weights``: a word of ``cols`` lanes for each k;
    * ``acts``: a word of ``rows`` lanes for each k.

    Then, for each output tile, ``cols`` words of quantization parameters on ``channels``.
    """

    frame_step = 2

    def __init__(self, manifest, shape, a=None, w=None, qparams=None, **modes):
        super().__init__(manifest, shape, a, w, qparams, **modes)
        self.tiles = [
            (range(r, min(r + self.rows, self.m)), columns)
            for r in range(0, self.m, self.rows)
            for columns in self._columns()
        ]
        terms = self.k * len(self.passes)
        steps = len(self.tiles) * max(terms, self.rows, self.run_interval)
        slack = self.timing["cycle_slack"]
        self.cycle_bound = steps + self.rows + self.cols + slack
        self.formula = (
            f"sum over tiles of max(K, R) + R + C + {slack} = "
            f"{steps} + {self.rows} + {self.cols} + {slack}"
        )

    @property
    def cycles(self) -> int:
        """See :class:`Job`.

        A tile takes max(K, R) cycles in an array of R rows, the last tile K cycles. Its last terms
        launch the sums, but not before the quantization parameters have arrived, nor sooner than
        ``run_interval`` after the previous tile. The first result follows after
        ``last_acts_to_first_result``, the others in a cycle each.
        """
        terms = self.k * len(self.passes)
        wait = self.timing["pair_wait"]  # until the first OVP pair is complete
        launch = max(wait + terms - 1, self._first_launch)
        launch += (len(self.tiles) - 1) * max(terms, self.rows, self.run_interval)
        latencies = [self.timing[f"last_{name}_to_first_result"] for name in ("acts", "weights")]
        return launch + max(latencies) - wait + len(self.tiles[-1][0])

    @property
    def representative(self):
        # A long K hides the drain at the end of a tile, a short one does not: keep its class.
        terms = max(256, 2 * self.rows, 2 * self.run_interval) + self.k % 2
        columns = 2 * self.cols + self.n % self.cols
        rows = 2 * self.rows + self.m % self.rows
        return min(self.m, rows), min(self.k, terms), min(self.n, columns)

    def _golden(self):
        return self._coded_golden(step=1)

    def _words_per_pass(self, rows, columns):
        return {"tiles": 1, "weights": self.k, "acts": self.k}

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
        words = [padded(d[rows.start : rows.stop], self.rows, self.k).T for d in digits]
        words = np.concatenate([words[a_digit] for a_digit, _ in self.passes])
        return pack(words, self._lane_width("acts"))


class GemmOs(Gemm):
    """Output-stationary GEMM engine (ShiDianNao class)."""

    bench = "brickwork.sim.tb.systolic.gemm_os"
    number = 2
    job_class = OutputStationaryJob
    depth_parameter = "rows"

    def word_model(self, descriptors, weights, acts, qparams):
        product = self.job_class.product
        return gemm_os(self.manifest, descriptors, weights, acts, qparams, product)
