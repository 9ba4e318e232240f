"""Host model of the sparse engine."""

from collections.abc import Sequence

import numpy as np

from ..golden.sparse import encode
from ._eie_job import EieJob, Layer, encoding
from ._eie_layer import layer_cycles
from .base import HostModel

__all__ = ["Eie", "EieJob", "Layer", "encoding"]


class Eie(HostModel):
    """Engine for sparse matrices with shared weights and sparse vectors (EIE)."""

    bench = "brickwork.sim.tb.sparse.eie"
    number = 4
    descriptors = "jobs"
    required_streams = ("jobs",)

    def job(self, layers: Sequence[Layer], a) -> EieJob:
        """Vectors through layers; see :class:`EieJob`."""
        return EieJob(self.manifest, layers, a)

    def identity(self):
        parameters = self.manifest.parameters
        return {
            "SHAPE": {"rows": parameters["pes"], "cols": 1},
            "LIMIT": parameters["acts"],
            "MAX_K": 0,
            "WIDTHS": {
                "act": parameters["act_width"],
                "result": parameters["act_width"],
                "acc": parameters["acc_width"],
            },
        }

    def random_job(self, rng, size=2):
        """A sparse random matrix and up to ``2 · size`` vectors."""
        parameters = self.manifest.parameters
        # A column has at most ``rows`` entries in a PE, padding included.
        rows = min(parameters["rows"], 4 * size)
        columns = parameters["entries"] // (rows * parameters["entries_per_cycle"])
        columns = min(
            columns, parameters["columns"], parameters["pes"] * parameters["acts"], 16 * size
        )
        shape = [int(rng.integers(1, most + 1)) for most in (parameters["pes"] * rows, columns)]
        values = 1 << parameters["index_width"]
        codebook = rng.integers(*_limits(parameters["weight_width"]), values, endpoint=True)
        codebook[0] = 0
        indices = rng.integers(0, values, shape) * (rng.random(shape) < 0.3)
        encoded = encode(indices, codebook, **encoding(parameters))
        layer = Layer(encoded=encoded, shift=int(rng.integers(0, 8)), relu=bool(rng.integers(2)))
        vectors = int(rng.integers(1, 2 * size + 1))
        a = rng.integers(*_limits(parameters["act_width"]), (vectors, shape[1]), endpoint=True)
        a *= rng.random(a.shape) < 0.7
        return self.job([layer], a)

    def example_jobs(self, rng):
        """A matrix and three vectors; no job if the memories are too small for an entry in each
        lane.

        The first vector is zero, and the first output of several has no entries: their sums come
        from memories that nothing has been written to.
        """
        parameters = self.manifest.parameters
        pes, lanes = parameters["pes"], parameters["entries_per_cycle"]
        rows = min(parameters["rows"], 2 if parameters["entries"] >= 2 * lanes else 1)
        groups = -(-rows // lanes) * lanes
        inputs = min(parameters["columns"], 20, parameters["entries"] // groups)
        if inputs == 0:
            return []
        outputs = max(rows * pes - 1, 1)
        values = (1 << parameters["index_width"]) - 1
        live = rng.rand(outputs, inputs) < 0.4
        live[0] &= outputs == 1
        live[-1, 0] = True
        indices = np.where(live, rng.randint(1, values + 1, (outputs, inputs)), 0)
        highest = (1 << (parameters["weight_width"] - 1)) - 1
        codebook = np.concatenate([[0], rng.randint(-highest, highest + 1, values)])
        highest = (1 << (parameters["act_width"] - 1)) - 1
        a = rng.randint(1, highest + 1, (3, inputs))
        a *= rng.choice([-1, 0, 1], a.shape)
        a[0] = 0
        a[1:, 0] = [1, highest]
        encoded = encode(indices, codebook, **encoding(parameters))
        sums = abs(a @ codebook[indices].T).max()
        shift = min(max(int(sums).bit_length() + 1 - parameters["act_width"], 0), 63)
        return [self.job([Layer(encoded=encoded, shift=shift)], a)]

    def layer_cycles(self, layer, modes, run):
        """Cycles of the layer's vectors times its matrix; see :mod:`._eie_layer` for large ones."""
        return layer_cycles(self, layer, modes, run)


def _limits(width: int) -> tuple[int, int]:
    return -(1 << (width - 1)), (1 << (width - 1)) - 1
