"""The compressed form of matrices, against scipy and the paper's example."""

import numpy as np
import pytest
from brickwork.sim.golden.sparse import decode, encode
from scipy import sparse

BOOK = np.arange(16)


def matrix(rng, outputs, inputs, density, highest=15):
    kept = rng.random((outputs, inputs)) < density
    return np.where(kept, rng.integers(1, highest + 1, (outputs, inputs)), 0)


def column(*values):
    return np.array(values)[:, None]


def test_example_of_the_paper():
    """Han et al., "EIE", section III.B."""
    encoded = encode(column(0, 0, 1, 2, *[0] * 18, 3), [0, 1, 2, 3], pes=1)
    assert encoded.values[0].tolist() == [1, 2, 0, 3]
    assert encoded.zeros[0].tolist() == [2, 0, 15, 2]
    assert encoded.pointers.tolist() == [[0, 4]]


def test_figure_of_the_paper():
    """Han et al., "EIE", figures 2 and 3: the first of four PEs of a 16 × 8 matrix."""
    weights = {
        **{(0, 0): 1, (0, 2): 2, (0, 4): 3, (0, 5): 4, (0, 6): 5},
        **{(4, 2): 6, (4, 5): 7, (8, 0): 8, (8, 1): 9, (8, 4): 10, (8, 7): 11},
        **{(12, 1): 12, (12, 4): 13},
    }
    indices = np.zeros((16, 8), int)
    for position, value in weights.items():
        indices[position] = value
    encoded = encode(indices, BOOK, pes=4)
    assert encoded.values[0].tolist() == [1, 8, 9, 12, 2, 6, 3, 10, 13, 4, 7, 5, 11]
    assert encoded.zeros[0].tolist() == [0, 1, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2]
    assert encoded.pointers[0].tolist() == [0, 2, 4, 6, 6, 9, 11, 12, 13]


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_zeros_at_each_multiple(width):
    """The gaps next to each multiple of what an entry can pass."""
    reach = 1 << width
    for times in (1, 2, 3):
        for more in (-1, 0, 1):
            gap = times * reach + more
            encoded = encode(column(*[0] * gap, 1), [0, 1], pes=1, run_length_width=width)
            pads = gap // reach
            assert encoded.values[0].tolist() == [0] * pads + [1]
            assert encoded.zeros[0].tolist() == [reach - 1] * pads + [gap % reach]
            assert encoded.padding == pads


