"""Block-sparse weights: tiles without a weight are left out."""

import re

import numpy as np
import pytest
from brickwork import GemmFusion, GemmNm, GemmWs
from brickwork.gen.cli import main
from brickwork.gen.emission.emit import emit, outline
from brickwork.sim.designs._gemm import QuantParams
from brickwork.sim.manifest import Manifest
from brickwork.sim.verilator.jobs import run_job
from products import job as job_of
from scipy import sparse

SHAPE = dict(rows=4, cols=4, acc_depth=16)
DESIGNS = {
    "gemm_ws": (GemmWs(**SHAPE), {}),
    "gemm_ws-bias": (GemmWs(**SHAPE, output="bias"), {}),
    "gemm_ws-passes": (GemmWs(**SHAPE, a_format="int4", w_format="int4+int8"), {"w_type": "int8"}),
    "gemm_fusion": (GemmFusion(**SHAPE), {"a_bits": 4, "w_bits": 8}),
    "gemm_fusion-passes": (GemmFusion(**SHAPE), {"a_bits": 16, "w_bits": 8}),
    "gemm_nm": (GemmNm(**SHAPE), {}),
}


def weights(random, shape, block, density):
    k, n = shape
    kept = random.random((-(-k // block), -(-n // block))) < density
    mask = np.kron(kept, np.ones((block, block), bool))[:k, :n]
    return random.integers(-128, 128, shape) * mask


@pytest.mark.parametrize("name", DESIGNS)
def test_products(tmp_path, name):
    """Bit for bit, and in exactly the cycles of the formula."""
    design, modes = DESIGNS[name]
    path = emit(design, tmp_path).manifest
    manifest, random = Manifest.read(path), np.random.default_rng(1)
    for density in (1, 0.5, 0.2, 0):
        for shape, block in (((40, 21), 8), ((13, 9), 4), ((32, 16), 2)):
            a = random.integers(-8, 8, (19, shape[0]))
            w = weights(random, shape, block, density)
            qparams = None
            if design.output == "bias":
                qparams = QuantParams.of_bias(random.integers(-99, 99, shape[1]))
            job = job_of(manifest, a, w, qparams, skip_zeros=True, **modes)
            result = run_job(path, job)
            assert result.matches_golden
            assert (result.y == a @ w + (0 if qparams is None else qparams.bias)).all()
            assert result.cycles == job.cycles
            assert result.ideal_cycles <= job.cycles


def test_products_in_floats(tmp_path):
    """With sums in binary32: of small integers they are exact."""
    floats = {"arith": "fp32", "a_format": "bf16", "w_format": "bf16"}
    path = emit(GemmWs(**SHAPE, **floats), tmp_path).manifest
    manifest, random = Manifest.read(path), np.random.default_rng(1)

    def codes(values):
        return values.astype(np.float32).view(np.uint32).astype(np.int64) >> 16

    for density in (1, 0.5, 0.2, 0):
        a, w = random.integers(-8, 8, (19, 40)), weights(random, (40, 21), 8, density)
        job = job_of(manifest, codes(a), codes(w), skip_zeros=True)
        result = run_job(path, job)
        assert result.matches_golden
        assert np.array_equal(result.y.astype(np.uint32).view(np.float32), a @ w)
        assert result.cycles == job.cycles
        assert job.stream_words["tiles"] <= 2 * 10 * 6
        assert density == 1 or job.stream_words["tiles"] < 2 * 10 * 6


def test_columns_without_weights():
    """They take no tile, but with a bias one; and a product takes one tile."""
    w = np.zeros((40, 8), np.int64)
    w[17, 6] = 1

    def tiles(name, w):
        bias = QuantParams.of_bias(np.ones(8, np.int64)) if name == "gemm_ws-bias" else None
        manifest = outline(DESIGNS[name][0])
        job = job_of(manifest, np.ones((2, 40), np.int64), w, bias, skip_zeros=True)
        return [kept.tolist() for kept in job.kept.values()], job.choices["tiles of W"]

    assert tiles("gemm_ws", w) == ([[], [4]], "1 of 20 (5.0%), the others are zero")
    assert tiles("gemm_ws-bias", w) == ([[0], [4]], "2 of 20 (10.0%), the others are zero")
    assert tiles("gemm_ws", 0 * w) == ([[0], []], "1 of 20 (5.0%), the others are zero")


@pytest.mark.parametrize("density", [1, 0.5, 0.227, 0.094, 0.05])
def test_speedup_is_one_over_the_density(density):
    """Of 1024 × 1024 weights in blocks of 32 × 32, with 256 rows of A, on 16 × 16 PEs."""
    manifest, random = outline(GemmWs(rows=16, cols=16)), np.random.default_rng(2)
    kept = np.zeros(1024, bool)
    kept[random.permutation(1024)[: round(1024 * density)]] = True
    w = np.kron(kept.reshape(32, 32), np.ones((32, 32), np.int64))
    a = np.ones((256, 1024), np.int64)
    dense, sparse = (job_of(manifest, a, w, skip_zeros=skip).cycles for skip in (False, True))
    assert dense / sparse >= 0.999 / kept.mean()


def test_flags_of_tiles_that_are_left_out(tmp_path):
    """NaN in activations that meet no weights flags nothing."""
    design = GemmWs(**SHAPE, a_format="e4m3", w_format="e4m3", nan_inf="flag", max_k=64)
    path = emit(design, tmp_path).manifest
    a = np.full((3, 12), 0x38)
    a[1, 2], a[2, 9] = 0x7F, 0x7F
    w = np.zeros((12, 4), np.int64)
    w[8:, :] = 0x38
    result = run_job(path, job_of(Manifest.read(path), a, w, skip_zeros=True))
    assert result.matches_golden
    assert result.flags[2].all()
    assert not result.flags[1].any()


class TestCommand:
    @pytest.fixture(autouse=True)
    def files(self, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)
        random = np.random.default_rng(3)
        self.a = random.integers(-128, 128, (5, 24))
        self.w = weights(random, (24, 16), 8, 0.4)
        np.save("A.npy", self.a)

    def run(self, capsys, *options, w="W.npz"):
        core = ["gemm_ws", "--set", "rows=4", "--set", "cols=4", "--set", "acc_depth=16"]
        status = main(["run", *core, "--a", "A.npy", "--w", w, "--out", "Y.npy", *options])
        return status, capsys.readouterr()

    @pytest.mark.parametrize("form", ["bsr", "csr"])
    def test_scipy(self, capsys, form):
        matrix = sparse.bsr_array(self.w, blocksize=(8, 8)).asformat(form)
        sparse.save_npz("W.npz", matrix)
        status, captured = self.run(capsys)
        assert status == 0
        assert re.search(
            r"^tiles of W +\d+ of 24 \(.*%\), the others are zero$", captured.out, re.MULTILINE
        )
        assert (np.load("Y.npy") == self.a @ self.w).all()

    @pytest.mark.parametrize(
        ("size", "advice"), [(8, None), (4, None), (2, "rows=2 --set cols=2"), (6, "rows=2")]
    )
    def test_blocks_and_advice(self, capsys, size, advice):
        w = weights(np.random.default_rng(4), (24, 12), size, 0.25)
        matrix = sparse.bsr_array(w, blocksize=(size, 4 if size == 8 else size))
        sparse.save_npz("W.npz", matrix)
        out = self.run(capsys)[1].out
        nonzero, every = matrix.data.shape[0], w.size // matrix.data[0].size
        share = f"{nonzero} of {every} ({nonzero / every:.1%}), {size}×{matrix.blocksize[1]}"
        assert re.search(rf"^blocks of W +{re.escape(share)}$", out, re.MULTILINE)
        assert ("advice" in out) == (advice is not None)
        assert advice is None or re.search(rf"^advice +--set {advice}.*, whose", out, re.MULTILINE)

    def test_arrays_of_pytorch(self, capsys):
        matrix = sparse.bsr_array(self.w.T, blocksize=(8, 8))
        arrays = {"crow_indices": matrix.indptr, "col_indices": matrix.indices}
        np.savez("W.npz", **arrays, values=matrix.data, size=[16, 24])
        assert self.run(capsys, "--w-layout", "nk")[0] == 0
        assert (np.load("Y.npy") == self.a @ self.w).all()

    @pytest.mark.parametrize(
        ("indices", "message"),
        [
            ([1, 0, 2], "block column 1 before 0 in block row 0"),
            ([0, 1, 1], "block column 1 twice in block row 1"),
        ],
    )
    def test_blocks_that_are_not_in_order(self, capsys, indices, message):
        pointers = [0, 2, 3] if indices[0] else [0, 1, 3]
        arrays = {"crow_indices": pointers, "col_indices": indices}
        np.savez("W.npz", **arrays, values=np.ones((3, 8, 8), np.int64), size=[16, 24])
        status, captured = self.run(capsys, "--w-layout", "nk")
        assert status == 2
        assert captured.err.endswith(
            f"W must have blocks in ascending order of their columns, not {message}\n"
        )

    def test_column_out_of_range(self, capsys):
        arrays = {"crow_indices": [0, 1, 2], "col_indices": [0, 3]}
        np.savez("W.npz", **arrays, values=np.ones((2, 8, 8), np.int64), size=[16, 24])
        status, captured = self.run(capsys, "--w-layout", "nk")
        assert status == 2
        assert "W must be a block-sparse matrix" in captured.err
