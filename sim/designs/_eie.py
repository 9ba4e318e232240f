"""Host side of the sparse engine: words that fill its memories, and the jobs of networks.

This is what a driver does; :class:`Eie` of ``brickwork.hdl.sparse`` defines what the words mean.
Sizes are read from the engine's manifest.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..golden.sparse import Encoded, decode, eie
from ..host.packing import pack, pack_fields
from ..lib.patterns import stalls_of_streams
from ..manifest import Manifest
from ..verilator.build import Build
from ..verilator.core import Core, CycleLimitError

__all__ = ["Layer", "Outcome", "Plan", "check", "matvec", "network"]

#: What a word of the stream ``load`` writes.
_ENTRIES, _POINTER, _WEIGHT = range(3)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A matrix, and what is done to its sums.

    They are shifted right by ``shift``, 0 to 63, rounded to nearest with ties to even, and
    saturated; with ``relu`` those below zero become zero.
    """

    encoded: Encoded
    shift: int = 0
    relu: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Products that were computed on an engine.

    Attributes
    ----------
    y : int64 array, batch × outputs
        What the engine gave.
    cycles : int
        Clock edges from the one that accepted the first job with activations to the one that took
        the last result, both counted: all vectors, all layers, one after the other. The filling of
        the memories ends before and is not in it. The job counts as accepted one cycle before its
        first activations, which it is unless the host holds these back.
    fill_cycles : int
        Clock edges before that, from the first word accepted.
    entries : int
        Entries that all elements together went through, padding included: those of all columns
        whose activation was not zero.
    busy : int64 array
        For each element the cycles in which it had an entry, or with ``lanes`` a group of so many.
    macs : int
        Weights that met an activation, neither of them zero.
    dense_macs : int
        Those of a dense engine.
    matches_golden : bool
        Whether every result is the golden model's.
    seconds, simulation_seconds : float
        Elapsed time, of everything and of the simulation alone.
    build : Build
    waves : Path or None
    """

    y: np.ndarray
    cycles: int
    fill_cycles: int
    entries: int
    busy: np.ndarray
    macs: int
    dense_macs: int
    matches_golden: bool
    seconds: float
    simulation_seconds: float
    build: Build
    waves: Path | None

    @property
    def balance(self) -> float:
        """The part of all elements' cycles in which they had an entry."""
        return int(self.busy.sum()) / (len(self.busy) * self.cycles)


def matvec(
    manifest: Path,
    encoded: Encoded,
    a: np.ndarray,
    *,
    shift: int = 0,
    relu: bool = False,
    **how,
) -> Outcome:
    """Multiplies a matrix by a vector, or by several; see :func:`network`."""
    return network(manifest, [Layer(encoded=encoded, shift=shift, relu=relu)], a, **how)


def network(
    manifest: Path,
    layers: Sequence[Layer],
    a: np.ndarray,
    *,
    stall_in: int = 0,
    stall_out: int = 0,
    seed: int = 1,
    limit: int = 0,
    waves: Path | None = None,
) -> Outcome:
    """Takes each vector through all layers, whose activations stay in the engine in between.

    The matrices are in the memories side by side, as one matrix with the columns of all. A matrix
    with more columns than the engine has activations is multiplied part by part; it can only be
    the first.

    Parameters
    ----------
    manifest : Path
        Manifest of an emitted engine.
    layers : sequence of Layer
        Inputs of each but the first must be encoded for the places of the outputs before:
        ``encode(..., inputs=before.outputs)``.
    a : integer array, (inputs,) or (batch, inputs)
        Of the engine's ``act_width`` bits.
    stall_in, stall_out : int
        Percentage of cycles in which the host holds back words, and results.
    limit : int
        Most cycles, or 0 for several times as many as it should take.
    waves : Path or None
        Where to write an FST file.

    Raises
    ------
    ValueError
        If a matrix or a vector does not fit the engine or each other.
    SimulationError
        If the simulation fails; a wrong result does not raise.
    """
    start = time.monotonic()
    manifest = Path(manifest)
    plan = Plan(Manifest.read(manifest), layers)
    a = plan.checked(a)
    expected, entries, macs = plan.expected(a)
    stalls = stalls_of_streams(plan.streams, stall_in, stall_out, seed)
    if not limit:
        slack = 100 // (100 - stall_in) * 100 // (100 - stall_out)
        limit = 8 * slack * (plan.fill_words + plan.most_cycles(a)) + 10_000
    if waves:
        Path(waves).parent.mkdir(parents=True, exist_ok=True)
    core = Core(manifest, waves=bool(waves))
    last = layers[-1].encoded
    try:
        results, stats = core.run(
            load=plan.load(),
            jobs=plan.jobs(len(a)),
            acts=plan.acts(a),
            results=len(a) * last.rows,
            limit=limit,
            stalls=stalls,
            waves=waves,
        )
    except CycleLimitError as error:
        raise CycleLimitError(f"eie: {error}") from None
    y = results["results"].reshape(len(a), -1)[:, last.outputs]
    begun = stats.first["acts"] - 1
    return Outcome(
        y=y,
        cycles=stats.last["results"] - begun + 1,
        fill_cycles=begun - min(stats.first.values()),
        entries=int(entries.sum()),
        busy=entries // plan.given["lanes"],
        macs=macs,
        dense_macs=len(a) * sum(int(np.prod(layer.encoded.shape)) for layer in layers),
        matches_golden=np.array_equal(y, expected),
        seconds=time.monotonic() - start,
        simulation_seconds=stats.seconds,
        build=core.build,
        waves=waves,
    )


