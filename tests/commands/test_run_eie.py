"""``brickwork run eie`` and ``brickwork prune``."""

import json
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from brickwork import Eie, quantize
from brickwork.gen.cli import main
from brickwork.gen.designs import _eie_task
from brickwork.gen.designs._operands import Operands, Source
from brickwork.gen.emission.emit import outline
from scipy import sparse

FOUR = ("--set", "pes=4")


@pytest.fixture(autouse=True)
def operands(tmp_path, monkeypatch):
    """Small integers of 14 values (30 × 40) and vectors; normal numbers; the same, sparse."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(5)
    w = np.where(rng.random((30, 40)) < 0.2, rng.integers(-7, 8, (30, 40)), 0)
    arrays = {
        "w": w,
        "a": rng.integers(-5, 6, 40),
        "batch": np.where(rng.random((3, 40)) < 0.5, rng.integers(-5, 6, (3, 40)), 0),
        "many": rng.integers(-50, 50, (30, 40)),
        "wf": np.where(rng.random((30, 40)) < 0.3, rng.normal(size=(30, 40)), 0),
        "af": np.maximum(rng.normal(size=(3, 40)), 0),
    }
    for name, values in arrays.items():
        np.save(f"{name}.npy", values)
    sparse.save_npz("w.npz", sparse.csr_array(w))
    return arrays


@pytest.fixture
def run(capsys):
    """Runs a product and gives its results, its real results and its JSON report."""

    def run_(w, a, *argv):
        argv = ["run", "eie", *FOUR, "--w", w, "--w-layout", "nk", "--a", a, *argv, "--json"]
        assert main([*argv, "--out", "y.npy", "--real-out", "r.npy"]) == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        return np.load("y.npy"), np.load("r.npy"), json.loads(captured.out)

    return run_


@pytest.fixture
def refused(capsys):
    """Checks that a command is refused in one line, and writes nothing."""

    def check(message, *argv):
        assert main(list(argv)) == 2
        assert capsys.readouterr().err == f"brickwork: error: {message}\n"

    return check


@pytest.mark.parametrize("row_mapping", ["modulo", "balanced"])
@pytest.mark.parametrize("w", ["w.npy", "w.npz"])
@pytest.mark.parametrize("a", ["a", "batch"])
def test_small_integers_are_exact(run, operands, w, a, row_mapping):
    y, real, report = run(w, f"{a}.npy", "--mode", f"row_mapping={row_mapping}")
    expected = operands[a] @ operands["w"].T
    assert np.array_equal(y, expected)
    assert np.array_equal(real, expected)
    assert (report["shift"], report["fraction"], report["clustered"]) == (0, 0, False)
    assert report["matches_golden"]
    assert report["errors"] == {"relative": 0, "largest": 0}
    assert report["weights"] == np.count_nonzero(operands["w"])
    live = np.count_nonzero(np.atleast_2d(operands[a]), axis=0)
    assert report["macs"] == np.count_nonzero(operands["w"], axis=0) @ live
    assert report["balance"] == report["entries"] / (4 * report["cycles"])


def test_relu_and_shift(run, operands):
    y, real, report = run("w.npy", "batch.npy", "--mode", "relu=1", "--shift", "2")
    expected = np.maximum(np.rint(operands["batch"] @ operands["w"].T / 4), 0)
    assert np.array_equal(y, expected)
    assert np.array_equal(real, 4 * expected)
    assert report["fraction"] == -2


def test_shift_is_the_least_without_saturation(run, operands):
    np.save("big.npy", operands["batch"] * 5000)
    y, real, report = run("w.npy", "big.npy")
    exact = 5000 * operands["batch"] @ operands["w"].T
    assert report["shift"] == int(abs(exact).max()).bit_length() - 15
    assert 16383 <= abs(y).max() <= 32767
    assert abs(real - exact).max() <= 2 ** report["shift"] / 2


def test_floats_are_clustered(run, operands):
    y, real, report = run(
        "wf.npy", "af.npy", "--mode", "relu=1", "--stall-in", "30", "--stall-out", "30"
    )
    assert report["clustered"]
    assert report["codebook"] == 15
    exact = np.maximum(operands["af"] @ operands["wf"].T, 0)
    off = np.linalg.norm(real - exact) / np.linalg.norm(exact)
    assert report["errors"]["relative"] == pytest.approx(off)
    assert off < 0.2
    assert np.array_equal(real, y * 2.0 ** -report["fraction"])


def test_floats_of_few_values_are_not(run, operands):
    np.save("eighths.npy", operands["w"] / 8)
    np.save("quarters.npy", operands["a"] / 4)
    _, real, report = run("eighths.npy", "quarters.npy")
    assert not report["clustered"]
    assert np.array_equal(real, operands["a"] @ operands["w"].T / 32)


def test_many_integers_are_clustered_on_demand(run):
    _, _, report = run("many.npy", "a.npy", "--cluster")
    assert report["clustered"]
    assert 0 < report["errors"]["relative"] < 0.3
    _, _, report = run("many.npy", "a.npy", "--set", "index_width=7")
    assert (report["clustered"], report["errors"]["relative"]) == (False, 0)


def test_sizes_that_are_set_stay(run):
    _, _, report = run("w.npy", "batch.npy", "--set", "acts=2", "--set", "entries=100")
    sizes = {name: report["parameters"][name] for name in ("acts", "entries", "columns", "rows")}
    assert sizes == {"acts": 2, "entries": 100, "columns": 64, "rows": 8}


def test_empty_matrix(run):
    np.save("empty.npy", np.zeros((3, 40)))
    y, _, report = run("empty.npy", "a.npy")
    assert not y.any()
    assert (report["entries"], report["padding"], report["weights"]) == (0, 0, 0)


def test_text(capsys):
    argv = ["run", "eie", *FOUR, "--w", "wf.npy", "--w-layout", "nk", "--a", "a.npy"]
    assert main(argv) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["design"] == "eie 4 PEs"
    assert lines["W"].endswith("of 15 values, by k-means")
    assert lines["matches"] == "golden yes"


def test_mismatch(monkeypatch, capsys):
    """The report of results that differ, and how to reproduce it."""
    golden = _eie_task.eie
    monkeypatch.setattr(_eie_task, "eie", lambda *argv, **options: golden(*argv, **options) + 1)
    argv = ["run", "eie", *FOUR, "--w", "w.npy", "--w-layout", "nk", "--a", "a.npy"]
    assert main(argv) == 1
    captured = capsys.readouterr()
    assert "matches golden no" in captured.out
    error = captured.err
    assert error.startswith("brickwork: error: 30 of 30 results differ from the golden model")
    assert error.endswith(f"reproduce with: brickwork {' '.join(argv)} --waves --seed 1\n")


def test_too_few_cycles(capsys):
    argv = ["run", "eie", *FOUR, "--w", "w.npy", "--w-layout", "nk", "--a", "a.npy"]
    argv += ["--max-cycles", "9"]
    assert main(argv) == 1
    assert capsys.readouterr().err.startswith("brickwork: error: eie: Not done after 9 cycles")


def test_refused(refused, tmp_path):
    run = ("run", "eie", *FOUR, "--a", "a.npy", "--w-layout", "nk", "--w")
    refused(
        "W must have at most 15 distinct weights besides 0 (index_width=4), not 99; use --cluster, "
        "or --set index_width=7",
        *(*run, "many.npy"),
    )
    refused(
        "Entries of a PE must be at most 10 (entries), not "
        f"{max(np.count_nonzero(np.load('w.npy')[pe::4]) for pe in range(4))}; use --set "
        f"entries={max(np.count_nonzero(np.load('w.npy')[pe::4]) for pe in range(4))}",
        *(*run, "w.npy", "--set", "entries=10"),
    )
    refused(
        "Columns must be at most 39 (columns), not 40; use --set columns=40",
        *(*run, "w.npy", "--set", "columns=39"),
    )
    refused(
        "Rows of a PE must be at most 7 (rows), not 8; use --set rows=8",
        *(*run, "w.npy", "--set", "rows=7"),
    )
    for name, values in {
        "nan": np.array([[np.nan, 1.0]]),
        "vector": np.ones(4),
        "complex": np.ones((2, 2), complex),
        "none": np.ones((0, 4)),
        "large": np.array([[40000]]),
    }.items():
        np.save(f"{name}.npy", values)
    refused("W must be finite, not nan", *(*run, "nan.npy"))
    matrix = "W must be a matrix (K × N), not of the shape"
    refused(f"{matrix} (4,)", *(*run, "vector.npy"))
    refused(f"{matrix} (4, 0)", *(*run, "none.npy"))
    refused("W must be numbers, not complex128", *(*run, "complex.npy"))
    refused("W must fit 16 bits, not be 40000", *(*run, "large.npy"))
    np.savez("other.npz", x=np.ones(3))
    refused(
        "W must be a .npy file, or a sparse matrix that scipy saved: other.npz: "
        "The file other.npz does not contain a sparse array or matrix.",
        *(*run, "other.npz"),
    )
    command = ("run", "eie", *FOUR, "--w", "w.npy", "--w-layout", "nk", "--a")
    refused(
        "Activations must be 40, or vectors of 40, one for each column of the matrix, not the "
        "shape (4,)",
        *(*command, "vector.npy"),
    )
    refused("A must be finite, not nan", *(*command, "nan.npy"))
    refused("A must fit 16 bits, not be 40000", *(*command, "large.npy"))
    refused("Option --a-zero-point must not go with eie", *(*run, "w.npy", "--a-zero-point", "1"))
    refused(
        "Mode must be one of relu, row_mapping, not 'a_bits'; a_bits is a mode of gemm_fusion, "
        "gemm_binary",
        *(*run, "w.npy", "--mode", "a_bits=4"),
    )
    refused(
        "Mode row_mapping must be one of modulo, balanced, not 'luck'",
        *(*run, "w.npy", "--mode", "row_mapping=luck"),
    )
    refused("Option --relu is now --mode relu=1", *(*run, "w.npy", "--relu"))
    refused(
        "Option --assign is now --mode row_mapping=balanced (or modulo)",
        *(*run, "w.npy", "--assign", "load"),
    )
    refused("Shift must be an integer from 0 to 63, not '64'", *(*run, "w.npy", "--shift", "64"))
    refused(
        "Results must be written to a file, not to the folder '.'", *(*run, "w.npy", "--out", ".")
    )
    for option in (["--shift", "0"], ["--cluster"]):
        refused(
            f"Option {option[0]} must not go with gemm_ws",
            *("run", "gemm_ws", "--a", "w.npy", "--w", "w.npy", *option),
        )
    assert not (tmp_path / "out").exists()


def test_sums_too_wide(refused, operands):
    exact = operands["a"] @ operands["w"].T
    width = max(int(value if value >= 0 else ~value).bit_length() for value in exact) + 1
    refused(
        f"Sums take {width} bits, more than the accumulators' 5; use --set acc_width={width}",
        *("run", "eie", *FOUR, "--w", "w.npy", "--w-layout", "nk", "--a", "a.npy"),
        *("--set", "acc_width=5"),
    )


class TestPrune:
    @pytest.mark.parametrize("density", [0, 0.1, 0.5, 1])
    def test_largest_magnitudes_stay(self, capsys, density):
        weights = np.random.default_rng(3).normal(size=(20, 30)).astype(np.float32)
        np.save("x.npy", weights)
        assert main(["prune", "x.npy", "--density", str(density), "--out", "p.npy", "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        pruned = np.load("p.npy")
        kept = pruned != 0
        assert (pruned.dtype, kept.sum()) == (np.float32, density * 600)
        assert np.array_equal(pruned[kept], weights[kept])
        assert abs(weights[kept]).min(initial=9) >= abs(weights[~kept]).max(initial=0)
        assert report["density"] == density

    def test_equal_ones(self, capsys):
        np.save("x.npy", np.array([-128, 127, -128, 1, -128], np.int8))
        assert main(["prune", "x.npy", "--density", "0.4", "--out", "p.npy"]) == 0
        assert np.load("p.npy").tolist() == [-128, 0, -128, 0, 0]
        assert capsys.readouterr().out == "weights\t2 of 5\t40.00%\nwritten\tp.npy\n"

    def test_refused(self, refused):
        np.save("nan.npy", np.array([np.nan]))
        for density in ("1.5", "nan", "x"):
            refused(
                f"Density must be a number from 0 to 1, not '{density}'",
                *("prune", "w.npy", "--density", density, "--out", "p.npy"),
            )
        refused("W must be finite, not nan", "prune", "nan.npy", "--density", "1", "--out", "p.npy")
        refused(
            "Results must be written to a file, not to the folder '.'",
            *("prune", "w.npy", "--density", "1", "--out", "."),
        )


def task_of(w, a, **settings):
    """The operands as a job for an engine whose memories fit them, and its golden results."""
    operands = Operands(a=Source.of(a), w=Source.of(w))
    design = Eie.fit({"pes": 16} | settings, operands)
    task = design.task(operands)
    return task, task.expected(task.job(outline(design)))


class TestSparse:
    def test_a_large_matrix_stays_sparse(self):
        """A dense one would take 400 MB as indices, and more as weights."""
        rng, n = np.random.default_rng(0), 20_000
        values, at = rng.integers(1, 8, 1000), rng.integers(0, n, (2, 1000))
        w = sparse.coo_matrix((values, at), shape=(n, n))
        a = (rng.random(n) < 0.01).astype(int)
        tracemalloc.start()
        try:
            task, y = task_of(w, a)
            assert tracemalloc.get_traced_memory()[1] < 100_000_000
        finally:
            tracemalloc.stop()
        assert np.array_equal(y[0], w.T @ a)
        assert np.array_equal(task.reference()[0], w.T @ a)
        assert task.job(outline(task.design)).macs == np.count_nonzero(w.toarray()[a > 0])

    @pytest.mark.parametrize(
        "kind", ["coo_array", "csr_array", "csc_matrix", "bsr_array", "dia_array", "lil_array"]
    )
    def test_formats_of_scipy(self, operands, kind):
        w = getattr(sparse, kind)(operands["w"].T)
        _, y = task_of(w, operands["a"])
        assert np.array_equal(y[0], operands["w"] @ operands["a"])

    def test_entries_at_one_position_are_added(self):
        """Beyond int8, their type; the matrix itself does not change."""
        values = np.array([100, 100, 7, -7, 0], np.int8)
        w = sparse.coo_array((values, ([0, 0, 1, 1, 2], [1, 1, 0, 0, 2])), shape=(3, 3))
        task, y = task_of(w, np.array([1, 1, 1]))
        assert y.tolist() == [[0, 200, 0]]
        assert len(task.layer.encoded.values[1]) == 1
        assert w.nnz == 5

    @pytest.mark.parametrize(
        ("w", "error", "message"),
        [
            (sparse.coo_array([1, 2]), ValueError, "W must be a matrix (K × N), not of the shape"),
            (sparse.csr_array([[True]]), TypeError, "W must be numbers, not bool"),
            (sparse.csr_array([[1j]]), TypeError, "W must be numbers, not complex128"),
            (sparse.csr_array([[np.nan]]), ValueError, "W must be finite, not nan"),
            (
                sparse.csr_array(np.array([[2**64 - 1]], np.uint64)),
                ValueError,
                "W must fit 16 bits, not be 18446744073709551615",
            ),
            (
                sparse.csr_array((1, 1 << 21)),
                ValueError,
                "W must have at most 1048576 outputs, not 2097152",
            ),
            (
                sparse.csc_array((1 << 40, 1)),
                ValueError,
                "W must have at most 1048576 inputs, not 1099511627776",
            ),
        ],
    )
    def test_refused(self, w, error, message):
        with pytest.raises(error, match=f"^{re.escape(message)}"):
            task_of(w, [1])

    def test_sparse_activations(self, operands):
        message = (
            "A must be a dense array, not a sparse matrix of 40×30 with "
            f"{np.count_nonzero(operands['w'])} entries; use A.toarray()"
        )
        with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
            task_of(operands["w"].T, sparse.csr_array(operands["w"].T))

    def test_codes_of_a_format_are_numbers(self, operands):
        """As everywhere: the value of the code times the scale."""
        w = quantize(operands["wf"].T, "flint4")
        task, y = task_of(w, operands["af"][:1])
        assert task.reference()[0] == pytest.approx((operands["af"][:1] @ w.values)[0])
        assert task.real(y)[0] == pytest.approx(task.reference()[0], abs=2e-3)

    def test_damaged_file(self, refused):
        matrix = sparse.csr_array(np.eye(3))
        matrix.indices[1] = 7
        np.savez(
            "bad.npz",
            **{name: getattr(matrix, name) for name in ("data", "indices", "indptr", "shape")},
            format=b"csr",
        )
        refused(
            "W must be a .npy file, or a sparse matrix that scipy saved: bad.npz: indices must "
            "be < 3",
            *("run", "eie", "--w", "bad.npz", "--a", "a.npy"),
        )

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"shift": 1.5}, TypeError, "Shift must be an integer from 0 to 63, not 1.5"),
            ({"shift": 64}, ValueError, "Shift must be an integer from 0 to 63, not 64"),
            ({"modes": {"relu": 2}}, ValueError, "Mode relu must be an integer from 0 to 1, not 2"),
        ],
    )
    def test_options_in_python(self, operands, options, error, message):
        with pytest.raises(error, match=f"^{re.escape(message)}$"):
            Eie(pes=4, columns=64).run(operands["a"], operands["w"].T, **options)
        assert not Path("out").exists()
