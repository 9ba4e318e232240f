"""2:4 matrices in PyTorch's two parts."""

import itertools
import re

import numpy as np
import pytest
from brickwork.gen.cli import main
from brickwork.gen.lib.pruning import prune_pattern
from brickwork.gen.lib.semi_structured import from_parts, to_parts
from brickwork.sim.golden.sparse.nm import Pattern

# Nibbles of PyTorch's encoder, by the positions that are not zero.
NIBBLES = {
    (): 0b1110,
    (0,): 0b1100,
    (1,): 0b1101,
    (2,): 0b1110,
    (3,): 0b1110,
    (0, 1): 0b0100,
    (0, 2): 0b1000,
    (1, 2): 0b1001,
    (0, 3): 0b1100,
    (1, 3): 0b1101,
    (2, 3): 0b1110,
}


def offset(row, column, rows, bits):
    """Where PyTorch's decoder reads the metadata word of a row and a column, in words."""
    step, within = (4, (0, 1, 32, 33)) if bits == 32 else (8, (0, 1, 4, 5))
    pair, side = divmod(column, 2)
    return row // 32 * 64 + within[row % 32 // 8] + row % 8 * step + pair * 2 * rows + 2 * side


def matrix(dtype, rows, columns):
    numbers = np.random.default_rng(1).integers(-128, 128, (rows, columns))
    return prune_pattern(numbers.T, Pattern(2, 4)).T.astype(dtype)


@pytest.mark.parametrize(("dtype", "bits"), [(np.int8, 32), (np.float16, 16)])
def test_every_block(dtype, bits):
    """Each with all others beside it, in all places of a word."""
    quads = bits // 4
    cases = list(itertools.islice(itertools.cycle(NIBBLES.items()), 64 * 2 * quads))
    dense = np.zeros((64, 2 * quads, 4), dtype)
    for index, (positions, _) in enumerate(cases):
        dense[divmod(index, 2 * quads)][list(positions)] = [1 + index % 9, -3][: len(positions)]
    packed, meta = to_parts(dense.reshape(64, -1))
    assert (packed.dtype, packed.shape) == (dtype, (64, 4 * quads))
    assert (meta.dtype.itemsize * 8, meta.shape) == (bits, (64, 2))
    words = meta.reshape(-1)
    for index, (_, nibble) in enumerate(cases):
        row, block = divmod(index, 2 * quads)
        word = int(words[offset(row, block // quads, 64, bits)])
        assert word >> block % quads * 4 & 15 == nibble
    assert (from_parts(packed, meta) == dense.reshape(64, -1)).all()


@pytest.mark.parametrize(("dtype", "columns"), [(np.int8, 192), (np.uint8, 64), (np.float16, 96)])
def test_round_trip(dtype, columns):
    dense = matrix(dtype, 96, columns)
    again = from_parts(*to_parts(dense))
    assert again.dtype == dtype
    assert (again == dense).all()


@pytest.mark.parametrize("nibble", [0b0000, 0b0101, 0b1010, 0b1111])
def test_one_position_twice(nibble):
    packed, meta = to_parts(matrix(np.int8, 32, 64))
    meta.reshape(-1)[offset(9, 0, 32, 32)] &= ~np.int32(0xF0)
    meta.reshape(-1)[offset(9, 0, 32, 32)] |= np.int32(nibble << 4)
    message = f"Metadata must have two positions in each block, not the nibble {nibble:04b} in row "
    with pytest.raises(ValueError, match=f"^{message}9, block 1$"):
        from_parts(packed, meta)


def test_wrong_parts():
    packed, meta = to_parts(matrix(np.int8, 32, 64))
    with pytest.raises(TypeError, match="Metadata of int8 must be int32, not int16"):
        from_parts(packed, meta.astype(np.int16))
    with pytest.raises(ValueError, match="Metadata must be of the shape"):
        from_parts(packed[:, :8], meta)
    with pytest.raises(TypeError, match="2:4 parts must be of a matrix of numbers of 8 or 16"):
        to_parts(np.zeros((32, 32)))
    with pytest.raises(ValueError, match=re.escape("multiple of 32 outputs and of 64 inputs")):
        to_parts(np.zeros((32, 16), np.int8))
    with pytest.raises(ValueError, match="W must have at most 2 non-zeros in 4 terms of K"):
        to_parts(np.ones((32, 64), np.int8))


class TestCommands:
    def test_from_the_parts_to_a_product(self, monkeypatch, tmp_path, capsys):
        """``prune`` writes them, and ``run`` reads them."""
        monkeypatch.chdir(tmp_path)
        w = np.random.default_rng(2).integers(-128, 128, (32, 64)).astype(np.int8)
        np.save("W.npy", w)
        np.save("A.npy", np.random.default_rng(3).integers(-128, 128, (5, 64)))
        argv = ["prune", "W.npy", "--w-layout", "nk", "--pattern", "2:4", "--out", "P.npz"]
        assert main(argv) == 0
        with np.load("P.npz") as parts:
            dense = from_parts(parts["packed"], parts["meta"])
        assert (dense == prune_pattern(w.T, Pattern(2, 4)).T).all()
        core = ["gemm_nm", "--set", "rows=4", "--set", "cols=4"]
        operands = ["--a", "A.npy", "--w", "P.npz", "--w-layout", "nk"]
        capsys.readouterr()
        assert main(["run", *core, *operands, "--mode", "pattern=2:4", "--out", "Y.npy"]) == 0
        assert re.search(r"^matches golden\s+yes$", capsys.readouterr().out, re.MULTILINE)
        assert (np.load("Y.npy") == np.load("A.npy") @ dense.T).all()

    @pytest.mark.parametrize(
        ("message", "pattern", "layout"),
        [
            ("Pattern must be 2:4 for PyTorch's parts (.npz), not '1:4'", "1:4", "nk"),
            ("Layout must be nk for PyTorch's parts (.npz), not 'kn'", "2:4", "kn"),
        ],
    )
    def test_refused(self, monkeypatch, tmp_path, capsys, message, pattern, layout):
        monkeypatch.chdir(tmp_path)
        np.save("W.npy", np.ones((32, 64), np.int8))
        argv = ["prune", "W.npy", "--w-layout", layout, "--pattern", pattern, "--out", "P.npz"]
        assert main(argv) == 2
        assert message in capsys.readouterr().err
        assert not (tmp_path / "P.npz").exists()