@pytest.mark.parametrize("seed", range(240))
def test_round_trip(seed):
    rng = np.random.default_rng(seed)
    outputs, inputs = (int(size) for size in rng.integers(1, 70, 2))
    indices = matrix(rng, outputs, inputs, rng.random() ** 2)
    pes, run_length_width = int(rng.integers(1, 10)), int(rng.integers(1, 9))
    row_mapping, lanes = ("modulo", "balanced")[seed % 2], 1 + seed % 3
    positions = rng.permutation(inputs + 3)[:inputs] if seed % 3 == 0 else None
    encoded = encode(
        indices,
        BOOK,
        pes=pes,
        entries_per_cycle=lanes,
        run_length_width=run_length_width,
        row_mapping=row_mapping,
        inputs=positions,
    )
    assert np.array_equal(decode(encoded).dense(), indices)
    assert encoded.shape == (outputs, inputs)
    # Every row has a place of its own, and no PE has more than its share.
    assert len(set(encoded.outputs.tolist())) == outputs
    assert encoded.outputs.max() < encoded.rows * pes
    assert encoded.rows == -(-outputs // pes)
    for pe in range(pes):
        assert len(encoded.values[pe]) == len(encoded.zeros[pe]) == encoded.entries[pe]
        assert encoded.zeros[pe].max(initial=0) < 1 << run_length_width
    assert encoded.entries.sum() - encoded.padding == np.count_nonzero(indices)
    assert not (encoded.pointers % lanes).any()

    a = np.where(rng.random((2, inputs)) < 0.5, 1, 0)
    work = np.zeros(pes, int)
    for vector in a:
        for at in np.flatnonzero(vector):
            work += np.diff(encoded.pointers)[:, encoded.inputs[at]]
    assert encoded.work(a).tolist() == work.tolist()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("pes", [1, 3, 4])
def test_against_scipy(seed, pes):
    """Without padding a PE's part is the compressed columns of its rows."""
    rng = np.random.default_rng(seed)
    indices = matrix(rng, int(rng.integers(1, 40)), int(rng.integers(1, 30)), rng.random())
    encoded = encode(indices, BOOK, pes=pes, run_length_width=8)
    for pe in range(pes):
        expected = sparse.csc_array(indices[pe::pes])
        assert encoded.values[pe].tolist() == expected.data.tolist()
        assert encoded.pointers[pe].tolist() == expected.indptr.tolist()
        rows = np.concatenate(
            [
                np.cumsum(encoded.zeros[pe][start:end].astype(int) + 1) - 1
                for start, end in zip(expected.indptr[:-1], expected.indptr[1:], strict=True)
            ]
        )
        assert rows.tolist() == expected.indices.tolist()


def test_assignment_by_load():
    """Rows of 5, 4, 3, 3 and 3 weights: 5 + 3 for one PE, 4 + 3 + 3 for the other."""
    weights = [3, 5, 3, 4, 3]
    indices = np.array([[1] * n + [0] * (5 - n) for n in weights])
    encoded = encode(indices, [0, 1], pes=2, row_mapping="balanced")
    assert encoded.entries.tolist() == [8, 10]
    assert encoded.outputs.tolist() == [1, 0, 2, 3, 5]
    assert np.array_equal(decode(encoded).dense(), indices)
    # As many rows for each as there are, though another PE has less to do.
    even = encode(np.ones((7, 3), int), [0, 1], pes=3, row_mapping="balanced")
    assert sorted(even.entries.tolist()) == [6, 6, 9]


def test_assignment_by_load_is_more_even():
    rng = np.random.default_rng(8)
    indices = matrix(rng, 256, 64, np.where(np.arange(256) % 16 == 0, 0.9, 0.05)[:, None])
    modulo, load = (
        encode(indices, BOOK, pes=16, row_mapping=mapping) for mapping in ("modulo", "balanced")
    )
    assert load.entries.max() < 0.3 * modulo.entries.max()
    assert load.entries.max() - load.padding < 1.1 * np.count_nonzero(indices) / 16


@pytest.mark.parametrize(
    ("indices", "options"),
    [
        (np.zeros((5, 4), int), {"pes": 2}),
        (np.ones((5, 4), int), {"pes": 2}),
        (np.ones((1, 4), int), {"pes": 7}),
        (np.ones((9, 1), int), {"pes": 2, "row_mapping": "balanced"}),
        (np.eye(300, 5, -295, int), {"pes": 1}),
        (np.full((3, 3), 255), {"pes": 1, "index_width": 8}),
        (np.ones((3, 3), int), {"pes": 1, "index_width": 1}),
    ],
    ids=["empty", "full", "one row", "one column", "last rows", "widest", "narrowest"],
)
def test_corners(indices, options):
    book = np.arange(1 << options.get("index_width", 4))
    assert np.array_equal(decode(encode(indices, book, **options)).dense(), indices)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"pes": 0}, ValueError, "PE count must be a positive integer, not 0"),
        ({"pes": "4"}, TypeError, "PE count must be a positive integer, not '4'"),
        ({"run_length_width": 9}, ValueError, "Run length width must be at most 8, not 9"),
        ({"index_width": 9}, ValueError, "Weight index width must be at most 8, not 9"),
        (
            {"row_mapping": "luck"},
            ValueError,
            "Row mapping must be one of modulo, balanced, not 'luck'",
        ),
        (
            {"codebook": [1, 2]},
            ValueError,
            "Codebook must be at most 16 weights, the first of them 0",
        ),
        ({"codebook": [0]}, ValueError, "Indices must be from 0 to 0"),
        (
            {"codebook": [0, 1.5]},
            TypeError,
            "Codebook must be integers, not float64; quantize them first",
        ),
        (
            {"indices": np.zeros((0, 3), int)},
            ValueError,
            "Indices must be a matrix, outputs × inputs, not of the shape (0, 3)",
        ),
        (
            {"inputs": [0, 0, 1]},
            ValueError,
            "Places of inputs must be 3 different numbers from 0 up",
        ),
    ],
)
def test_refused(changes, error, message):
    arguments = {"indices": np.ones((2, 3), int), "codebook": [0, 1], "pes": 2} | changes
    indices, book = arguments.pop("indices"), arguments.pop("codebook")
    with pytest.raises(error) as caught:
        encode(indices, book, **arguments)
    assert str(caught.value) == message
