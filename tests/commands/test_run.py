"""``brickwork run`` and ``brickwork demo``: products on the simulated designs."""

import dataclasses
import json
import shlex
import warnings
from fractions import Fraction
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from brickwork import GemmOs
from brickwork.gen.cli import main
from brickwork.gen.commands import demo
from brickwork.gen.workloads import digits
from brickwork.sim.designs.gemm_ws import WeightStationaryJob
from brickwork.sim.golden import engine

SIZE = ("--set", "rows=3", "--set", "cols=4")


@pytest.fixture(autouse=True)
def operands(tmp_path, monkeypatch):
    """A (7 × 8) and W (8 × 6) with the extremes, bias and scales; the current folder has them."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    a = rng.integers(-128, 128, (7, 8), np.int8)
    w = rng.integers(-128, 128, (8, 6), np.int8)
    a[0] = -128
    w[:, 0] = -128
    arrays = {
        "a": a,
        "w": w,
        "b": rng.integers(-20000, 20000, 6, np.int32),
        "scale": np.float32(0.0021),
        "scales": rng.uniform(0.0005, 0.004, 6).astype(np.float32),
        "powers": 2.0 ** -np.arange(4, 10),
    }
    for name, values in arrays.items():
        np.save(f"{name}.npy", values)
    return {name: np.asarray(values).astype(object) for name, values in arrays.items()}


@pytest.fixture
def run(capsys):
    """Runs a product and gives its results and its JSON report."""

    def run_(design, *argv):
        argv = ("run", design, *SIZE, "--a", "a.npy", "--w", "w.npy", "--out", "y.npy", *argv)
        status = main([*argv, "--json"])
        captured = capsys.readouterr()
        assert (status, captured.err) == (0, "")
        return np.load("y.npy"), json.loads(captured.out)

    return run_


def requantized(sums, scale, zero_point=0, low=-128, high=127):
    """With fractions; Python rounds half to even."""
    scale = np.broadcast_to(scale, sums.shape)
    scaled = [round(int(s) * Fraction(float(f))) for s, f in zip(sums.flat, scale.flat)]  # noqa: B905
    return np.clip(np.reshape(scaled, sums.shape) + zero_point, low, high)


@pytest.mark.parametrize("design", ["gemm_ws", "gemm_os"])
def test_raw(run, operands, design):
    y, report = run(design)
    assert y.dtype == np.int64
    assert np.array_equal(y, operands["a"] @ operands["w"])
    assert report["matches_golden"] is True
    assert report["design"] == design
    assert report["parameters"]["output"] == "raw"
    assert report["macs"] == 7 * 8 * 6
    assert report["ideal_cycles"] == 28
    assert 28 < report["cycles"] <= report["cycle_bound"]
    assert report["utilization"] == 28 / report["cycles"]
    assert report["formula"].endswith("+ 16")
    assert report["seconds"] > 0
    assert report["waves"] is None
    assert report["out"] == "y.npy"
    assert Path(report["verilog"]).is_file()
    assert Path(report["manifest"]).match(f"out/{design}-{report['digest']}/{design}.json")


def test_stalls_change_cycles_only(run, operands):
    _, free = run("gemm_ws")
    y, report = run("gemm_ws", "--stall-in", "60", "--stall-out", "30", "--seed", "5")
    assert np.array_equal(y, operands["a"] @ operands["w"])
    assert report["cycles"] > free["cycles"]


def test_bias(run, operands):
    y, report = run("gemm_ws", "--bias", "b.npy")
    assert np.array_equal(y, operands["a"] @ operands["w"] + operands["b"])
    assert report["parameters"]["output"] == "bias"


def test_zero_point_of_a(run, operands):
    y, _ = run("gemm_ws", "--a-zero-point", "-7")
    assert np.array_equal(y, (operands["a"] + 7) @ operands["w"])
    y, _ = run("gemm_ws", "--a-zero-point", "100", "--bias", "b.npy")
    assert np.array_equal(y, (operands["a"] - 100) @ operands["w"] + operands["b"])


def test_thresholds(run, operands):
    sums = (operands["a"] @ operands["w"]).astype(np.int64)
    thresholds, flip = np.sort(sums, axis=0)[3], np.arange(sums.shape[1]) % 2
    np.save("t.npy", thresholds)
    np.save("f.npy", flip)
    y, report = run("gemm_ws", "--threshold", "t.npy")
    assert report["parameters"]["output"] == "threshold"
    assert np.array_equal(y, sums >= thresholds)
    y, _ = run("gemm_os", "--threshold", "t.npy", "--flip", "f.npy", "--bias", "b.npy")
    assert np.array_equal(y, (sums + operands["b"] >= thresholds) != flip)
    # Beyond the accumulators: never, and always.
    for far, always in ((1 << 40, 0), (-(1 << 40), 1), (-(1 << 63), 1)):
        np.save("t.npy", np.full(sums.shape[1], far))
        y, _ = run("gemm_ws", "--threshold", "t.npy", "--flip", "f.npy")
        assert np.array_equal(y, np.broadcast_to(always != flip, y.shape))


@pytest.mark.parametrize("scale", ["scale", "scales"])
def test_scale(run, operands, scale):
    y, report = run("gemm_os", "--scale", f"{scale}.npy", "--bias", "b.npy")
    sums = operands["a"] @ operands["w"] + operands["b"]
    assert np.array_equal(y, requantized(sums, operands[scale]))
    assert len(np.unique(y)) > 20
    assert report["parameters"]["output"] == "scale"


def test_scale_in_one_element_array(run, operands):
    np.save("one.npy", np.array([[0.0021]], np.float32))
    y, _ = run("gemm_os", "--scale", "one.npy")
    assert np.array_equal(y, requantized(operands["a"] @ operands["w"], operands["scale"]))


def test_zero_points_and_modes(run, operands):
    sums = (operands["a"] - 5) @ operands["w"]
    argv = ("--scale", "scales.npy", "--a-zero-point", "5", "--zero-point", "-20")
    y, _ = run("gemm_os", *argv)
    assert np.array_equal(y, requantized(sums, operands["scales"], -20))
    y, _ = run("gemm_os", *argv, "--mode", "relu=1")
    assert np.array_equal(y, requantized(sums, operands["scales"], -20, low=-20))
    y, _ = run("gemm_os", *argv, "--mode", "relu=0", "--mode", "clamp_max=30")
    assert np.array_equal(y, requantized(sums, operands["scales"], -20, high=30))
    y, _ = run("gemm_os", *argv, "--mode", "clamp_min=-100", "--mode", "clamp_max=-10")
    assert np.array_equal(y, requantized(sums, operands["scales"], -20, -100, -10))
    # Together: the higher of the two lower limits.
    y, _ = run("gemm_os", *argv, "--mode", "clamp_min=-50", "--mode", "relu=1")
    assert np.array_equal(y, requantized(sums, operands["scales"], -20, low=-20))


def test_shift(run, operands):
    y, report = run("gemm_ws", "--set", "output=shift", "--scale", "powers.npy")
    assert np.array_equal(y, requantized(operands["a"] @ operands["w"], operands["powers"]))
    assert report["parameters"]["output"] == "shift"


def test_table(capsys):
    argv = ["run", "gemm_ws", *SIZE, "--a", "a.npy", "--w", "w.npy", "--out", "y.npy"]
    assert main(argv) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    rows = {line[:15].strip(): line[15:] for line in captured.out.splitlines()}
    assert rows["design"] == "gemm_ws 3×4"
    assert rows["M×K×N"] == "7×8×6"
    assert rows["MACs"].startswith("336 (")
    assert rows["matches golden"] == "yes"
    assert rows["results"] == "y.npy"
    assert "waves" not in rows


def test_waves(run):
    _, report = run("gemm_ws", "--waves")
    assert Path(report["waves"]).stat().st_size > 1000
    assert Path(report["waves"]).parts[:2] == ("out", "run")


def test_mismatch(monkeypatch, capsys):
    """A result that is not the golden model's fails, and is not written."""
    product = engine.gemm

    def altered(*arguments, **options):
        y = product(*arguments, **options)
        y[2, 3] += 1
        y[4, 0] -= 1
        return y

    monkeypatch.setattr(engine, "gemm", altered)
    argv = ["run", "gemm_ws", *SIZE, "--a", "a.npy", "--w", "w.npy", "--out", "y y.npy"]
    assert main([*argv, "--json"]) == 1
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert report["matches_golden"] is False
    assert report["out"] is None
    assert not Path("y y.npy").exists()
    done = Path("out/run") / f"gemm_ws-{report['digest']}" / "wrong.npy"
    y = np.load(done)
    again = shlex.join(["brickwork", *argv, "--json", "--waves", "--seed", "1"])
    assert captured.err == (
        "brickwork: error: 2 of 42 results differ from the golden model, the first "
        f"Y[2, 3] = {y[2, 3]}, not {y[2, 3] + 1} (all results: {done}); "
        f"reproduce with: {again}\n"
    )


