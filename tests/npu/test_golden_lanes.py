"""The golden lanes against fractions and float32 arithmetic, function by function."""

import random
from fractions import Fraction

import numpy as np
from brickwork.sim.golden.arith.requantize import scale_to_multiplier
from brickwork.sim.golden.npu.lanes import lanes

CHANNEL = dict(bias=[40], multiplier=[3], shift=[2], zero_point=[-1], low=[-100], high=[99])
#: Word i of group g is i * 2^16 - 2^22 + g, so its bytes are those of a number, too.
TABLES = [(i * (1 << 16) - (1 << 22) + g) % (1 << 32) for g in range(2) for i in range(256)]


def result(function, a, b=0, *, sums=(), inside=None, a_zero=0, table=0, rounding="exact", **more):
    words = max(len(a), len(sums))
    (code,) = lanes(
        function,
        [[code] for code in a] or [[0]] * words,
        [[b]] * words,
        [[value] for value in sums] or [[0]] * words,
        inside=[True] * words if inside is None else inside,
        a_zero=a_zero,
        table=table,
        channels=CHANNEL | more,
        tables=TABLES,
        rounding=rounding,
    )
    return int(code)


def rounded(value):
    return min(max(round(value) - 1, -100), 99)


def test_maxima():
    assert result("copy", [-7]) == -7
    assert result("window_max", [-128, 3, 90], inside=[True, True, False]) == 3
    assert result("window_max", [5, 6], inside=[False, False], a_zero=9) == -128
    assert result("reduce_max", [-128, -127]) == -127


def test_sums():
    for a in range(-128, 128):
        assert result("affine", [a]) == rounded(Fraction((a + 40) * 3, 4))
    values = [Fraction((s + 40) * 3, 4) for s in (-42, -38)]
    assert [rounded(value) for value in values] == [-3, 1]
    assert result("window_sum", [1, 2, 77], inside=[1, 1, 0], a_zero=-45) == -3
    assert result("reduce_sum", [-19, -19]) == 1
    assert result("depthwise", [], sums=[-42]) == -3
    # A sum and its bias have 33 bits.
    assert result("depthwise", [], sums=[-1 << 31], bias=[-1 << 31], shift=[63]) == -1
    assert result("depthwise", [], sums=[-1 << 31, -1], bias=[-1 << 31]) == 99


def test_two_operands():
    for a, b, group in [(-128, -128, 0), (127, -1, 1), (3, 64, 1), (-5, 63, 0), (0, 0, 0)]:
        word = (b % 256) * (1 << 16) - (1 << 22) + group
        value = Fraction(a * 3 + word, 1 << 20)
        assert result("add", [a], b, table=4 * group + 3, shift=[20]) == rounded(value)
        value = Fraction((a + 2) * word + 40, 1 << 23)
        assert result("mul", [a], b, table=4 * group, shift=[23], a_zero=-2) == rounded(value)
    # Of 25 bits of the word -2^22 + 128 * 2^16 = 2^22 nothing is lost, and more is none of it.
    tables = [(1 << 24) + 5] * 256
    (code,) = lanes(
        "mul",
        [[1]],
        [[0]],
        [[0]],
        inside=[True],
        a_zero=0,
        table=0,
        channels=CHANNEL | {"bias": [0], "shift": [18]},
        tables=tables,
        rounding="exact",
    )
    assert code == -64 - 1


def test_tables():
    for y in (-128, -1, 0, 127):
        word = (y % 256) * (1 << 16) - (1 << 22) + 1
        for table in (4, 5, 6, 7):
            byte = word % (1 << 32) >> 8 * (table - 4) & 255
            assert result("copy", [y], table=table) == byte - 256 * (byte >> 7)


def test_float32():
    draw = random.Random(1)
    differing = 0
    for _ in range(3000):
        scale = np.float32(10 ** draw.uniform(-5, -2))
        total = round((draw.randint(-120, 120) + 0.5) / float(scale)) + draw.randint(-2, 2)
        if abs(total) >= 1 << 23:
            continue
        multiplier, shift = (int(value) for value in scale_to_multiplier(scale))
        more = dict(bias=[0], multiplier=[multiplier], shift=[shift], zero_point=[0])
        expected = int(np.rint(np.float32(total) * scale))
        expected = min(max(expected, -100), 99)
        codes = [
            result("depthwise", [], sums=[total], rounding=rounding, **more)
            for rounding in ("float32", "exact")
        ]
        assert codes[0] == expected
        differing += codes[1] != expected
    assert differing
