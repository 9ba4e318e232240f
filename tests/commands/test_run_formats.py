"""``brickwork run`` with number formats: codes, floats, files of ``brickwork quantize``, types."""

import json

import numpy as np
import pytest
from brickwork.gen.cli import main
from brickwork.sim.golden import formats

SIZE = ("--set", "rows=4", "--set", "cols=3", "--set", "max_k=100")


@pytest.fixture(autouse=True)
def operands(tmp_path, monkeypatch):
    """Codes of 4 bits (9 × 7 and 7 × 5), and normal numbers with an outlier; K is odd."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(5)
    np.save("ac.npy", rng.integers(0, 16, (9, 7)))
    np.save("wc.npy", rng.integers(0, 16, (7, 5)))
    a, w = rng.normal(size=(9, 7)), rng.normal(size=(7, 5))
    a[2, 3] = 30
    np.save("a.npy", a)
    np.save("w.npy", w)
    return a, w


@pytest.fixture
def run(capsys):
    """Runs a product and gives its results, real results if there are any, and its JSON report."""

    def run_(design, a, w, *argv, real=True):
        argv = ["run", design, *SIZE, "--a", a, "--w", w, "--out", "y.npy", *argv]
        argv += ["--real-out", "r.npy"] if real else []
        status = main([*argv, "--json"])
        captured = capsys.readouterr()
        assert (status, captured.err) == (0, "")
        return np.load("y.npy"), np.load("r.npy") if real else None, json.loads(captured.out)

    return run_


@pytest.fixture
def refused(capsys):
    """Checks that a run is refused in one line."""

    def check(message, *argv):
        assert main(["run", "gemm_os", *SIZE, *argv]) == 2
        assert capsys.readouterr().err == f"brickwork: error: {message}\n"

    return check


def formats_of(a, w):
    return ("--set", f"a_format={a}", "--set", f"w_format={w}")


@pytest.mark.parametrize("design", ["gemm_ws", "gemm_os"])
def test_codes(run, design):
    y, _, report = run(design, "ac.npy", "wc.npy", *formats_of("flint4", "e2m1"), real=False)
    a = formats.get("flint4").integers[np.load("ac.npy")]
    w = formats.get("e2m1").integers[np.load("wc.npy")]
    assert np.array_equal(y, a @ w)
    assert (report["a_type"], report["w_type"], report["padded"]) == ("flint4", "e2m1", False)
    assert report["errors"] is report["special"] is None


@pytest.mark.parametrize("design", ["gemm_ws", "gemm_os"])
def test_floats(run, operands, design):
    y, real, report = run(design, "a.npy", "w.npy", *formats_of("e4m3", "int8"))
    a_codes, a_scale = formats.quantize(operands[0], "e4m3")
    w_codes, w_scale = formats.quantize(operands[1], "int8", axis=1)
    w_codes = w_codes.astype(np.int64)
    assert np.array_equal(y, formats.operands(a_codes, "e4m3") @ w_codes)
    expected = (formats.decode(a_codes, "e4m3") * a_scale) @ (w_codes * w_scale)
    np.testing.assert_allclose(real, expected, rtol=1e-12)
    product = operands[0] @ operands[1]
    assert report["errors"] == {
        "relative": pytest.approx(np.linalg.norm(real - product) / np.linalg.norm(product)),
        "largest": pytest.approx(abs(real - product).max()),
    }
    assert report["errors"]["relative"] < 0.05


@pytest.mark.parametrize("design", ["gemm_ws", "gemm_os"])
def test_pairs_are_padded(run, operands, design):
    """The outlier that the other formats' scale suffers from costs its neighbour only."""
    y, real, report = run(design, "a.npy", "w.npy", *formats_of("ovp_flint4", "ovp_int4"))
    assert report["padded"]
    a, w = np.pad(operands[0], ((0, 0), (0, 1))), np.pad(operands[1], ((0, 1), (0, 0)))
    a_codes, a_scale = formats.quantize(a, "ovp_flint4", pair_axis=1)
    w_codes, w_scale = formats.quantize(w, "ovp_int4", axis=1, pair_axis=0)
    a, w = (
        formats.operands(codes, name, axis=axis)
        for codes, name, axis in ((a_codes, "ovp_flint4", 1), (w_codes, "ovp_int4", 0))
    )
    assert np.array_equal(y, a @ w)
    np.testing.assert_allclose(real, (a @ w) * a_scale * w_scale, rtol=1e-12)


def test_types_are_chosen_by_error_or_by_name(run, operands):
    names = "int4+flint4+pot4"
    _, _, report = run("gemm_os", "a.npy", "w.npy", *formats_of(names, names))
    assert report["a_type"] == formats.select(operands[0], names.split("+"))[0]
    assert report["w_type"] == formats.select(operands[1], names.split("+"), axis=1)[0]
    types = ("--mode", "a_type=flint4", "--mode", "w_type=pot4")
    _, _, report = run("gemm_os", "a.npy", "w.npy", *formats_of(names, names), *types)
    assert (report["a_type"], report["w_type"]) == ("flint4", "pot4")
    y, _, report = run("gemm_os", "ac.npy", "wc.npy", *formats_of(names, names), *types, real=False)
    a = formats.get("flint4").integers[np.load("ac.npy")]
    w = formats.get("pot4").integers[np.load("wc.npy")]
    assert np.array_equal(y, a @ w)


