"""``brickwork prune --pattern``: the largest weights of each block."""

import itertools
import json

import numpy as np
import pytest
from brickwork.gen.cli import main
from brickwork.gen.lib.pruning import prune_pattern
from brickwork.sim.golden.sparse.nm import Pattern, fits


@pytest.mark.parametrize("pattern", [Pattern(2, 4), Pattern(1, 4), Pattern(3, 5), Pattern(1, 1)])
def test_pruned_weights_are_the_largest(pattern):
    """Of every block, also of a last one that is shorter, no choice of terms has a larger sum."""
    w = np.random.default_rng(1).integers(-128, 128, (13, 6))
    pruned = prune_pattern(w, pattern)
    assert fits(pruned != 0, pattern)
    assert ((pruned == w) | (pruned == 0)).all()
    for first in range(0, len(w), pattern.size):
        block = abs(w[first : first + pattern.size])
        count = min(pattern.count, len(block))
        best = max(
            itertools.combinations(range(len(block)), count),
            key=lambda rows: block[list(rows), 0].sum(),
        )
        kept = abs(pruned[first : first + pattern.size, 0]).sum()
        assert kept == block[list(best), 0].sum()


def test_pruning_keeps_the_first_of_equal_weights():
    assert prune_pattern(np.full((4, 1), -3), Pattern(2, 4)).ravel().tolist() == [-3, -3, 0, 0]


@pytest.mark.parametrize("pattern", [Pattern(2, 4), Pattern(1, 4), Pattern(1, 2), Pattern(2, 3)])
def test_transposable_weights(pattern):
    """The pattern holds in both directions, and no exchange of two rows of a mask is better."""
    w = np.random.default_rng(2).normal(size=(11, 10))
    pruned = prune_pattern(w, pattern, transposable=True)
    assert fits(pruned != 0, pattern)
    assert fits(pruned.T != 0, pattern)
    assert ((pruned == w) | (pruned == 0)).all()
    size = pattern.size
    square, kept = abs(w[:size, :size]), pruned[:size, :size] != 0
    assert (kept.sum(axis=0) == pattern.count).all()
    for rows in itertools.permutations(range(size)):
        for columns in itertools.permutations(range(size)):
            other = kept[list(rows)][:, list(columns)]
            assert square[other].sum() <= square[kept].sum() + 1e-12


class TestCommand:
    @pytest.fixture(autouse=True)
    def weights(self, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)
        self.w = np.random.default_rng(3).normal(size=(10, 6)).astype(np.float32)
        np.save("W.npy", self.w)

    def test_along_k(self, capsys):
        assert main(["prune", "W.npy", "--pattern", "2:4", "--out", "P.npy", "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        pruned = np.load("P.npy")
        assert pruned.dtype == np.float32
        assert np.array_equal(pruned, prune_pattern(self.w, Pattern(2, 4)))
        # A last block of two terms keeps both.
        assert report["weights"] == 36
        assert report["density"] == 0.6

    def test_outputs_times_inputs(self):
        np.save("T.npy", self.w.T)
        argv = ["prune", "T.npy", "--pattern", "1:4", "--w-layout", "nk", "--out", "P.npy"]
        assert main(argv) == 0
        assert np.array_equal(np.load("P.npy"), prune_pattern(self.w, Pattern(1, 4)).T)

    @pytest.mark.parametrize(
        ("message", "argv"),
        [
            (
                "Pattern must be N:M with 1 ≤ N ≤ M ≤ 32, such as 2:4, not '4:2'",
                ["--pattern", "4:2"],
            ),
            (
                "Pattern must have blocks of at most 4 with --transposable, not be 4:8",
                ["--pattern", "4:8", "--transposable"],
            ),
            (
                "Option --transposable must go with --pattern",
                ["--density", "0.5", "--transposable"],
            ),
        ],
    )
    def test_refused(self, capsys, message, argv):
        assert main(["prune", "W.npy", *argv, "--out", "P.npy"]) == 2
        assert message in capsys.readouterr().err

    def test_vector_is_refused(self, capsys):
        np.save("V.npy", np.ones(4))
        assert main(["prune", "V.npy", "--pattern", "2:4", "--out", "P.npy"]) == 2
        assert "W must be a dense matrix (K × N) to be pruned to a pattern" in (
            capsys.readouterr().err
        )
