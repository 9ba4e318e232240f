"""The golden gemm against sums of Python integers."""

import re

import numpy as np
import pytest
from brickwork.sim.golden.gemm import gemm


def dots(a, w):
    """Every product of every sum, as Python integers: [m][n][k]."""
    a, w = a.tolist(), w.tolist()
    return [
        [[x * row[n] for x, row in zip(terms, w, strict=True)] for n in range(len(w[0]))]
        for terms in a
    ]


def wrap(value, width):
    return (value + (1 << (width - 1))) % (1 << width) - (1 << (width - 1))


def saturate(terms, width, step):
    acc = 0
    for k in range(0, len(terms), step):
        acc += sum(terms[k : k + step])
        acc = min(max(acc, -(1 << (width - 1))), (1 << (width - 1)) - 1)
    return acc


def operands(a_bits, w_bits, m=5, k=37, n=7, seed=0):
    random = np.random.default_rng([seed, a_bits, w_bits])
    a = random.integers(-(1 << (a_bits - 1)), 1 << (a_bits - 1), (m, k))
    w = random.integers(-(1 << (w_bits - 1)), 1 << (w_bits - 1), (k, n))
    a[0], w[:, 0], w[:, 1] = -(1 << (a_bits - 1)), -(1 << (w_bits - 1)), (1 << (w_bits - 1)) - 1
    return a, w


# Through float64, int64 and Python integers; the sums of the last still fit int64.
@pytest.mark.parametrize(("a_bits", "w_bits"), [(2, 2), (8, 8), (16, 16), (28, 25), (34, 24)])
def test_exact(a_bits, w_bits):
    a, w = operands(a_bits, w_bits)
    result = gemm(a, w)
    assert result.dtype == np.int64
    assert result.tolist() == [[sum(terms) for terms in row] for row in dots(a, w)]


def test_sum_just_beyond_float64():
    a = np.array([[1 << 53, 1]])
    assert gemm(a, np.array([[1], [1]])).tolist() == [[(1 << 53) + 1]]


def test_sum_just_beyond_int64():
    a = np.array([[-(1 << 32), -(1 << 32)]])
    assert gemm(a, [[1 << 30], [1 << 30]]).tolist() == [[-(1 << 63)]]
    with pytest.raises(ValueError, match=r"^Results must fit int64, not 9223372036854775808$"):
        gemm(a, [[-(1 << 30)], [-(1 << 30)]])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int32, np.uint64])
def test_narrow_types_do_not_overflow(dtype):
    highest = min(np.iinfo(dtype).max, 32767)
    a = np.full((1, 300), highest, dtype)
    assert gemm(a, a.T).tolist() == [[300 * highest**2]]


def test_python_integers():
    a = np.array([[1 << 100, 1 << 100]], object)
    assert gemm(a, np.array([[1, 0], [-1, 0]])).tolist() == [[0, 0]]
    assert gemm(a, [[3], [0]], acc_width=64).tolist() == [[0]]
    with pytest.raises(
        ValueError, match=r"^Results must fit int64, not 1267650600228229401496703205"
    ):
        gemm(a, [[1], [0]])


@pytest.mark.parametrize("width", [1, 2, 16, 19, 20, 32, 53, 62, 63, 64])
@pytest.mark.parametrize("bits", [8, 28, 36])
def test_wrap(width, bits):
    a, w = operands(bits, bits)
    expected = [[wrap(sum(terms), width) for terms in row] for row in dots(a, w)]
    assert gemm(a, w, acc_width=width).tolist() == expected


@pytest.mark.parametrize("step", [1, 2, 16, 37, 100])
@pytest.mark.parametrize(
    ("bits", "width"), [(8, 1), (8, 14), (8, 16), (8, 17), (8, 21), (28, 57), (28, 62), (36, 64)]
)
def test_saturate(bits, width, step):
    a, w = operands(bits, bits)
    expected = [[saturate(terms, width, step) for terms in row] for row in dots(a, w)]
    result = gemm(a, w, acc_width=width, overflow="saturate", terms_per_step=step)
    assert result.tolist() == expected


def test_saturation_edges():
    def sums(terms, value):
        w = np.full((terms, 1), value)
        one = np.ones((1, terms), np.int8)
        return gemm(one, w, acc_width=8, overflow="saturate", terms_per_step=terms).item()

    assert [sums(126, 1), sums(127, 1), sums(128, 1)] == [126, 127, 127]
    assert [sums(127, -1), sums(128, -1), sums(129, -1)] == [-127, -128, -128]


def test_saturation_depends_on_the_step():
    a, w = [[100, 100, -100, -100]], [[1], [1], [1], [1]]
    by_one = gemm(a, w, acc_width=8, overflow="saturate", terms_per_step=1)
    by_two = gemm(a, w, acc_width=8, overflow="saturate", terms_per_step=2)
    by_four = gemm(a, w, acc_width=8, overflow="saturate", terms_per_step=4)
    assert [by_one.item(), by_two.item(), by_four.item()] == [-73, -73, 0]


@pytest.mark.parametrize("shape", [(0, 3, 2), (2, 0, 3), (2, 3, 0)])
@pytest.mark.parametrize("overflow", ["wrap", "saturate"])
def test_nothing(shape, overflow):
    m, k, n = shape
    a, w = np.zeros((m, k), np.int8), np.zeros((k, n), np.int8)
    result = gemm(a, w, acc_width=8, overflow=overflow, terms_per_step=1)
    assert result.shape == (m, n)
    assert not result.any()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"a": [[1.0]]},
            TypeError,
            "Activations must be integers, not float64; quantize them first",
        ),
        ({"w": [[True]]}, TypeError, "Weights must be integers, not bool"),
        ({"a": [1]}, ValueError, "Activations must have the shape (M, K), not (1,)"),
        ({"w": [[1], [2]]}, ValueError, "Weights must have the shape (1, N), not (2, 1)"),
        ({"overflow": "clip"}, ValueError, 'Overflow must be "wrap" or "saturate", not \'clip\''),
        ({"acc_width": "8"}, TypeError, "Accumulator width must be a positive integer, not '8'"),
        ({"acc_width": True}, TypeError, "Accumulator width must be a positive integer, not True"),
        ({"acc_width": 0}, ValueError, "Accumulator width must be a positive integer, not 0"),
        ({"acc_width": 129}, ValueError, "Accumulator width must be at most 128, not 129"),
        (
            {"overflow": "saturate"},
            TypeError,
            "Accumulator width must be a positive integer, not None",
        ),
        (
            {"overflow": "saturate", "acc_width": 8},
            TypeError,
            "Terms per step must be a positive integer, not None",
        ),
        (
            {"overflow": "saturate", "acc_width": 8, "terms_per_step": 0},
            ValueError,
            "Terms per step must be a positive integer, not 0",
        ),
    ],
)
def test_wrong_parameters(change, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        gemm(**({"a": [[1]], "w": [[1]]} | change))
