"""Matrices as lists of the entries that are not zero, interleaved over processing elements."""

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..formats import check_integers, check_positive

__all__ = ["ASSIGNMENTS", "Encoded", "decode", "encode"]

#: How rows are given to elements.
ASSIGNMENTS = ("modulo", "load")


@dataclass(frozen=True, kw_only=True, eq=False)
class Encoded:
    """A matrix of outputs × inputs for N elements.

    Output and input numbers are *places*: the one at place p belongs to element p mod N, of whose
    rows or activations it is number p div N.

    Attributes
    ----------
    pes, lanes, value_width, zeros_width : int
    codebook : int64 array
        2^value_width weights; the first is 0.
    values, zeros : tuple of uint8 arrays
        For each element its entries, column after column: index of the weight, and zeros of that
        element before it. Entries with index 0 only pad: they stand for a zero, too.
    pointers : int64 array, N × (columns + 1)
        At which entry each column begins, and past the last one's end: multiples of ``lanes``.
    outputs, inputs : int64 arrays
        The places of all rows and columns of the matrix.
    """

    pes: int
    lanes: int
    value_width: int
    zeros_width: int
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
        """Rows of each element."""
        return -(-len(self.outputs) // self.pes)

    @property
    def columns(self) -> int:
        """Places of columns."""
        return self.pointers.shape[1] - 1

    @property
    def entries(self) -> np.ndarray:
        """For each element the number of its entries, padding included."""
        return self.pointers[:, -1]

    @property
    def padding(self) -> int:
        """Entries that only pad."""
        return sum(int(np.count_nonzero(values == 0)) for values in self.values)

    def work(self, a: np.ndarray) -> np.ndarray:
        """For each element the entries that meet activations, (batch, inputs), that aren't zero."""
        live = np.count_nonzero(np.atleast_2d(a), axis=0)
        return np.diff(self.pointers)[:, self.inputs] @ live


def encode(
    indices: ArrayLike,
    codebook: ArrayLike,
    *,
    pes: int,
    lanes: int = 1,
    value_width: int = 4,
    zeros_width: int = 4,
    assign: str = "modulo",
    inputs: ArrayLike | None = None,
) -> Encoded:
    """Compresses a matrix as in Han et al., "EIE", ISCA 2016, section III.

    Every row belongs to an element. An element's part of a column is a list of its weights that are
    not zero, each with the number of zeros before it. Where these are more than 2^zeros_width - 1,
    entries of a zero with that many zeros before it, 2^zeros_width rows together, come first.
    For engines with several lanes each list is filled up with zeros to a multiple of their number.

    Parameters
    ----------
    indices : integers (outputs, inputs)
        Indices into the codebook.
    codebook : integers
        Up to 2^value_width weights, the first of them 0.
    pes : int
        Elements.
    lanes : int
        Entries that an element multiplies in a cycle.
    value_width, zeros_width : int
        1 to 8.
    assign : str
        ``"modulo"``: row i at place i. ``"load"``: rows with more weights first, each to the
        element that has the fewest yet and not its share of rows; elements keep them in order.
    inputs : integers (inputs,), optional
        Places of the columns: ``outputs`` of the layer before. By default 0, 1, 2, ...

    Raises
    ------
    TypeError
        Something is not an integer.
    ValueError
        A value out of range, or an empty matrix.
    """
    indices = check_integers(indices, "Indices")
    pes = check_positive(pes, "Element count")
    lanes = check_positive(lanes, "Lane count")
    if indices.ndim != 2 or not indices.size:
        raise ValueError(
            f"Indices must be a matrix, outputs × inputs, not of the shape {indices.shape}"
        )
    for width, what in ((value_width, "Weight index width"), (zeros_width, "Zeros width")):
        if check_positive(width, what) > 8:
            raise ValueError(f"{what} must be at most 8, not {width}")
    if assign not in ASSIGNMENTS:
        raise ValueError(f"Assignment must be one of {', '.join(ASSIGNMENTS)}, not {assign!r}")
    codebook = check_integers(codebook, "Codebook")
    size = 1 << value_width
    if codebook.ndim != 1 or not 1 <= len(codebook) <= size or codebook[0] != 0:
        raise ValueError(f"Codebook must be at most {size} weights, the first of them 0")
    if not 0 <= indices.min() <= indices.max() < len(codebook):
        raise ValueError(f"Indices must be from 0 to {len(codebook) - 1}")
    if assign == "modulo":
        outputs = np.arange(len(indices))
    else:
        outputs = _balanced(np.count_nonzero(indices, axis=1), pes)
    inputs = np.arange(indices.shape[1]) if inputs is None else _places(inputs, indices.shape[1])
    values, zeros, pointers = _lists(indices, outputs, inputs, pes, lanes, 1 << zeros_width)
    return Encoded(
        pes=pes,
        lanes=lanes,
        value_width=value_width,
        zeros_width=zeros_width,
        codebook=np.pad(codebook.astype(np.int64), (0, size - len(codebook))),
        values=values,
        zeros=zeros,
        pointers=pointers,
        outputs=outputs,
        inputs=inputs,
    )


def decode(encoded: Encoded) -> np.ndarray:
    """The indices, uint8, outputs × inputs.

    Raises
    ------
    ValueError
        If an entry is beyond the rows of its element.
    """
    places = np.zeros((encoded.rows * encoded.pes, encoded.columns), np.uint8)
    columns = np.arange(encoded.columns)
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
                f"Entries of element {pe} must be in rows 0 to {encoded.rows - 1}, not {rows.max()}"
            )
        places[rows * encoded.pes + pe, at] = encoded.values[pe][weights]
    return places[encoded.outputs][:, encoded.inputs]


def _places(inputs, count):
    places = check_integers(inputs, "Places of inputs")
    if places.shape != (count,) or places.min() < 0 or len(np.unique(places)) != count:
        raise ValueError(f"Places of inputs must be {count} different numbers from 0 up")
    return places.astype(np.int64)


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
        own = np.flatnonzero(owners == pe)
        outputs[own] = np.arange(len(own)) * pes + pe
    return outputs


def _lists(indices, outputs, inputs, pes, lanes, reach):
    """Values, zeros and pointers of all elements; an entry passes at most ``reach`` rows."""
    at_row, at_column = np.nonzero(indices)
    columns = int(inputs.max()) + 1
    places = outputs[at_row]
    # The list that each weight is in, and its row there; lists of one element follow each other.
    lists = places % pes * columns + inputs[at_column]
    rows = places // pes
    order = np.lexsort((rows, lists))
    lists, rows = lists[order], rows[order]
    values = indices[at_row[order], at_column[order]].astype(np.uint8)

    follows = np.concatenate([[False], lists[1:] == lists[:-1]])
    before = np.where(follows, np.concatenate([[0], rows[:-1]]), -1)
    gaps = rows - before - 1
    pads = gaps // reach

    counts = np.bincount(lists, pads + 1, pes * columns).astype(np.int64)
    filled = -(-counts // lanes) * lanes
    fillers_before = np.cumsum(filled - counts) - (filled - counts)
    at = np.cumsum(pads + 1) - 1 + fillers_before[lists]
    all_values = np.zeros(filled.sum(), np.uint8)
    all_zeros = np.full(filled.sum(), reach - 1, np.uint8)
    all_values[at] = values
    all_zeros[at] = gaps % reach

    pointers = np.pad(np.cumsum(filled.reshape(pes, columns), axis=1), ((0, 0), (1, 0)))
    edges = np.cumsum(pointers[:, -1])[:-1]
    return tuple(np.split(all_values, edges)), tuple(np.split(all_zeros, edges)), pointers
