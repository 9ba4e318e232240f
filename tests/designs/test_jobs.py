"""Jobs in Python: operands that do not fit the core are refused before anything is sent."""

import re
from dataclasses import replace

import numpy as np
import pytest
from brickwork import Eie, GemmFusion, GemmOs, GemmWs
from brickwork.gen.emission.emit import outline
from brickwork.sim.designs._gemm import QuantParams
from brickwork.sim.designs.base import check_core
from brickwork.sim.designs.eie import Layer, encoding
from brickwork.sim.designs.registry import model
from brickwork.sim.golden.sparse import encode

A = np.array([[1, 2], [3, 4]])
ONE = np.ones(2, np.int64)
GOOD = QuantParams(
    bias=0 * ONE,
    multiplier=ONE << 23,
    shift=23 * ONE,
    zero_point=0 * ONE,
    low=-128 * ONE,
    high=127 * ONE,
)

INT8 = GemmOs(rows=2, cols=2, max_k=8)
CODES = GemmWs(rows=2, cols=2, a_format="e4m3", w_format="uint4+flint4", max_k=8)
PAIRS = GemmWs(rows=2, cols=2, a_format="ovp_int4", w_format="ovp_int8", max_k=9)
FUSION = GemmFusion(rows=2, cols=2)
SCALE = GemmOs(rows=2, cols=2, output="scale", max_k=8)


@pytest.mark.parametrize(
    ("core", "a", "w", "modes", "error", "message"),
    [
        (INT8, A + 0.5, A, {}, TypeError, "A must be integers, not float64; quantize them first"),
        (INT8, A * np.nan, A, {}, TypeError, "A must be integers, not float64; quantize them "),
        (INT8, A, A * 1.0, {}, TypeError, "W must be integers, not float64; quantize them first"),
        (INT8, A > 1, A, {}, TypeError, "A must be integers, not bool"),
        (INT8, A * 1j, A, {}, TypeError, "A must be integers, not complex128"),
        (INT8, A.astype(object) * 0.5, A, {}, TypeError, "A must be integers, not object"),
        (INT8, A.astype(str), A, {}, TypeError, "A must be integers, not <U21"),
        (INT8, None, A, {}, TypeError, "A must be integers, not object"),
        (
            INT8,
            A * 100,
            A,
            {},
            ValueError,
            "A must be from -128 to 127 (int8), not 200 at index 0, 1",
        ),
        (
            INT8,
            A.astype(object) << 70,
            A,
            {},
            ValueError,
            "A must be from -128 to 127 (int8), not 1180591620717411303424 at index 0, 0",
        ),
        (
            INT8,
            A,
            A.astype(np.uint64) << 62,
            {},
            ValueError,
            "W must be from -128 to 127 (int8), not 4611686018427387904 at index 0, 0",
        ),
        (
            INT8,
            A[0],
            A,
            {},
            ValueError,
            "A must be a matrix (M × K) of at least one row and one column, not of the shape (2,)",
        ),
        (
            INT8,
            A,
            A[:, :0],
            {},
            ValueError,
            "W must be a matrix (K × N) of at least one row and one column, not of the shape "
            "(2, 0)",
        ),
        (
            INT8,
            5,
            A,
            {},
            ValueError,
            "A must be a matrix (M × K) of at least one row and one column, not of the shape ()",
        ),
        (
            INT8,
            A,
            A[:1],
            {},
            ValueError,
            "W must have 2 rows, as A has columns, not the shape (1, 2)",
        ),
        (
            INT8,
            np.ones((1, 9), int),
            np.ones((9, 1), int),
            {},
            ValueError,
            "K must be at most 8 (max_k), not 9",
        ),
        (
            INT8,
            A,
            A,
            {"relu": 1},
            ValueError,
            "Mode must be one of a_type, w_type, not 'relu'",
        ),
        (
            CODES,
            -A,
            A,
            {},
            ValueError,
            "A must be codes from 0 to 255 (e4m3), not -1 at index 0, 0",
        ),
        (
            CODES,
            A,
            A + 14,
            {"w_type": "flint4"},
            ValueError,
            "W must be codes from 0 to 15 (flint4), not 16 at index 0, 1",
        ),
        (
            CODES,
            A,
            A,
            {"w_type": "int4"},
            ValueError,
            "Type must be one of uint4, flint4, not 'int4'",
        ),
        (
            PAIRS,
            A + 13,
            A,
            {},
            ValueError,
            "A must be codes from 0 to 15 (ovp_int4), not 16 at index 1, 0",
        ),
        (
            FUSION,
            A,
            A,
            {"w_bits": 2},
            ValueError,
            "W must be from -2 to 1 (int2), not 2 at index 0, 1",
        ),
        (FUSION, A, A, {"w_bits": 3}, ValueError, "Mode w_bits must be 2, 4, 8 or 16, not 3"),
        (
            FUSION,
            A,
            A,
            {"bits": 3},
            ValueError,
            "Mode must be one of a_bits, a_signed, w_bits, w_signed, not 'bits'",
        ),
    ],
)
def test_operands_of_gemm_engines(core, a, w, modes, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        model(outline(core)).job(a, w, **modes)


def test_codes_at_the_limits_and_odd_pairs():
    limits = np.array([[-128, 127]])
    assert (model(outline(INT8)).job(limits, limits.T).expected == 32513).all()
    odd = model(outline(PAIRS)).job(np.ones((1, 3), int), np.ones((3, 1), int))
    assert odd.expected.tolist() == [[3]]
    # Python integers and every integer type are welcome.
    for type_ in (object, np.int8, np.uint16, ">i4"):
        assert (model(outline(INT8)).job(A.astype(type_), A.tolist()).expected == A @ A).all()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"multiplier": ONE << 24},
            ValueError,
            "multiplier must be from 0 to 16777215, not 16777216 at index 0",
        ),
        ({"shift": ONE * 64}, ValueError, "shift must be from 0 to 63, not 64 at index 0"),
        ({"shift": -ONE}, ValueError, "shift must be from 0 to 63, not -1 at index 0"),
        (
            {"bias": ONE << 40},
            ValueError,
            "bias must be from -262144 to 262143, not 1099511627776 at index 0",
        ),
        ({"bias": ONE * 0.7}, TypeError, "bias must be integers, not float64; quantize them first"),
        ({"bias": None}, TypeError, "bias must be integers, not object"),
        ({"low": ONE * 50, "high": -ONE}, ValueError, "low must be at most high (-1), not 50 at "),
        (
            {"zero_point": np.array([0, 300])},
            ValueError,
            "zero_point must be from -128 to 127, not 300 at index 1",
        ),
        (
            {"bias": ONE[:1]},
            ValueError,
            "bias must be 2 integers, one for each column of W, not of the shape (1,)",
        ),
        (
            {"shift": ONE[:, None]},
            ValueError,
            "shift must be 2 integers, one for each column of W, not of the shape (2, 1)",
        ),
    ],
)
def test_quantization_parameters(change, error, message):
    with pytest.raises(error, match=f"^Quantization parameter {re.escape(message)}"):
        model(outline(SCALE)).job(A, A, replace(GOOD, **change))


