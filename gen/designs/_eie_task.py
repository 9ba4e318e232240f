"""Operands of the sparse engine: an encoded matrix, and vectors in fixed point."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...hdl.checks import check_integer
from ...sim.designs import registry
from ...sim.designs.eie import Layer, encoding
from ...sim.golden.sparse import Indices, cluster, distinct, eie, encode, sums, to_fixed
from ..lib.errors import UsageError
from ._operands import Operands
from .base import Task

__all__ = ["EieTask"]


@dataclass(frozen=True, kw_only=True)
class _Weights:
    """A matrix in the engine's format: ``codebook[indices]`` · 2^-``fraction``.

    ``numbers`` are the user's weights at the positions of ``indices``. ``clustered`` tells whether
    weights were rounded to a codebook of fewer values.
    """

    indices: Indices
    codebook: np.ndarray
    fraction: int
    numbers: np.ndarray
    clustered: bool

    def times(self, a):
        """The product in float64 of the user's numbers."""
        a = np.atleast_2d(a).astype(np.float64)
        rows, columns, outputs = self.indices.rows, self.indices.columns, self.indices.shape[0]
        return np.stack(
            [np.bincount(rows, self.numbers * vector[columns], outputs) for vector in a]
        )


class EieTask(Task):
    """Vectors times a matrix on the sparse engine.

    Attributes
    ----------
    layer : Layer
    a : int64 array
    fraction : int
        Results are integers · 2^-``fraction``.
    """

    def __init__(self, design, operands: Operands):
        self.design = design
        self._weights = _weights(design, operands)
        if operands.a.is_sparse:
            raise TypeError(f"A must be a dense array, not {operands.a.size}; use A.toarray()")
        self._numbers = operands.a.numbers(axis=-1)
        self.a, a_fraction = to_fixed(self._numbers, design.act_width, "A")
        relu = operands.modes.get("relu", 0)
        check_integer("Mode relu", relu, 0, 1)
        self.relu = bool(relu)
        encoded = self.encode(design, operands, self._weights)
        self._check(encoded)
        shift = self._shift(operands.options.get("shift"))
        self.layer = Layer(encoded=encoded, shift=shift, relu=self.relu)
        self.fraction = self._weights.fraction + a_fraction - shift
        outputs, inputs = encoded.shape
        self.shape = (len(np.atleast_2d(self.a)), inputs, outputs)

    @staticmethod
    def encode(design, operands, weights=None):
        """The matrix for the design's number of PEs and widths."""
        modes = {name: v for name, v in operands.modes.items() if name in design.MODES}
        weights = weights or _weights(design, operands)
        return encode(
            weights.indices,
            weights.codebook,
            **encoding(design.as_dict()),
            row_mapping=design.checked_modes(modes)["row_mapping"],
        )

    def _check(self, encoded):
        """Checks the matrix and A before the shift is computed; the job checks them with it."""
        from ..emission.emit import outline

        registry.model(outline(self.design)).job([Layer(encoded=encoded)], self.a)

    def _shift(self, shift):
        """The user's shift, or the least that saturates no result; checks the sums' width."""
        design, weights = self.design, self._weights
        exact = sums(weights.indices, weights.codebook, self.a)
        lowest, highest = int(exact.min()), int(exact.max())
        width = 1 + max((~lowest if lowest < 0 else lowest).bit_length(), highest.bit_length())
        if width > design.acc_width:
            raise UsageError(
                f"Sums take {width} bits, more than the accumulators' {design.acc_width}; "
                f"use --set acc_width={width}"
            )
        if shift is not None:
            check_integer("Shift", shift, 0, 63)
            return shift
        limit = (1 << (design.act_width - 1)) - 1
        lowest = 0 if self.relu else lowest
        return next(
            shift
            for shift in range(64)
            if round(Fraction(highest, 1 << shift)) <= limit
            and round(Fraction(lowest, 1 << shift)) >= ~limit
        )

    def job(self, manifest):
        return registry.model(manifest).job([self.layer], self.a)

    def expected(self, job):
        """Results of the golden model, not from the encoded matrix: the encoder is checked too."""
        expected = eie(
            self._weights.indices,
            self._weights.codebook,
            self.a,
            shift=self.layer.shift,
            relu=self.layer.relu,
            act_width=self.design.act_width,
            acc_width=self.design.acc_width,
        )
        return np.atleast_2d(expected)

    def shaped(self, y):
        return y if np.ndim(self.a) == 2 else y.reshape(-1)

    @property
    def is_real(self):
        return True

    def real(self, y):
        with np.errstate(over="ignore"):
            return np.ldexp(y.astype(np.float64), -self.fraction)

    def reference(self):
        with np.errstate(over="ignore", invalid="ignore"):
            product = self._weights.times(self._numbers)
        return np.maximum(product, 0) if self.relu else product

    def description(self):
        return {"fraction": self.fraction}

    def record(self, result):
        job, encoded = result.job, self.layer.encoded
        total = int(encoded.entries.sum())
        return {
            "shape": list(encoded.shape),
            "vectors": len(result.y),
            "weights": len(self._weights.indices.values),
            "codebook": int(np.count_nonzero(self._weights.codebook)),
            "clustered": self._weights.clustered,
            "fill_cycles": result.fill_cycles,
            "entries": int(job.entries.sum()),
            "busy": int(job.busy.sum()),
            "padding": encoded.padding / max(1, total),
            "balance": result.utilization,
            "macs_per_cycle": result.macs / result.cycles,
            "dense_macs_per_cycle": job.dense_macs / result.cycles,
            "shift": self.layer.shift,
            "fraction": self.fraction,
        }

    def rows(self, result):
        record, encoded = self.record(result), self.layer.encoded
        outputs, inputs = encoded.shape
        codebook = "by k-means" if self._weights.clustered else "exact"
        return {
            "W": f"{inputs}×{outputs}, {record['weights']} weights "
            f"({record['weights'] / (inputs * outputs):.2%}) of {record['codebook']} values, "
            f"{codebook}",
            "vectors": str(record["vectors"]),
            "entries": f"{int(encoded.entries.sum())} ({record['padding']:.1%} padding), at most "
            f"{int(encoded.entries.max())} in a PE of {self.design.entries}",
            "cycles": f"{result.cycles} (and {result.fill_cycles} to fill the memories)",
            "load balance": f"{record['balance']:.1%} ({record['busy']} cycles with work / "
            f"({encoded.pes} PEs · {result.cycles} cycles))",
            "MACs": f"{result.macs} ({record['macs_per_cycle']:.2f} per cycle; a dense engine's "
            f"would be {record['dense_macs_per_cycle']:.2f})",
            "scale": f"integers · 2^{-self.fraction} (sums shifted right by {self.layer.shift})",
        }


