"""Golden models of fusion against the paper's numbers and against products of integers."""

import numpy as np
import pytest
from brickwork.sim.golden.fusion.fusion_unit import fusion_unit, numbers
from brickwork.sim.golden.fusion.mode import Mode, every_mode, offset, spread


def test_modes():
    """Sharma et al., ISCA 2018, section III: products of a fusion unit in a cycle."""
    assert len(set(every_mode())) == 36
    actual = {mode[:2]: mode.products for mode in every_mode()}
    assert actual == {
        **{(2, 2): 16, (2, 4): 8, (2, 8): 4},
        **{(4, 2): 8, (4, 4): 4, (4, 8): 2},
        **{(8, 2): 4, (8, 4): 2, (8, 8): 1},
    }


def test_numbers():
    """One byte for two columns of bricks each; in a byte the low number first."""
    word = 0xE4E41B1B
    assert numbers([word], 2, 4, 0).tolist() == [[[3, 2, 1, 0], [0, 1, 2, 3]]]
    assert numbers([word], 2, 4, 1).tolist() == [[[-1, -2, 1, 0], [0, 1, -2, -1]]]
    assert numbers([word], 4, 4, 1).tolist() == [[[-5, 1], [4, -2]]]
    assert numbers([0xE4E4E4E4], 8, 8, 1).tolist() == [[[-28]]]
    with pytest.raises(AssertionError):
        numbers([word], 8, 8, 1)


def test_spread():
    assert [hex(spread(0x44332211, step, 8)) for step in range(4)] == [
        *("0x11111111", "0x22222222", "0x33333333", "0x44444444")
    ]
    assert [hex(spread(0x44332211, step, 4)) for step in range(2)] == ["0x22221111", "0x44443333"]
    assert spread(0x44332211, 0, 2) == 0x44332211


def test_sums():
    """Rows meet columns: number n of byte m the number m of byte n."""
    # Weights 1, 1, -2 and -1, from the low bits up, for one byte of activations each.
    actual = fusion_unit([0x0201FF80], [0xE5E5E5E5], Mode(8, 2, 1, 1))
    assert actual.tolist() == [-128 * 1 + -1 * 1 + 1 * -2 + 2 * -1]
    actual = fusion_unit([0x1B1B1B1B], [0x05FE0380], Mode(2, 8, 0, 0))
    assert actual.tolist() == [3 * 0x80 + 2 * 0x03 + 1 * 0xFE + 0 * 0x05]


@pytest.mark.parametrize(
    ("signs", "lowest", "highest"),
    [((0, 0), 0, 65025), ((1, 0), -32640, 32385), ((0, 1), -32640, 32385), ((1, 1), -16256, 16384)],
)
def test_limits(signs, lowest, highest):
    codes = np.arange(256) * 0x01010101
    a, w = np.repeat(codes, 256), np.tile(codes, 256)
    sums = fusion_unit(a, w, Mode(8, 8, *signs))
    assert (sums.min(), sums.max()) == (lowest, highest)


def test_offset():
    """Without sign nothing is inverted; of -2^7 · (2^8 - 1) all is what has been added."""
    assert offset(Mode(8, 8, 0, 0)) == offset(Mode(2, 2, 0, 0)) == 0
    assert offset(Mode(8, 8, 1, 0)) == offset(Mode(8, 8, 0, 1)) == 128 * 255
    assert offset(Mode(8, 8, 1, 1)) == 2 * 128 * 127
    assert offset(Mode(2, 2, 1, 1)) == 16 * 2 * 2 * 1