def test_presence_of_quantization_parameters():
    assert (model(outline(SCALE)).job(A, A, GOOD).expected == A @ A).all()
    with pytest.raises(TypeError, match=r"^Quantization parameters must be QuantParams, not None$"):
        model(outline(SCALE)).job(A, A)
    with pytest.raises(ValueError, match=r"^Quantization parameters must be None for raw results"):
        model(outline(INT8)).job(A, A, GOOD)
    # Only the fields of the engine's stream matter.
    bias = GemmOs(rows=2, cols=2, output="bias", max_k=8)
    y = model(outline(bias)).job(A, A, QuantParams.of_bias(np.array([5, -5]))).expected
    assert (y == A @ A + [5, -5]).all()


EIE = Eie(pes=2, columns=8, entries=8, acts=4, rows=4)
ENCODED = encode(np.eye(3, dtype=int), [0, 1], **encoding(EIE.as_dict()))
VECTOR = np.array([1, 2, 3])


@pytest.mark.parametrize(
    ("layers", "a", "error", "message"),
    [
        ([], VECTOR, ValueError, "Layers must be at least one"),
        ([ENCODED], VECTOR, TypeError, "Layers must be a sequence of Layer, not of "),
        (
            [Layer(encoded=ENCODED, shift=1.5)],
            VECTOR,
            TypeError,
            "Shift must be an integer, not 1.5",
        ),
        (
            [Layer(encoded=ENCODED, shift=True)],
            VECTOR,
            TypeError,
            "Shift must be an integer, not True",
        ),
        (
            [Layer(encoded=ENCODED, shift=64)],
            VECTOR,
            ValueError,
            "Shift must be an integer from 0 to 63, not 64",
        ),
        (
            [Layer(encoded=ENCODED, relu="no")],
            VECTOR,
            ValueError,
            "ReLU must be True or False, not 'no'",
        ),
        (
            [Layer(encoded=ENCODED)],
            VECTOR * 1.0,
            TypeError,
            "Activations must be integers, not float64; quantize them first",
        ),
        ([Layer(encoded=ENCODED)], VECTOR > 1, TypeError, "Activations must be integers, not bool"),
        (
            [Layer(encoded=ENCODED)],
            VECTOR << 15,
            ValueError,
            "Activations must be from -32768 to 32767, not 32768",
        ),
        (
            [Layer(encoded=ENCODED)],
            VECTOR[:2],
            ValueError,
            "Activations must be 3, or vectors of 3, one for each column of the matrix, not the "
            "shape (2,)",
        ),
    ],
)
def test_operands_of_eie(layers, a, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        model(outline(EIE)).job(layers, a)


def test_job_of_another_core():
    job = model(outline(INT8)).job(A, A)
    check_core(job, outline(INT8))
    message = (
        f"Job must be made from the manifest of this core, gemm_os {SCALE.digest}, not of "
        f"gemm_os {INT8.digest}"
    )
    with pytest.raises(ValueError, match=f"^{message}$"):
        check_core(job, outline(SCALE))