def test_too_few_cycles(capsys):
    argv = ["run", "gemm_ws", *SIZE, "--a", "a.npy", "--w", "w.npy", "--seed=4", "--waves"]
    assert main([*argv, "--max-cycles", "20"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "gemm_ws: Not done after 20 cycles; words transferred: tiles " in captured.err
    assert captured.err.endswith(
        "; reproduce with: brickwork run gemm_ws --set rows=3 --set cols=4 --a a.npy --w w.npy "
        "--seed=4 --waves --max-cycles 20\n"
    )
    assert captured.err.count("\n") == 1


class TestDemo:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch):
        """Small arrays, and few images."""
        network = digits.train()
        few = dataclasses.replace(
            network, test_images=network.test_images[:20], test_labels=network.test_labels[:20]
        )
        monkeypatch.setattr(digits, "train", lambda: few)
        monkeypatch.setattr(demo, "_SETTINGS", {"rows": 8, "cols": 8, "output": "scale"})

    def test_json(self, capsys):
        assert main(["demo", "--json"]) == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        report = json.loads(captured.out)
        assert report["images"] == 20
        assert [design["design"] for design in report["designs"]] == ["gemm_ws", "gemm_os"]
        for design in report["designs"]:
            assert abs(design["accuracy"] - report["float_accuracy"]) <= 0.01
            shapes = [(layer["m"], layer["k"], layer["n"]) for layer in design["layers"]]
            assert shapes == [(20, 64, 64), (20, 64, 32), (20, 32, 10)]
            assert all(layer["matches_golden"] for layer in design["layers"])
            assert design["parameters"]["out_format"] == design["parameters"]["a_format"] == "uint8"
            assert Path(design["verilog"]).is_file()
            assert Path(design["manifest"]).is_file()

    def test_table(self, capsys):
        assert main(["demo"]) == 0
        lines = capsys.readouterr().out.splitlines()
        layers = [line.split() for line in lines if line.startswith("gemm_") and "×" in line]
        assert [line[:3] for line in layers[:2]] == [
            ["gemm_ws", "1", "20×64×64"],
            ["gemm_ws", "2", "20×64×32"],
        ]
        assert all(line[-1] == "yes" for line in layers)
        assert any(line.startswith("accuracy on gemm_os") for line in lines)

    @pytest.fixture
    def one_design(self, monkeypatch):
        monkeypatch.setattr(GemmOs, "DEMO", False)

    @pytest.mark.usefixtures("one_design")
    def test_mismatch(self, monkeypatch, capsys):
        monkeypatch.setattr(digits.QuantizedLinear, "forward", lambda layer, codes: codes)
        assert main(["demo"]) == 1
        captured = capsys.readouterr()
        assert captured.err == (
            "brickwork: error: gemm_ws differs from the golden model in layers 1, 2, 3\n"
        )
        assert "  no\n" in captured.out

    @pytest.mark.usefixtures("one_design")
    def test_accuracy(self, monkeypatch, capsys):
        monkeypatch.setattr(digits.Network, "accuracy", 0.5)
        assert main(["demo"]) == 1
        assert capsys.readouterr().err == (
            "brickwork: error: Accuracy of gemm_ws must be within 1 point of 50.00%, not 95.00%\n"
        )


def test_more_cycles_than_the_bound(monkeypatch, capsys):
    bound = property(lambda _: 9, lambda *_: None)
    monkeypatch.setattr(WeightStationaryJob, "cycle_bound", bound, raising=False)
    argv = ["run", "gemm_ws", *SIZE, "--a", "a.npy", "--w", "w.npy"]
    assert main([*argv, "--max-cycles", "5000"]) == 1
    assert " cycles are more than the worst case 9; reproduce with: brickwork run " in (
        capsys.readouterr().err
    )
    assert main([*argv, "--max-cycles", "5000", "--stall-in", "20"]) == 0


def test_scales_below_the_least_of_narrow_sums(tmp_path):
    """Sums of 2^40 and scales around 2^-41, in RTL: against fractions, which know no shift."""
    a = np.full((1, 1024), -32768)
    sums = np.array([1 << 40, (1 << 40) - (1 << 15), -(1 << 40) + (1 << 25), 3 << 38])
    # The sums of W's columns, spread over its rows.
    columns = -(sums >> 15)
    w = columns // 1024 + (np.arange(1024)[:, None] < columns % 1024)
    assert ((a @ w) == sums).all()
    core = GemmOs(rows=1, cols=4, a_format="int16", w_format="int16", max_k=1024, output="scale")
    for significand in (1, 1 + 2.0**-23, 1 - 2.0**-24, 1.5):
        for exponent in (-39, -40, -41, -42):
            scale = np.float32(significand * 2.0**exponent)
            product = core.run(a, w, scale=scale, workdir=tmp_path)
            assert product.matches_golden
            assert product.y[0].tolist() == requantized(sums, scale).tolist()


@pytest.mark.parametrize("power", [160, 300, -300])
def test_operands_of_any_magnitude(run, operands, power):
    """Strict JSON, and nothing of numpy's on stderr, which ``run`` checks."""
    np.save("a.npy", operands["a"].astype(float) * 10.0**power)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, report = run("gemm_os")
    json.dumps(report, allow_nan=False)
    assert 0 < report["errors"]["relative"] < 0.01


def test_products_beyond_float64(run, operands):
    np.save("a.npy", operands["a"].astype(float) * 1e300)
    np.save("w.npy", operands["w"].astype(float) * 1e300)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, report = run("gemm_os")
    assert report["errors"] == {"relative": None, "largest": None}
    assert report["matches_golden"] is True


def test_types_of_ml_dtypes(operands, tmp_path):
    """In memory their name is known: floats are quantized, int4 are integers."""
    core = GemmOs(rows=3, cols=4)
    a, w = operands["a"].astype(int) // 16, operands["w"].astype(int) // 16
    for type_ in (ml_dtypes.int4, np.int8):
        product = core.run(a.astype(type_), w.astype(type_), workdir=tmp_path)
        assert np.array_equal(product.y, a @ w)
        assert product.real is None
    product = core.run(a.astype(ml_dtypes.bfloat16), w.astype(np.float16), workdir=tmp_path)
    assert product.errors["relative"] < 0.01