@pytest.mark.parametrize("design", ["gemm_ws", "gemm_os"])
def test_eight_bits_on_pes_for_four(run, design):
    np.save("a8.npy", np.random.default_rng(1).integers(-128, 128, (9, 7)))
    np.save("w8.npy", np.random.default_rng(2).integers(0, 256, (7, 5)))
    argv = ("--mode", "a_type=int8", "--mode", "w_type=uint8")
    y, _, report = run(
        design, "a8.npy", "w8.npy", *formats_of("int4+int8", "int4+uint8"), *argv, real=False
    )
    assert np.array_equal(y, np.load("a8.npy") @ np.load("w8.npy"))
    # Four products of halves for each product.
    assert report["ideal_cycles"] == -(-9 * 7 * 5 * 4 // 12)


def test_file_of_quantize(run, operands, refused, capsys):
    assert main(["quantize", "w.npy", "--format", "flint4", "--axis", "1", "--out", "w.npz"]) == 0
    capsys.readouterr()
    y, real, _ = run("gemm_os", "ac.npy", "w.npz", *formats_of("uint4", "flint4"))
    codes, scale = formats.quantize(operands[1], "flint4", axis=1)
    w = formats.operands(codes, "flint4")
    assert np.array_equal(y, np.load("ac.npy") @ w)
    np.testing.assert_allclose(real, y * scale, rtol=1e-12)
    refused(
        "W is in the format flint4, not in pot4; use --set w_format=flint4",
        *("--a", "ac.npy", "--w", "w.npz", *formats_of("uint4", "pot4")),
    )


def test_special_values(run):
    np.save("a8.npy", np.array([[0x7F, 0x38], [0x38, 0x38], [0x40, 0x38]]))  # NaN and ones
    np.save("w8.npy", np.array([[1, 2], [3, 4]]))
    argv = (*formats_of("e4m3", "int8"), "--set", "nan_inf=flag")
    y, _, report = run("gemm_ws", "a8.npy", "w8.npy", *argv, real=False)
    assert np.array_equal(y // 2**9, [[3, 4], [4, 6], [5, 8]])
    assert 2 <= report["special"] <= 6
    np.save("a8.npy", np.full((3, 2), 0x38))
    assert run("gemm_ws", "a8.npy", "w8.npy", *argv, real=False)[2]["special"] == 0


def test_text(capsys):
    argv = ["run", "gemm_os", *SIZE, "--a", "a.npy", "--w", "wc.npy"]
    assert main([*argv, *formats_of("ovp_int4", "uint4")]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["M×K×N"] == "9×8×5 (K padded with a zero, for OVP pairs)"
    assert lines["formats"] == "ovp_int4 × uint4"
    assert "% of the product in floats" in lines["error"]


def test_refused(refused, tmp_path):
    floats, codes = ("--a", "a.npy", "--w", "w.npy"), ("--a", "ac.npy", "--w", "wc.npy")
    refused(
        "Activation format must be a number format, or several joined by +, not 'ovp_flimt4'; "
        "did you mean 'ovp_flint4'?",
        *(*codes, "--set", "a_format=ovp_flimt4"),
    )
    refused(
        "A must be codes from 0 to 7 (flint3), not 10 at index 0, 0",
        *(*codes, *formats_of("flint3", "uint4")),
    )
    refused(
        "Mode a_type must be one of int4, flint4, not 'pot4'",
        *(*codes, *formats_of("int4+flint4", "uint4"), "--mode", "a_type=pot4"),
    )
    refused(
        "A cannot be quantized: X must be zero or positive for uflint4, not "
        f"{np.load('a.npy').flat[np.argmax(np.load('a.npy').flat < np.zeros(63))]} at index 0, 0",
        *(*floats, *formats_of("uflint4", "flint4")),
    )
    refused(
        "Output must be raw for operands that are quantized here, not 'scale'",
        *(*floats, "--set", "output=scale", "--scale", "ac.npy"),
    )
    refused(
        "Real results need raw sums and operands with a scale: floats, or quantized",
        *(*codes, "--real-out", "r.npy"),
    )
    refused(
        "Activation zero point must go with integers, not with flint4",
        *(*codes, *formats_of("flint4", "uint4"), "--a-zero-point", "1"),
    )
    refused(
        "Accumulators that are exact for 100 products of upot6 and upot5 take 100 bits, more than "
        "64 (a product takes 94): give output=scale, fp32, bf16 or fp16, a smaller max_k, or "
        "acc_width and overflow=saturate",
        *(*codes, *formats_of("upot6", "upot5")),
    )
    assert not (tmp_path / "out").exists()