def check(manifest: Manifest, layers: Sequence[Layer], a: np.ndarray) -> None:
    """Raises what :func:`network` raises on an engine with this manifest."""
    Plan(manifest, layers).checked(a)


class Plan:
    """How an engine computes a network."""

    def __init__(self, manifest: Manifest, layers: Sequence[Layer]):
        if manifest.design != "eie":
            raise ValueError(f"Design must be eie, not {manifest.design!r}")
        self.given = manifest.parameters
        self.streams = manifest.streams
        self.layers = list(layers)
        self.matrices = [layer.encoded for layer in layers]
        self.pes = self.given["pes"]
        #: Places of activations that the engine has.
        self.places = self.given["acts"] * self.pes
        #: First column of each matrix, and past the last one's.
        self.columns = np.cumsum([0, *(matrix.columns for matrix in self.matrices)])
        self.entries = sum(matrix.entries for matrix in self.matrices)
        self._check()

    def _check(self):
        if not self.layers:
            raise ValueError("Layers must be at least one")
        for matrix in self.matrices:
            for name in ("pes", "lanes", "value_width", "zeros_width"):
                if getattr(matrix, name) != self.given[name]:
                    raise ValueError(
                        f"Matrix is encoded for {name}={getattr(matrix, name)}, "
                        f"the engine has {self.given[name]}"
                    )
            highest = (1 << (self.given["weight_width"] - 1)) - 1
            if matrix.codebook.min() < ~highest or matrix.codebook.max() > highest:
                raise ValueError(f"Codebook must be from {~highest} to {highest}")
        if len(self.layers) > self.given["books"]:
            self._refuse("Layers", "books", len(self.layers))
        if self.columns[-1] > self.given["columns"]:
            self._refuse("Columns", "columns", self.columns[-1])
        if max(self.entries) > self.given["entries"]:
            self._refuse("Entries of an element", "entries", max(self.entries))
        for number, matrix in enumerate(self.matrices):
            if matrix.rows > self.given["rows"]:
                self._refuse("Rows of an element", "rows", matrix.rows)
            if not number:
                continue
            before = self.matrices[number - 1].outputs
            if not np.array_equal(matrix.inputs, before):
                raise ValueError(
                    f"Inputs of layer {number + 1} must be at the places of the outputs before"
                )
            if self.matrices[number - 1].rows > self.given["acts"]:
                self._refuse(
                    "Activations of an element between layers",
                    "acts",
                    self.matrices[number - 1].rows,
                )
        for layer in self.layers:
            if not 0 <= layer.shift <= 63:
                raise ValueError(f"Shift must be an integer from 0 to 63, not {layer.shift!r}")

    def _refuse(self, what, parameter, needed):
        raise ValueError(
            f"{what} must be at most {self.given[parameter]} ({parameter}), not {needed}; "
            f"use --set {parameter}={needed}"
        )

    def checked(self, a: np.ndarray) -> np.ndarray:
        """The vectors, batch × inputs."""
        a = np.asarray(a)
        inputs = self.matrices[0].shape[1]
        if a.dtype.kind not in "iu":
            raise TypeError(f"Activations must be integers, not {a.dtype}")
        if a.ndim not in (1, 2) or a.shape[-1] != inputs or not a.size:
            raise ValueError(
                f"Activations must be {inputs}, or vectors of {inputs}, one for each column of the "
                f"matrix, not the shape {a.shape}"
            )
        highest = (1 << (self.given["act_width"] - 1)) - 1
        if a.min() < ~highest or a.max() > highest:
            wrong = a[(a < ~highest) | (a > highest)][0]
            raise ValueError(f"Activations must be from {~highest} to {highest}, not {wrong}")
        return np.atleast_2d(a).astype(np.int64)

    def expected(self, a: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
        """Golden results, each element's entries on the way, and all products of two non-zeros."""
        entries, macs = np.zeros(self.pes, np.int64), 0
        for layer, matrix in zip(self.layers, self.matrices, strict=True):
            indices = decode(matrix)
            entries += matrix.work(a)
            macs += int(np.count_nonzero(indices, axis=0) @ np.count_nonzero(a, axis=0))
            a = eie(
                indices,
                matrix.codebook,
                a,
                shift=layer.shift,
                relu=layer.relu,
                act_width=self.given["act_width"],
                acc_width=self.given["acc_width"],
            )
        return a, entries, macs

    @property
    def fill_words(self) -> int:
        pointers = self.columns[-1] + 1
        weights = len(self.layers) << self.given["value_width"]
        words = -(-self.entries // self.given["per_word"])
        return int(words.sum() + self.pes * (pointers + weights))

    def most_cycles(self, a: np.ndarray) -> int:
        """More than the engine takes if nothing stalls."""
        entries = sum(int(matrix.entries.max()) for matrix in self.matrices)
        places = sum(matrix.columns + 2 * matrix.rows + 64 for matrix in self.matrices)
        return len(a) * (entries + 2 * places)

    def load(self) -> Iterator[np.ndarray]:
        """The words that fill the memories, element by element."""
        given = self.given
        bits = given["value_width"] + given["zeros_width"]
        per_word = given["per_word"]
        books = np.concatenate([matrix.codebook for matrix in self.matrices])
        for pe in range(self.pes):
            entries = np.concatenate(
                [
                    matrix.values[pe] | matrix.zeros[pe].astype(np.int64) << given["value_width"]
                    for matrix in self.matrices
                ]
            )
            entries = np.pad(entries, (0, -len(entries) % per_word)).reshape(-1, per_word)
            if len(entries):
                yield self._words(pe, _ENTRIES, entries, bits)
            # A matrix begins where the one before ends.
            ends, before = [np.zeros(1, np.int64)], 0
            for matrix in self.matrices:
                ends.append(before + matrix.pointers[pe, 1:])
                before += matrix.pointers[pe, -1]
            groups = np.concatenate(ends) // given["lanes"]
            yield self._words(pe, _POINTER, groups[:, None], 32)
            yield self._words(pe, _WEIGHT, books[:, None], given["weight_width"])

    def _words(self, pe, what, lanes, bits):
        """Words for addresses from 0 on, with their data in lanes."""
        *head, word = self.streams["load"]["fields"]
        count = lanes.shape[1]
        bits = min(bits, word["width"] // count)
        fields = [*head, {"name": "data", "width": bits, "count": count}]
        address = np.arange(len(lanes))
        values = {"pe": np.full(len(lanes), pe), "what": np.full(len(lanes), what)}
        packed = pack_fields(values | {"address": address, "data": lanes}, fields)
        size = -(-self.streams["load"]["width"] // 8)
        return np.pad(packed, ((0, 0), (0, size - packed.shape[1])))

    def jobs(self, vectors: int) -> np.ndarray:
        """One job that has the memories filled, and those of each vector."""
        fields = self.streams["jobs"]["fields"]
        most = (1 << next(part["width"] for part in fields if part["name"] == "fill")) - 1
        fills = [most] * (self.fill_words // most)
        fills += [self.fill_words % most] if self.fill_words % most else []
        jobs = [{"fill": words} for words in fills] + self._jobs_of_vector() * vectors
        columns = {
            part["name"]: np.array([job.get(part["name"], 0) for job in jobs]) for part in fields
        }
        return pack_fields(columns, fields)

    def _jobs_of_vector(self):
        jobs = []
        for number, (layer, matrix) in enumerate(zip(self.layers, self.matrices, strict=True)):
            parts = range(0, matrix.columns, self.places)
            for first in parts:
                places = min(self.places, matrix.columns - first)
                jobs.append(
                    {
                        "column": self.columns[number] + first,
                        "book": number,
                        "in_last": -(-places // self.pes) - 1,
                        "out_last": matrix.rows - 1,
                        "load": number == 0,
                        "clear": first == 0,
                        "finish": first == parts[-1],
                        "emit": layer is self.layers[-1],
                        "keep": layer is not self.layers[-1],
                        "shift": layer.shift,
                        "relu": layer.relu,
                    }
                )
        return jobs

    def acts(self, a: np.ndarray) -> np.ndarray:
        """The words of all vectors; a vector's parts follow each other."""
        matrix = self.matrices[0]
        words = np.zeros((len(a), -(-matrix.columns // self.pes) * self.pes), np.int64)
        words[:, matrix.inputs] = a
        return pack(words.reshape(-1, self.pes), self.given["act_width"])
