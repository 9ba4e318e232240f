"""``brickwork quantize`` and ``bw.quantize`` with scales for blocks, and their files."""

import json
from pathlib import Path
from types import SimpleNamespace

import brickwork as bw
import llm_files
import numpy as np
import pytest
from brickwork.gen.cli import main
from brickwork.gen.commands.arguments import read_operands
from brickwork.gen.designs._operands import Source
from brickwork.gen.lib.arrays import block_arrays, read_block_scaled, write_arrays
from brickwork.sim.golden.formats import block_errors, quantize_blocks
from brickwork.sim.golden.formats.block_quantizer import block_names

SMALL = ("--set", "rows=2", "--set", "cols=2")


@pytest.fixture(autouse=True)
def x(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(1).laplace(size=(64, 6)).astype(np.float32)
    np.save("x.npy", x)
    return x


@pytest.fixture
def shown(capsys):
    def run(*argv):
        assert main([*argv, "--quiet"]) == 0
        return capsys.readouterr().out

    return run


@pytest.fixture
def refused(capsys):
    """One line on stderr, and exit status 2."""

    def run(message, *argv):
        assert main([*argv, "--quiet"]) == 2
        assert capsys.readouterr().err == f"brickwork: error: {message}\n"

    return run


def equal(one, other):
    for name in ("codes", "scales", "zeros", "order"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
    for name in (
        "format",
        "group",
        "scale_format",
        "axis",
        "tensor_scale",
        "fraction_bits",
        "name",
    ):
        assert getattr(one, name) == getattr(other, name)
    assert one.fraction_bits == other.fraction_bits
    return True


class TestFile:
    @pytest.mark.parametrize("spec", ["mxfp4", "mxint8", "nvfp4", "w4a16z:g16", "w8a16:k:bf16"])
    @pytest.mark.parametrize("axis", [0, 1])
    def test_same_again(self, shown, x, spec, axis):
        x = np.ascontiguousarray(x.T) if axis else x
        np.save("x.npy", x)
        shown("quantize", "x.npy", "--format", spec, "--axis", str(axis), "--out", "q.npz")
        blocks = read_block_scaled(Path("q.npz"), "X")
        assert equal(blocks, quantize_blocks(x, spec, axis))
        assert np.load("q.npz")["codes"].dtype.itemsize == 1

    def test_order(self, x):
        order = np.random.default_rng(2).permutation(64)
        blocks = quantize_blocks(x, "w4a16:g16")
        write_arrays(Path("q.npz"), block_arrays(blocks) | {"order": order})
        assert np.array_equal(read_block_scaled(Path("q.npz"), "W").values[order], blocks.values)

    def test_damaged(self, x, refused):
        arrays = block_arrays(quantize_blocks(x, "mxfp4"))
        write_arrays(Path("q.npz"), arrays | {"scales": arrays["scales"][:1]})
        message = (
            "W cannot be read: q.npz: Scales must be of the shape (2, 6), one for each block of "
            "32, not (1, 6)"
        )
        refused(message, "run", "gemm_ws", *SMALL, "--a", "x.npy", "--w", "q.npz")

    def test_other_files(self):
        np.savez("other.npz", codes=np.ones((2, 2)))
        assert read_block_scaled(Path("other.npz"), "W") is None
        assert read_block_scaled(Path("x.npy"), "W") is None


class TestCommand:
    def test_text(self, shown, x):
        blocks = quantize_blocks(x, "nvfp4")
        mse, relative = block_errors(x, blocks)
        scales = blocks.scale_values.astype(np.float64) * blocks.tensor_scale
        lines = shown("quantize", "x.npy", "--format", "nvfp4", "--out", "q.npz").splitlines()
        assert lines == [
            "format      nvfp4",
            "shape       64×6",
            "bits        4.5 a number, with scales",
            f"scale       {scales.min():.6g} to {scales.max():.6g} (24 of e4m3, one for 16 along "
            "axis 0)",
            f"MSE         {mse:.6g}",
            f"SQNR        {-10 * np.log10(relative):.2f} dB",
            "results     q.npz",
        ]

    def test_several_formats(self, shown, x):
        """Plain formats too, with one scale: the best of all is written."""
        names = "int4,mxfp4,w4a16z:g16,flint4"
        argv = ("quantize", "x.npy", "--format", names, "--out", "q.npz")
        lines = shown(*argv).splitlines()
        bits = {line.split()[0]: line.split()[1] for line in lines[1:5]}
        assert bits == {"int4": "4", "mxfp4": "4.25", "w4a16z:g16": "5.25", "flint4": "4"}
        record = json.loads(shown(*argv, "--json"))
        best = min(record["candidates"], key=lambda each: each["mse"])
        assert record["format"] == best["format"] == "w4a16z:g16"
        assert record["blocks"] == {
            "elements": "uint4",
            "group": 16,
            "axis": 0,
            "scale_format": "fp16",
            "zero_points": True,
            "tensor_scale": 1.0,
        }
        assert equal(read_block_scaled(Path("q.npz"), "X"), quantize_blocks(x, "w4a16z:g16"))

    def test_method(self, shown, x):
        argv = ("quantize", "x.npy", "--format", "w4a16:g32", "--method", "max", "--out", "q.npz")
        shown(*argv)
        expected = quantize_blocks(x, "w4a16:g32", method="max")
        assert equal(read_block_scaled(Path("q.npz"), "X"), expected)

    def test_tensor(self, shown, x):
        """A layer of PyTorch, outputs × inputs, is read as K × N."""
        llm_files.save("m.safetensors", {"up.weight": x.T})
        shown("quantize", "m.safetensors:up", "--format", "mxfp8", "--out", "q.npz")
        assert equal(read_block_scaled(Path("q.npz"), "X"), quantize_blocks(x, "mxfp8"))

    @pytest.mark.parametrize(
        ("message", "argv"),
        [
            (
                "X must have a multiple of 32 numbers along axis 1 for mxfp4, not 6: pad it with "
                "zeros",
                ["--format", "mxfp4", "--axis", "1"],
            ),
            (
                "Formats must be all with scales for blocks, as mxfp4, or none, for an axis: "
                "blocks lie along it, other scales are one for each index",
                ["--format", "int8,mxfp4", "--axis", "0"],
            ),
            (
                "Format must be int<N> for outliers, not mxfp4",
                ["--format", "mxfp4", "--outliers", "1%"],
            ),
            (
                "Format must be a format of blocks, not 'mxfp7'; did you mean 'mxfp4'?",
                ["--format", "mxfp7"],
            ),
        ],
    )
    def test_refused(self, refused, message, argv):
        refused(message, "quantize", "x.npy", *argv)

    def test_codes_are_refused(self, refused, x):
        blocks = quantize_blocks(x.T, "mxfp8", axis=1)
        codes = blocks.codes.astype(np.uint8)
        llm_files.save("m.safetensors", {"q": codes, "q_scale": blocks.scales})
        message = "X must be numbers, not codes of mxfp8_e4m3"
        refused(message, "quantize", "m.safetensors:q", "--format", "mxfp4")

    def test_prune_refuses_codes(self, refused, shown):
        shown("quantize", "x.npy", "--format", "mxfp4", "--out", "q.npz")
        message = "W must be numbers, not codes of mxfp4"
        refused(message, "prune", "q.npz", "--density", "0.5", "--out", "p.npy")


class TestOperands:
    @pytest.mark.parametrize("design", ["gemm_ws", "gemm_os", "eie"])
    def test_other_designs_refuse(self, refused, shown, design):
        shown("quantize", "x.npy", "--format", "mxfp4", "--out", "q.npz")
        message = (
            f"W must have no scales for blocks for {design}, not those of mxfp4; "
            "use brickwork run gemm_scaled"
        )
        refused(message, "run", design, "--a", "x.npy", "--w", "q.npz")

    def test_api_refuses(self, x):
        w = bw.quantize(x, "mxfp4")
        message = "^A must have no scales for blocks for gemm_ws, not those of mxfp4; use brickwork"
        with pytest.raises(bw.UsageError, match=message):
            bw.GemmWs(rows=2, cols=2).run(w, w)

    def test_sources(self, x):
        blocks = quantize_blocks(x, "mxfp4")
        for matrix in (blocks, bw.quantize(x, "mxfp4")):
            source = Source.of(matrix)
            assert equal(source.blocks, blocks)
            assert np.array_equal(source.numbers(0), blocks.values)
            assert equal(source.transposed().blocks, blocks.transposed())

    def test_plain_tensor_runs(self, shown, x):
        """W is read as K × N, A as it is stored."""
        a = np.random.default_rng(2).integers(-8, 8, (3, 5)).astype(np.int8)
        w = np.random.default_rng(3).integers(-8, 8, (5, 4)).astype(np.int8)
        llm_files.save("m.safetensors", {"a": a, "up.weight": w.T})
        names = ("--a", "m.safetensors:a", "--w", "m.safetensors:up")
        for layout in ("kn", "nk"):
            options = ("--w-layout", layout, "--out", f"{layout}.npy")
            shown("run", "gemm_ws", *SMALL, *names, *options)
            assert np.array_equal(np.load(f"{layout}.npy"), a.astype(int) @ w)

    def test_layout_of_a_file(self, shown, x):
        """Blocks of an array N × K, turned with ``--w-layout nk``."""
        np.save("t.npy", x.T)
        shown("quantize", "t.npy", "--format", "mxfp4", "--axis", "1", "--out", "q.npz")

        options = SimpleNamespace(a="x.npy", w="q.npz", w_layout="nk", mode=[])
        design = SimpleNamespace(MODES={}, OUTPUT_MODES={}, check_blocks=lambda operands: None)
        blocks = read_operands(options, design).w.blocks
        assert equal(blocks, quantize_blocks(x, "mxfp4"))


class TestApi:
    @pytest.mark.parametrize("spec", ["mxfp4", "nvfp4", "w4a16:g32"])
    def test_quantize(self, x, spec):
        q = bw.quantize(x, spec, axis=0)
        blocks = quantize_blocks(x, spec)
        assert equal(q.blocks, blocks)
        assert np.array_equal(q.values, blocks.values)
        assert q.mse == pytest.approx(np.square(q.values - x).mean())
        assert q.bits_per_weight == blocks.bits_per_weight
        assert q.rows()["bits"] == f"{blocks.bits_per_weight:g} a number"
        assert bw.quantize(x, f"int4+{spec}").name == spec

    def test_activations(self, x):
        assert bw.quantize(x.T, "mxfp8", axis=-1).blocks.axis == 1

    def test_read_weights(self, x):
        llm_files.save("m.safetensors", {"up.weight": x.T})
        assert np.array_equal(bw.read_weights("m.safetensors:up"), x)


def test_names_are_formats():
    x = np.ones((256, 1))
    for name in block_names():
        assert quantize_blocks(x, name, method="max").name == name