def _weights(design, operands):
    numbers, positions, shape = _nonzeros(operands.w.numbers(axis=0))
    width = design.index_width
    most = (1 << width) - 1
    different = len(np.unique(numbers))
    clustered = different > most
    integers = numbers.dtype.kind in "iu"
    if clustered and integers and not operands.options.get("cluster"):
        enough = different.bit_length()
        wider = f", or --set index_width={enough}" if enough <= 8 else ""
        raise UsageError(
            f"W must have at most {most} distinct weights besides 0 (index_width={width}), not "
            f"{different}; use --cluster{wider}"
        )
    values, codebook = (cluster if clustered else distinct)(numbers, width)
    if integers:
        codebook = np.rint(codebook).astype(np.int64) if clustered else codebook
    fixed, fraction = to_fixed(codebook, design.weight_width, "W")
    rows, columns = positions
    return _Weights(
        indices=Indices(rows=rows, columns=columns, values=values, shape=shape),
        codebook=fixed,
        fraction=fraction,
        numbers=numbers,
        clustered=clustered,
    )


def _nonzeros(matrix):
    """The non-zero weights of W (K × N), their rows and columns as outputs × inputs, its shape.

    A sparse matrix stays sparse. Entries at one position, in coordinates, are added.
    """
    sparse = hasattr(matrix, "tocoo")
    if matrix.dtype.kind not in "fiu":
        raise TypeError(f"W must be numbers, not {matrix.dtype}")
    if matrix.ndim != 2 or not all(matrix.shape):
        raise ValueError(f"W must be a matrix (K × N), not of the shape {matrix.shape}")
    if sparse:
        wide = {"f": np.float64, "i": np.int64, "u": np.uint64}[matrix.dtype.kind]
        matrix = matrix.astype(wide).tocoo(copy=True)  # sums in int8 would wrap
        matrix.sum_duplicates()
        values, positions = matrix.data, (matrix.col, matrix.row)
    else:
        positions = np.nonzero(matrix.T)
        values = matrix.T[positions]
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"W must be finite, not {values[~np.isfinite(values)][0]}")
    live = values != 0
    return values[live], tuple(side[live] for side in positions), matrix.shape[::-1]
