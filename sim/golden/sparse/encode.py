"""Matrices as lists of the entries that are not zero, interleaved over PEs."""

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..formats import check_integers, check_positive
from .indices import Indices

__all__ = ["ROW_MAPPINGS", "Encoded", "decode", "encode"]

#: How rows are given to PEs.
ROW_MAPPINGS = ("modulo", "balanced")


@dataclass(frozen=True, kw_only=True, eq=False)
class Encoded:
    """A matrix of outputs × inputs for N PEs.

    Output and input numbers are *places*: the one at place p belongs to PE p mod N, of whose
    rows or activations it is number p div N.

    Attributes
    ----------
    pes, entries_per_cycle, index_width, run_length_width : int
    codebook : int64 array
        2^index_width weights; the first is 0.
    values, zeros : tuple of uint8 arrays
        For each PE its entries, column after column: index of the weight, and zeros of that
        PE before it. Entries with index 0 only pad: they stand for a zero, too.
    pointers : int64 array, N × (columns + 1)
        At which entry each column begins, and past the last one's end: multiples of
        ``entries_per_cycle``.
    outputs, inputs : int64 arrays
        The places of all rows and columns of the matrix.
    """

    pes: int
    entries_per_cycle: int
    index_width: int
    run_length_width: int
    codebook: np.ndarray
    values: tuple[np.ndarray, ...]
    zeros: tuple[np.ndarray, ...]
    pointers: np.ndarray
    outputs: np.ndarray
    inputs: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.outputs), len(self.inputs)

    @property
    def rows(self) -> int:
        """Rows of each PE."""
        return -(-len(self.outputs) // self.pes)

    @property
    def columns(self) -> int:
        """Places of columns."""
        return self.pointers.shape[1] - 1

    @property
    def entries(self) -> np.ndarray:
        """For each PE the number of its entries, padding included."""
        return self.pointers[:, -1]

    @property
    def padding(self) -> int:
        """Entries that only pad."""
        return sum(int(np.count_nonzero(values == 0)) for values in self.values)

    def work(self, a: np.ndarray) -> np.ndarray:
        """For each PE the entries that meet activations, (batch, inputs), that aren't zero."""
        live = np.count_nonzero(np.atleast_2d(a), axis=0)
        return np.diff(self.pointers)[:, self.inputs] @ live


def encode(
    indices: ArrayLike | Indices,
    codebook: ArrayLike,
    *,
    pes: int,
    entries_per_cycle: int = 1,
    index_width: int = 4,
    run_length_width: int = 4,
    row_mapping: str = "modulo",
    inputs: ArrayLike | None = None,
) -> Encoded:
    """Compresses a matrix as in Han et al., "EIE", ISCA 2016, section III.

    Every row belongs to a PE. A PE's part of a column is a list of its weights that are
    not zero, each with the number of zeros before it, its run length. Where these are more than
    2^run_length_width - 1, entries of a zero with that many zeros before it, 2^run_length_width
    rows together, come first.
    For engines with several lanes each list is filled up with zeros to a multiple of their number.

    Parameters
    ----------
    indices : integers (outputs, inputs), or Indices
        Indices into the codebook.
    codebook : integers
        Up to 2^index_width weights, the first of them 0.
    pes : int
        Number of PEs.
    entries_per_cycle : int
        Entries that a PE multiplies in a cycle.
    index_width, run_length_width : int
        1 to 8.
    row_mapping : str
        ``"modulo"``: row i at place i. ``"balanced"``: rows with more weights first, each to the
        PE that has the fewest yet and not its share of rows; PEs keep them in order.
    inputs : integers (inputs,), optional
        Places of the columns: ``outputs`` of the layer before. By default 0, 1, 2, ...

    Raises
    ------
    TypeError
        Something is not an integer.
    ValueError
        A value out of range, or an empty matrix.
    """
    indices = Indices.of(indices)
    pes = check_positive(pes, "PE count")
    entries_per_cycle = check_positive(entries_per_cycle, "Entries per cycle")
    if not all(indices.shape):
        raise ValueError(
            f"Indices must be a matrix, outputs × inputs, not of the shape {indices.shape}"
        )
    for width, subject in (
        (index_width, "Weight index width"),
        (run_length_width, "Run length width"),
    ):
        if check_positive(width, subject) > 8:
            raise ValueError(f"{subject} must be at most 8, not {width}")
    if row_mapping not in ROW_MAPPINGS:
        raise ValueError(
            f"Row mapping must be one of {', '.join(ROW_MAPPINGS)}, not {row_mapping!r}"
        )
    codebook = check_integers(codebook, "Codebook")
    size = 1 << index_width
    if codebook.ndim != 1 or not 1 <= len(codebook) <= size or codebook[0] != 0:
        raise ValueError(f"Codebook must be at most {size} weights, the first of them 0")
    indices.check(codebook)
    rows, columns = indices.shape
    if row_mapping == "modulo":
        outputs = np.arange(rows)
    else:
        outputs = _balanced(np.bincount(indices.rows, minlength=rows), pes)
    inputs = np.arange(columns) if inputs is None else _places(inputs, columns)
    values, zeros, pointers = _lists(
        indices, outputs, inputs, pes, entries_per_cycle, 1 << run_length_width
    )
    return Encoded(
        pes=pes,
        entries_per_cycle=entries_per_cycle,
        index_width=index_width,
        run_length_width=run_length_width,
        codebook=np.pad(codebook.astype(np.int64), (0, size - len(codebook))),
        values=values,
        zeros=zeros,
        pointers=pointers,
        outputs=outputs,
        inputs=inputs,
    )


def decode(encoded: Encoded) -> Indices:
    """The indices, outputs × inputs.

    Raises
    ------
    ValueError
        If an entry is beyond the rows of its PE.
    """
    # The output and the input at each place; -1 for none.
    outputs = np.full(encoded.rows * encoded.pes, -1)
    outputs[encoded.outputs] = np.arange(len(encoded.outputs))
    inputs = np.full(encoded.columns, -1)
    inputs[encoded.inputs] = np.arange(len(encoded.inputs))
    columns, entries = np.arange(encoded.columns), []
    for pe in range(encoded.pes):
        pointers = encoded.pointers[pe]
        # Rows that were passed before each entry, over all columns; less those before its column.
        passed = np.concatenate([[0], np.cumsum(encoded.zeros[pe].astype(np.int64) + 1)])
        spans = np.diff(pointers)
        rows = passed[1:] - 1 - np.repeat(passed[pointers[:-1]], spans)
        weights = encoded.values[pe] != 0
        rows, at = rows[weights], np.repeat(columns, spans)[weights]
        if rows.size and rows.max() >= encoded.rows:
            raise ValueError(
                f"Entries of PE {pe} must be in rows 0 to {encoded.rows - 1}, not {rows.max()}"
            )
        entries.append(
            np.stack([outputs[rows * encoded.pes + pe], inputs[at], encoded.values[pe][weights]])
        )
    rows, at, values = np.concatenate(entries, axis=1)
    exists = (rows >= 0) & (at >= 0)
    return Indices(
        rows=rows[exists], columns=at[exists], values=values[exists], shape=encoded.shape
    )


def _places(inputs, count):
    positions = check_integers(inputs, "Places of inputs")
    if positions.shape != (count,) or positions.min() < 0 or len(np.unique(positions)) != count:
        raise ValueError(f"Places of inputs must be {count} different numbers from 0 up")
    return positions.astype(np.int64)


def _balanced(weights, pes):
    """Places of rows with so many weights, by the longest-processing-time rule."""
    share = -(-len(weights) // pes)
    owners = np.zeros(len(weights), np.int64)
    loads = [(0, pe, 0) for pe in range(pes)]
    for row in np.argsort(-weights, kind="stable"):
        load, pe, rows = heapq.heappop(loads)
        owners[row] = pe
        if rows + 1 < share:
            heapq.heappush(loads, (load + int(weights[row]), pe, rows + 1))
    outputs = np.zeros(len(weights), np.int64)
    for pe in range(pes):
        owned = np.flatnonzero(owners == pe)
        outputs[owned] = np.arange(len(owned)) * pes + pe
    return outputs


def _lists(indices, outputs, inputs, pes, entries_per_cycle, reach):
    """Values, zeros and pointers of all PEs; an entry passes at most ``reach`` rows."""
    columns = int(inputs.max()) + 1
    positions = outputs[indices.rows]
    # The list that each weight is in, and its row there; lists of one PE follow each other.
    lists = positions % pes * columns + inputs[indices.columns]
    rows = positions // pes
    order = np.lexsort((rows, lists))
    lists, rows = lists[order], rows[order]
    values = indices.values[order].astype(np.uint8)

    follows = np.concatenate([[False], lists[1:] == lists[:-1]])
    before = np.where(follows, np.concatenate([[0], rows[:-1]]), -1)
    gaps = rows - before - 1
    pads = gaps // reach

    counts = np.bincount(lists, pads + 1, pes * columns).astype(np.int64)
    filled = -(-counts // entries_per_cycle) * entries_per_cycle
    fillers_before = np.cumsum(filled - counts) - (filled - counts)
    at = np.cumsum(pads + 1) - 1 + fillers_before[lists]
    all_values = np.zeros(filled.sum(), np.uint8)
    all_zeros = np.full(filled.sum(), reach - 1, np.uint8)
    all_values[at] = values
    all_zeros[at] = gaps % reach

    pointers = np.pad(np.cumsum(filled.reshape(pes, columns), axis=1), ((0, 0), (1, 0)))
    edges = np.cumsum(pointers[:, -1])[:-1]
    return tuple(np.split(all_values, edges)), tuple(np.split(all_zeros, edges)), pointers
