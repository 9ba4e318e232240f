"""Jobs of the sparse engine: vectors through layers, whose matrices fill its memories first."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..golden.formats import check_integer, check_integers
from ..golden.sparse import Encoded, decode, eie
from ..host.packing import pack, pack_fields
from ._eie_memory import fill_words, load_words
from .base import Frame, Job

__all__ = ["EieJob", "Layer", "encoding"]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A matrix, and the requantization of its sums.

    Sums are shifted right by ``shift``, 0 to 63, rounded to nearest with ties to even, and
    saturated. With ``relu`` negative sums become zero.
    """

    encoded: Encoded
    shift: int = 0
    relu: bool = False


def encoding(parameters: dict) -> dict[str, int]:
    """The engine's parameters that the encoding of a matrix depends on."""
    return {
        name: parameters[name]
        for name in ("pes", "entries_per_cycle", "index_width", "run_length_width")
    }


class EieJob(Job):
    """Vectors through all layers; activations between layers stay in the engine.

    The matrices lie side by side in the memories, as one matrix with the columns of all. A first
    matrix with more columns than the engine has activations is multiplied in portions.

    Parameters
    ----------
    manifest : Manifest
    layers : sequence of Layer
        Inputs of a later layer must be encoded for the positions of the previous outputs:
        ``encode(..., inputs=previous.outputs)``.
    a : integer array, (inputs,) or (batch, inputs)
        Activations of the engine's ``act_width`` bits.

    Attributes
    ----------
    entries : int64 array
        Entries that each PE reads, padding included: those of all columns with a non-zero
        activation.
    busy : int64 array
        Cycles in which each PE multiplies a group of entries.
    macs : int
        Products of a non-zero weight and a non-zero activation.
    dense_macs : int
        Products of a dense engine.

    Raises
    ------
    TypeError, ValueError
        If a matrix or a vector does not fit the engine or each other.
    """

    def __init__(self, manifest, layers: Sequence[Layer], a):
        self.manifest, self.modes = manifest, {}
        self.parameters, self.streams = manifest.parameters, manifest.streams
        self.layers = list(layers)
        for layer in self.layers:
            if not isinstance(layer, Layer):
                raise TypeError(f"Layers must be a sequence of Layer, not of {layer!r}")
        self.matrices = [layer.encoded for layer in layers]
        self.pes = self.parameters["pes"]
        #: Activations that the engine has.
        self.acts_total = self.parameters["acts"] * self.pes
        #: First column of each matrix in the memories, and the end of the last.
        self.columns = np.cumsum([0, *(matrix.columns for matrix in self.matrices)])
        self._check()
        self.vector = np.ndim(a) == 1
        self.a = self._checked(a)
        self.result_words = len(self.a) * self.matrices[-1].rows
        self.cycle_bound, self.formula = self._bound()

    def _check(self):
        if not self.layers:
            raise ValueError("Layers must be at least one")
        parameters = self.parameters
        for matrix in self.matrices:
            for name, value in encoding(parameters).items():
                if getattr(matrix, name) != value:
                    raise ValueError(
                        f"Matrix is encoded for {name}={getattr(matrix, name)}, "
                        f"the engine has {value}"
                    )
            highest = (1 << (parameters["weight_width"] - 1)) - 1
            if matrix.codebook.min() < ~highest or matrix.codebook.max() > highest:
                raise ValueError(f"Codebook must be from {~highest} to {highest}")
        stored = sum(matrix.entries for matrix in self.matrices)
        self._check_size("Layers", "codebooks", len(self.layers))
        self._check_size("Columns", "columns", self.columns[-1])
        self._check_size("Entries of a PE", "entries", max(stored))
        for number, matrix in enumerate(self.matrices):
            self._check_size("Rows of a PE", "rows", matrix.rows)
            if not number:
                continue
            before = self.matrices[number - 1]
            if not np.array_equal(matrix.inputs, before.outputs):
                raise ValueError(
                    f"Inputs of layer {number + 1} must be at the positions of the outputs before"
                )
            self._check_size("Activations of a PE between layers", "acts", before.rows)
        for layer in self.layers:
            if not 0 <= check_integer(layer.shift, "Shift") <= 63:
                raise ValueError(f"Shift must be an integer from 0 to 63, not {layer.shift!r}")
            if layer.relu not in (0, 1):
                raise ValueError(f"ReLU must be True or False, not {layer.relu!r}")

    def _check_size(self, subject, parameter, needed):
        if needed > self.parameters[parameter]:
            raise ValueError(
                f"{subject} must be at most {self.parameters[parameter]} ({parameter}), not "
                f"{needed}; use --set {parameter}={needed}"
            )

    def _checked(self, a):
        """The vectors, batch × inputs."""
        a = check_integers(a, "Activations")
        inputs = self.matrices[0].shape[1]
        if a.ndim not in (1, 2) or a.shape[-1] != inputs or not a.size:
            raise ValueError(
                f"Activations must be {inputs}, or vectors of {inputs}, one for each column of the "
                f"matrix, not the shape {a.shape}"
            )
        highest = (1 << (self.parameters["act_width"] - 1)) - 1
        if a.min() < ~highest or a.max() > highest:
            wrong = a[(a < ~highest) | (a > highest)][0]
            raise ValueError(f"Activations must be from {~highest} to {highest}, not {wrong}")
        return np.atleast_2d(a).astype(np.int64)

    def _bound(self):
        # The PE with the most entries of a column may stall all others.
        lanes = self.parameters["entries_per_cycle"]
        entries = sum(
            int(np.maximum(np.diff(matrix.pointers, axis=1) // lanes, 1).max(axis=0).sum())
            for matrix in self.matrices
        )
        overhead = sum(matrix.columns + 2 * matrix.rows + 64 for matrix in self.matrices)
        vectors = len(self.a)
        formula = (
            "words of load + vectors · (most entries of each column + 2 · (columns + 2 · rows + "
            f"64)) = {self.fill_words} + {vectors} · ({entries} + 2 · {overhead})"
        )
        return self.fill_words + vectors * (entries + 2 * overhead), formula

    @cached_property
    def _golden(self):
        """Results, entries that each PE reads, and products of two non-zeros."""
        a, entries, macs = self.a, np.zeros(self.pes, np.int64), 0
        for layer, matrix in zip(self.layers, self.matrices, strict=True):
            indices = decode(matrix)
            entries += matrix.work(a)
            weights = np.bincount(indices.columns, minlength=indices.shape[1])
            macs += int(weights @ np.count_nonzero(a, axis=0))
            a = eie(
                indices,
                matrix.codebook,
                a,
                shift=layer.shift,
                relu=layer.relu,
                act_width=self.parameters["act_width"],
                acc_width=self.parameters["acc_width"],
            )
        return a, entries, macs

    @cached_property
    def expected(self) -> np.ndarray:
        return self._golden[0]

    @property
    def entries(self) -> np.ndarray:
        return self._golden[1]

    @property
    def busy(self) -> np.ndarray:
        return self.entries // self.parameters["entries_per_cycle"]

    @property
    def macs(self) -> int:
        return self._golden[2]

    @property
    def dense_macs(self) -> int:
        return len(self.a) * sum(int(np.prod(matrix.shape)) for matrix in self.matrices)

    @property
    def ideal_cycles(self) -> float:
        return int(self.busy.sum()) / self.pes

    def measures(self, stats):
        """``cycles`` of the vectors, from the descriptor of the first on, and ``fill_cycles``.

        The memories are filled before. The descriptor counts as accepted one cycle before its first
        activations, as it is unless the host holds these back.
        """
        start = stats.first["acts"] - 1
        return {
            "cycles": stats.last["results"] - start + 1,
            "fill_cycles": start - min(stats.first.values()),
        }

    @property
    def fill_words(self) -> int:
        return fill_words(self.parameters, self.matrices)

    def words(self):
        load = load_words(self.manifest, self.matrices)
        return {"load": load, "jobs": iter([self._jobs]), "acts": iter([self._acts])}

    def _fills(self) -> list[dict[str, int]]:
        most = next(f["width"] for f in self.streams["jobs"]["fields"] if f["name"] == "fill")
        most = (1 << most) - 1
        counts = [most] * (self.fill_words // most)
        counts += [self.fill_words % most] if self.fill_words % most else []
        return [{"fill": words} for words in counts]

    @cached_property
    def _descriptors(self) -> list[dict[str, int]]:
        """Descriptors that fill the memories, and then those of each vector."""
        return self._fills() + self._vector_descriptors() * len(self.a)

    def _vector_descriptors(self):
        descriptors = []
        for number, (layer, matrix) in enumerate(zip(self.layers, self.matrices, strict=True)):
            portions = range(0, matrix.columns, self.acts_total)
            for first in portions:
                inputs = min(self.acts_total, matrix.columns - first)
                descriptors.append(
                    {
                        "column": self.columns[number] + first,
                        "book": number,
                        "in_last": -(-inputs // self.pes) - 1,
                        "out_last": matrix.rows - 1,
                        "load": number == 0,
                        "clear": first == 0,
                        "finish": first == portions[-1],
                        "emit": layer is self.layers[-1],
                        "keep": layer is not self.layers[-1],
                        "shift": layer.shift,
                        "relu": layer.relu,
                    }
                )
        return descriptors

    @property
    def _jobs(self) -> np.ndarray:
        layout = self.streams["jobs"]["fields"]
        columns = {
            field["name"]: np.array([job.get(field["name"], 0) for job in self._descriptors])
            for field in layout
        }
        return pack_fields(columns, layout)

    @property
    def _acts(self) -> np.ndarray:
        """The words of all vectors; a vector's portions follow each other."""
        matrix = self.matrices[0]
        words = np.zeros((len(self.a), -(-matrix.columns // self.pes) * self.pes), np.int64)
        words[:, matrix.inputs] = self.a
        return pack(words.reshape(-1, self.pes), self.parameters["act_width"])

    def frames(self):
        """See :meth:`Job.frames`.

        A descriptor's words follow right behind the descriptor. The engine accepts them, and then
        the next descriptor, in any state.
        """
        jobs, acts = self._jobs, self._acts
        loads = np.concatenate(list(load_words(self.manifest, self.matrices)))
        load = act = 0
        for number, job in enumerate(self._descriptors):
            yield Frame("jobs", jobs[number : number + 1], number == len(jobs) - 1)
            if fill := job.get("fill"):
                yield Frame("load", loads[load : load + fill])
                load += fill
            elif job["load"]:
                yield Frame("acts", acts[act : act + job["in_last"] + 1])
                act += job["in_last"] + 1

    @property
    def results_owed(self):
        return [
            job["out_last"] + 1 if job.get("finish") and job.get("emit") else 0
            for job in self._descriptors
        ]

    def gather(self, words):
        return words.reshape(len(self.a), -1)[:, self.matrices[-1].outputs]

    def golden_words(self):
        last = self.matrices[-1]
        lanes = np.zeros((len(self.a), last.rows * self.pes), np.int64)
        lanes[:, last.outputs] = self.expected
        return pack(lanes.reshape(-1, self.pes), self.parameters["act_width"])

    def description(self) -> dict[str, Any]:
        first, last, vectors = self.matrices[0], self.matrices[-1], len(self.a)
        fills = len(self._fills())
        return {
            "vectors": vectors,
            "load_words": self.fill_words,
            "fill_jobs": fills,
            "vector_jobs": (len(self._descriptors) - fills) // vectors,
            "input_count": first.shape[1],
            "acts_words": len(self._acts) // vectors,
            "output_count": last.shape[0],
            "result_words": last.rows,
        }

    def index_files(self):
        """Positions of ``inputs`` and ``outputs`` in the words of a vector."""
        return {"inputs": self.matrices[0].inputs, "outputs": self.matrices[-1].outputs}
