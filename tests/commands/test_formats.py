"""``brickwork formats`` and ``brickwork quantize``."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from brickwork.gen.cli import main
from brickwork.sim.golden import formats


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A current folder with numbers, 6 × 8."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    np.save("x.npy", np.random.default_rng(0).standard_normal((6, 8)))
    return folder


@pytest.fixture
def refused(folder, capsys):
    """Runs the command line, and checks that it refuses, with this one line, and does nothing."""

    def check(message, *argv):
        before = sorted(folder.rglob("*"))
        assert main(list(argv)) == 2
        captured = capsys.readouterr()
        assert captured.err == f"brickwork: error: {message}\n"
        assert captured.out == ""
        assert sorted(folder.rglob("*")) == before

    return check


@pytest.fixture
def shown(capsys):
    """Runs the command line, and gives what it prints."""

    def run(*argv):
        assert main(list(argv)) == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        return captured.out

    return run


def contents(path):
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


class TestFormats:
    def test_list(self, shown):
        *lines, posits, floats = shown("formats").splitlines()
        assert posits == (
            "also gposit<N>_<es>_<rs>, N from 3 to 8, es from 0 to 2, rs from 1 to 7: "
            "ALPS's posits with regimes of at most rs bits"
        )
        assert floats == (
            "also e<E>m<M>, E from 2 to 5, M from 0 to 10: small floats without NaN and infinities"
        )
        lines = [line.split(maxsplit=5) for line in lines]
        assert lines[0] == ["format", "bits", "lowest", "highest", "unit", "meaning"]
        assert [line[0] for line in lines[1:]] == formats.names()
        assert ["int4", "4", "-8", "7", "1", "integers, two's complement"] in lines
        assert ["e4m3", "8", "-448", "448", "2^-9", "small floats"] in lines
        assert ["ovp_int4", "4", "-96", "96", "1", "OliVe's outlier-victim pairs"] in lines

    def test_list_json(self, shown):
        record = json.loads(shown("formats", "--json"))
        assert [entry["name"] for entry in record] == formats.names()
        assert record[-4] == {
            "name": "ovp_int4",
            "family": "ovp",
            "bits": 4,
            "signed": True,
            "pair": True,
            "unit": 1.0,
            "lowest": -96,
            "highest": 96,
            "meaning": "OliVe's outlier-victim pairs",
        }

    def test_codes(self, shown):
        assert shown("formats", "flint3") == (
            "name        flint3\n"
            "family      flint\n"
            "bits        3\n"
            "range       -4 to 4\n"
            "unit        1\n"
            "\n"
            "code  integer  value\n"
            "000         0      0\n"
            "001         1      1\n"
            "010         4      4\n"
            "011         2      2\n"
            "100         0      0\n"
            "101        -1     -1\n"
            "110        -4     -4\n"
            "111        -2     -2\n"
        )

    def test_codes_with_specials(self, shown):
        lines = shown("formats", "e5m2").splitlines()
        assert lines[3:5] == ["range       -57344 to 57344", "unit        2^-16"]
        rows = [line.split() for line in lines[7:]]
        assert len(rows) == 256
        assert rows[1] == ["00000001", "1", "1.52587890625e-05"]
        assert rows[0x7C] == ["01111100", str(7 << 29), "inf"]
        assert rows[0xFD] == ["11111101", str(-(7 << 29)), "nan"]

    def test_codes_without_integers(self, shown):
        lines = shown("formats", "bf16").splitlines()
        assert lines[3:5] == ["range       -3.38953e+38 to 3.38953e+38", "unit        2^-133"]
        rows = [line.split() for line in lines[6:]]
        assert rows[0] == ["code", "value"]
        assert len(rows) == 1 + 65536
        assert rows[1 + 0x3F81] == ["0011111110000001", "1.0078125"]

    def test_codes_of_a_wide_format(self, shown):
        """524,288 lines would help nobody."""
        lines = shown("formats", "tf32").splitlines()
        assert lines[5:] == [
            "codes       524288, of which these are limits (all: --json)",
            "",
            "code                                  value",
            "0000000000000000000                       0",
            "0000000000000000001  1.1479437019748901e-41",
            "0011111110000000000                       1",
            "0111111101111111111  3.4011621342146535e+38",
            "0111111110000000000                     inf",
            "0111111111111111111                     nan",
        ]

    def test_codes_of_pairs(self, shown):
        lines = shown("formats", "ovp_int4").splitlines()
        assert lines[5] == "identifier  1000: a victim, 0, beside an outlier"
        rows = [line.split() for line in lines[7:]]
        assert rows[0] == ["code", "normal", "outlier"]
        assert rows[2] == ["0001", "1", "12"]
        assert rows[9] == ["1000", "victim", "victim"]
        assert rows[16] == ["1111", "-1", "-96"]

    @pytest.mark.parametrize(
        "name",
        [
            pytest.param(name, marks=pytest.mark.slow if formats.get(name).bits > 16 else ())
            for name in formats.names()
        ],
    )
    def test_codes_json(self, shown, name):
        record = json.loads(shown("formats", name, "--json"))
        fmt = formats.get(name)
        assert record["name"] == name
        assert [entry["code"] for entry in record["codes"]] == [*range(1 << fmt.bits)]
        assert record["codes"][-1]["bits"] == "1" * fmt.bits
        if fmt.pair:
            assert record["identifier"] == fmt.identifier
            codewords = [entry for entry in record["codes"] if entry["code"] != fmt.identifier]
            codes = [entry["code"] for entry in codewords]
            assert [entry["normal"] for entry in codewords] == fmt.integers[codes].tolist()
            assert [entry["outlier"] for entry in codewords] == fmt.outliers[codes].tolist()
        else:
            if fmt.integers is None:
                assert not any("integer" in entry for entry in record["codes"])
            else:
                assert [entry["integer"] for entry in record["codes"]] == fmt.integers.tolist()
            values = [float(entry["value"]) for entry in record["codes"]]
            np.testing.assert_array_equal(values, fmt.values)

    @pytest.mark.parametrize(
        ("message", "name"),
        [
            ("Format must be a number format, not 'flimt4'; did you mean 'flint4'?", "flimt4"),
            ("Format must be a number format, not 'bfp'; see: brickwork formats", "bfp"),
            ("Format flint<N> takes N from 3 to 8, not 12", "flint12"),
            ("Format e<E>m<M> takes M from 0 to 10, not 11", "e3m11"),
        ],
    )
    def test_refused(self, refused, message, name):
        refused(message, "formats", name)


class TestQuantize:
    X = ("quantize", "x.npy", "--format")

    def test_text(self, shown):
        x = np.load("x.npy")
        codes, scale = formats.quantize(x, "flint4")
        error = formats.mse(x, codes, scale, "flint4")
        assert shown(*self.X, "flint4", "--out", "new/q.npz").splitlines() == [
            "format      flint4",
            "shape       6×8",
            "bits        4 a number",
            f"scale       {scale:.6g}",
            f"MSE         {error:.6g}",
            f"SQNR        {10 * math.log10(np.square(x).mean() / error):.2f} dB",
            "results     new/q.npz",
        ]
        record = contents("new/q.npz")
        assert record.keys() == {"codes", "scale", "format"}
        assert record["format"] == "flint4"
        assert record["codes"].dtype == np.uint8
        assert np.array_equal(record["codes"], codes)
        assert record["scale"] == scale

    def test_json(self, shown):
        record = json.loads(shown(*self.X, "int8", "--axis", "-1", "--method", "max", "--json"))
        x = np.load("x.npy")
        codes, scale = formats.quantize(x, "int8", -1, "max")
        error = formats.mse(x, codes, scale, "int8")
        sqnr = pytest.approx(10 * math.log10(np.square(x).mean() / error))
        assert record == {
            "format": "int8",
            "bits": 8,
            "shape": [6, 8],
            "scales": 8,
            "lowest_scale": scale.min(),
            "highest_scale": scale.max(),
            "mse": error,
            "sqnr_db": sqnr,
            "candidates": [{"format": "int8", "bits": 8, "mse": error, "sqnr_db": sqnr}],
            "out": None,
        }

    def test_several_formats(self, shown):
        lines = shown(*self.X, "pot4,int4,flint4", "--axis", "0", "--out", "q.npz").splitlines()
        x = np.load("x.npy")
        name, codes, scale = formats.select(x, ["pot4", "int4", "flint4"], 0)
        assert lines[0].split() == ["format", "bits", "MSE", "SQNR"]
        for line, entry in zip(
            lines[1:4], formats.each(x, ["pot4", "int4", "flint4"], 0), strict=True
        ):
            assert line.split()[:3] == [entry.name, "4", f"{entry.mse:.6g}"]
        assert lines[5] == f"format      {name}"
        assert lines[8] == f"scale       {scale.min():.6g} to {scale.max():.6g} (6 along axis 0)"
        record = contents("q.npz")
        assert record["format"] == name
        assert np.array_equal(record["codes"], codes)
        assert np.array_equal(record["scale"], scale)
        assert record["scale"].shape == (6, 1)

    @pytest.mark.parametrize("both", ["larger", "even"])
    def test_pairs(self, shown, both):
        x = np.random.default_rng(0).standard_normal((4, 500))
        x[::2, ::50] = 12
        x[1, 0] = -14
        np.save("x.npy", x)
        options = ("ovp_int4", "--pair-axis", "0", "--both", both, "--out", "q.npz")
        lines = shown(*self.X, *options).splitlines()
        codes, _ = formats.quantize_pairs(x, "ovp_int4", pair_axis=0, both=both)
        outliers = int((codes == 8).sum())
        assert outliers >= 20
        share = outliers / 1000
        assert (
            lines[-2] == f"outliers    {outliers}, and as many victims ({share:.2%} of the pairs)"
        )
        assert np.array_equal(contents("q.npz")["codes"], codes)
        record = json.loads(shown(*self.X, *options, "--json"))
        assert (record["pairs"], record["outliers"]) == (1000, outliers)
        assert record["out"] == "q.npz"

    @pytest.mark.parametrize("share", ["0%", "1%", "12.5%"])
    def test_outliers(self, shown, share):
        """At most that share needs more than 4 bits, and the error is that of the scale."""
        x = np.random.default_rng(0).laplace(size=(40, 50))
        np.save("x.npy", x)
        lines = shown(*self.X, "int8", "--outliers", share, "--out", "q.npz").splitlines()
        record = contents("q.npz")
        outliers = int(((record["codes"] < -8) | (record["codes"] > 7)).sum())
        assert outliers <= float(share[:-1]) / 100 * x.size
        least = formats.quantize(x, "int4", method="max")[1]
        assert share == "0%" or record["scale"] < least
        assert lines[-2] == (
            f"outliers    {outliers} ({outliers / x.size:.2%}) need more than half of the bits"
        )
        mse = np.square(record["codes"] * record["scale"] - x).mean()
        assert lines[4] == f"MSE         {mse:.6g}"
        assert json.loads(shown(*self.X, "int8", "--outliers", share, "--json"))["mse"] == mse

    def test_exact(self, shown):
        np.save("x.npy", np.int8([0, -128]))
        lines = shown(*self.X, "int8", "--method", "max").splitlines()
        assert lines[3:] == ["scale       1", "MSE         0", "SQNR        exact"]
        assert json.loads(shown(*self.X, "int8", "--json"))["sqnr_db"] is None
        np.save("x.npy", np.float32(3))
        assert "shape       one number" in shown(*self.X, "int8").splitlines()

    def test_equal_bytes(self, shown):
        for name in ("a.npz", "b.npz"):
            shown(*self.X, "e4m3", "--out", name)
        assert Path("a.npz").read_bytes() == Path("b.npz").read_bytes()

    @pytest.mark.parametrize(
        ("message", "argv"),
        [
            (
                "Format must be a number format, not 'flimt4'; did you mean 'flint4'?",
                ["x.npy", "--format", "int4,flimt4"],
            ),
            (
                "Format must be a number format, not ''; see: brickwork formats",
                ["x.npy", "--format", "int4,"],
            ),
            ("X cannot be read: y.npy: No such file or directory", ["y.npy", "--format", "int4"]),
            (
                "Axis must be an integer, not 'rows'",
                ["x.npy", "--format", "int4", "--axis", "rows"],
            ),
            (
                "Axis must be from -2 to 1 for an array of 2 dimensions, not 2",
                ["x.npy", "--format", "int4", "--axis", "2", "--out", "new/q.npz"],
            ),
            (
                "Outliers must be a share from 0% to 100%, such as 1%, not 'few'",
                ["x.npy", "--format", "int8", "--outliers", "few"],
            ),
            (
                "Format must be int<N> with an even N of 4 and more for outliers, not flint4",
                ["x.npy", "--format", "flint4", "--outliers", "1%"],
            ),
            (
                "Pair axis must be an integer, not '1.5'",
                ["x.npy", "--format", "ovp_int4", "--pair-axis", "1.5"],
            ),
            (
                "Pair axis must be from -2 to 1 for an array of 2 dimensions, not -3",
                ["x.npy", "--format", "ovp_int4", "--pair-axis", "-3"],
            ),
            (
                "Pair axis must not be the axis with its own scales, 0",
                ["x.npy", "--format", "ovp_int4", "--axis", "0", "--pair-axis", "0"],
            ),
            (
                "Format must be one of pairs (ovp) with --pair-axis, not 'int4,pot4'",
                ["x.npy", "--format", "int4,pot4", "--pair-axis", "0"],
            ),
            (
                "Format must be one of pairs (ovp) with --both, not 'int4'",
                ["x.npy", "--format", "int4", "--both", "even"],
            ),
            (
                'Both must be "larger" or "even", not \'odd\'',
                ["x.npy", "--format", "ovp_int4", "--both", "odd"],
            ),
            (
                'Method must be "mse" or "max", not \'mean\'',
                ["x.npy", "--format", "int4", "--method", "mean"],
            ),
            (
                "Result must be written to a file, not to the folder '.'",
                ["x.npy", "--format", "int4", "--out", "."],
            ),
            (
                "File x.npy/q.npz cannot be written: Not a directory",
                ["x.npy", "--format", "int4", "--out", "x.npy/q.npz"],
            ),
            (
                "the following arguments are required: --format (see brickwork quantize --help)",
                ["x.npy"],
            ),
        ],
    )
    def test_refused(self, refused, message, argv):
        refused(message, "quantize", *argv)

    @pytest.mark.parametrize(
        ("message", "values", "name"),
        [
            ("X must be finite, not nan at index 0, 1", [[1, math.nan]], "int4"),
            (
                "X must be zero or positive for uint4, not -2.0 at index 1",
                [1.0, -2.0],
                "int4,uint4",
            ),
            (
                "X must have an even length along axis -1 for pairs (ovp_int4), not 3: "
                "pad it with a zero",
                [1, 2, 3],
                "ovp_int4",
            ),
            ("X must have at least one number, not the shape (0, 3)", np.zeros((0, 3)), "int4"),
            ("X must be real numbers, not complex128", [1j], "int4"),
            ("X must be real numbers, not bool", [True], "int4"),
        ],
    )
    def test_refused_values(self, refused, message, values, name):
        np.save("bad.npy", values)
        refused(message, "quantize", "bad.npy", "--format", name, "--out", "new/q.npz")
