"""Integer formats and the checks of the golden models."""

import re

import ml_dtypes
import numpy as np
import pytest
from brickwork.sim.golden import formats


@pytest.mark.parametrize("bits", range(2, 17))
def test_ranges(bits):
    signed, unsigned = formats.get(f"int{bits}"), formats.get(f"uint{bits}")
    for fmt, lowest, highest in (
        (signed, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1),
        (unsigned, 0, 2**bits - 1),
    ):
        assert (fmt.bits, fmt.signed, fmt.family, fmt.unit) == (bits, lowest < 0, "int", 1.0)
        assert (fmt.lowest, fmt.highest) == (fmt.lowest_code, fmt.highest_code)
        assert (fmt.lowest, fmt.highest) == (lowest, highest)
        assert fmt.integers.tolist() == [
            code - (2**bits if code > highest else 0) for code in range(2**bits)
        ]
        assert not fmt.special.any()


@pytest.mark.parametrize("name", ["int8", "uint8", "int16", "uint16"])
def test_ranges_are_numpys(name):
    fmt, numpys = formats.get(name), np.iinfo(name)
    assert (fmt.bits, fmt.lowest, fmt.highest) == (numpys.bits, numpys.min, numpys.max)


@pytest.mark.parametrize("name", ["int4", "uint4", "int2", "uint2"])
def test_ranges_are_ml_dtypes(name):
    fmt, theirs = formats.get(name), ml_dtypes.iinfo(getattr(ml_dtypes, name))
    assert (fmt.bits, fmt.lowest, fmt.highest) == (theirs.bits, theirs.min, theirs.max)


@pytest.mark.parametrize(
    "name",
    [
        "int99",
        "int1",
        "uint17",
        "int08",
        "int",
        "sint8",
        "int8 ",
        "INT8",
        "int٨",
        "",
        8,
        None,
        "flint4",
    ],
)
def test_not_an_integer_format(name):
    message = f"Format must be int<N> or uint<N> with N from 2 to 16, not {name!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        formats.get_integer(name)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.uint64])
def test_values(dtype):
    result = formats.check_values(np.array([[0, 1], [2, 7]], dtype), formats.get("int4"))
    assert result.dtype == np.int64
    assert result.tolist() == [[0, 1], [2, 7]]


def test_values_from_lists_and_scalars():
    assert formats.check_values([-8, 7], formats.get("int4")).tolist() == [-8, 7]
    assert formats.check_values(3, formats.get("uint2")).tolist() == 3
    assert formats.check_values(np.zeros((0, 4), np.int8), formats.get("int4")).shape == (0, 4)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, 2.0], "Activations must be integers, not float64; quantize them first"),
        (np.float32([1]), "Activations must be integers, not float32; quantize them first"),
        ([float("nan")], "Activations must be integers, not float64; quantize them first"),
        ([1j], "Activations must be integers, not complex128"),
        ([True], "Activations must be integers, not bool"),
        ([None], "Activations must be integers, not object"),
    ],
)
def test_wrong_types(values, message):
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        formats.check_values(values, formats.get("int8"))


@pytest.mark.parametrize(
    ("values", "name", "message"),
    [
        ([[1, 2], [3, 128], [999, 0]], "int8", "from -128 to 127 (int8), not 128 at index 1, 1"),
        ([0, 0, -129], "int8", "from -128 to 127 (int8), not -129 at index 2"),
        ([-1], "uint4", "from 0 to 15 (uint4), not -1 at index 0"),
        (16, "uint4", "from 0 to 15 (uint4), not 16"),
        (
            [1 << 70],
            "int8",
            "from -128 to 127 (int8), not 1180591620717411303424 at index 0",
        ),
        (
            np.array([2**64 - 1], np.uint64),
            "int16",
            "from -32768 to 32767 (int16), not 18446744073709551615 at index 0",
        ),
    ],
)
def test_out_of_range(values, name, message):
    with pytest.raises(ValueError, match=f"^{re.escape('Weights must be ' + message)}$"):
        formats.check_values(values, formats.get(name), "Weights")


def test_integers_of_any_width():
    assert formats.check_integers([1 << 70, -1], "Sums").tolist() == [1 << 70, -1]
    assert formats.check_integers(np.int8([1]), "Sums").dtype == np.int8
    with pytest.raises(TypeError, match=r"^Sums must be integers, not object$"):
        formats.check_integers([1 << 70, True], "Sums")
