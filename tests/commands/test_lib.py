"""What commands share: files, messages, tables, pruning."""

import json
import re
import subprocess
import sys
import warnings
from argparse import Namespace

import ml_dtypes
import numpy as np
import pytest
from brickwork.gen.lib import catalogue
from brickwork.gen.lib.arrays import read_array
from brickwork.gen.lib.errors import Infeasible, UsageError
from brickwork.gen.lib.files import check_folder, exclusive_lock
from brickwork.gen.lib.messages import closest, difference, errors, reproduce_command, to_json
from brickwork.gen.lib.pruning import largest, prune
from brickwork.gen.lib.tables import columns, table, utilization_rows
from brickwork.sim.golden.formats import as_numpy
from brickwork.sim.text_file import decoded, read_text
from scipy import sparse


def test_infeasible_is_a_wrong_value():
    """So that whoever does not tell it apart reports it as one."""
    assert issubclass(Infeasible, ValueError)
    assert not issubclass(UsageError, ValueError)


class TestFiles:
    def test_check_folder(self, tmp_path):
        assert check_folder(str(tmp_path / "a" / "b")) == tmp_path / "a" / "b"
        assert list((tmp_path / "a" / "b").iterdir()) == []
        (tmp_path / "file").write_text("")
        for path in (tmp_path / "file", tmp_path / "file" / "folder"):
            message = f"Output folder {path} cannot be written: Not a directory"
            with pytest.raises(OSError, match=f"^{re.escape(message)}$"):
                check_folder(path)

    def test_exclusive_lock(self, tmp_path):
        """Another process waits until the lock is free."""
        folder = tmp_path / "new"
        code = (
            "import sys, pathlib\n"
            "from brickwork.gen.lib.files import exclusive_lock\n"
            "print('started', flush=True)\n"
            "with exclusive_lock(pathlib.Path(sys.argv[1])):\n"
            "    print('locked', flush=True)\n"
        )
        with exclusive_lock(folder):
            child = subprocess.Popen(
                [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True
            )
            assert child.stdout.readline() == "started\n"
            with pytest.raises(subprocess.TimeoutExpired):
                child.wait(0.5)
        assert child.communicate(timeout=30) == ("locked\n", None)
        assert child.returncode == 0


class TestMessages:
    @pytest.mark.parametrize(
        ("name", "end"),
        [("flimt4", "; did you mean 'flint4'?"), ("bfp", ""), ("", ""), (None, ""), (4, "")],
    )
    def test_closest(self, name, end):
        names = {"flint4": 1, "int8": 2}
        assert closest(name, names) == end
        assert closest(name, iter(names)) == end

    def test_difference(self):
        expected = np.arange(6).reshape(2, 3)
        y = expected.copy()
        y[1, 0] = 9
        message = "1 of 6 results differs from the golden model, the first Y[1, 0] = 9, not 3"
        assert difference(y, expected) == message
        y[0, 2] = 7
        message = "2 of 6 results differ from the golden model, the first Y[0, 2] = 7, not 2"
        assert difference(y, expected) == message

    def test_errors(self):
        assert errors(np.array([3.0, 5.0]), np.array([3.0, 4.0])) == {
            "relative": pytest.approx(0.2),
            "largest": 1.0,
        }
        assert errors(np.array([3.0, 4.0]), np.zeros(2)) == {"relative": 5.0, "largest": 4.0}

    @pytest.mark.parametrize(
        ("argv", "waves", "command"),
        [
            (["run", "my file"], False, "brickwork run 'my file' --waves --seed 7"),
            (["run", "--waves"], True, "brickwork run --waves --seed 7"),
            (["run", "--seed=7"], False, "brickwork run --seed=7 --waves"),
            (["run", "--seed", "7", "--waves"], True, "brickwork run --seed 7 --waves"),
        ],
    )
    def test_reproduce_command(self, argv, waves, command):
        assert reproduce_command(Namespace(argv=argv, waves=waves, seed=7)) == command


class TestTables:
    def test_columns(self):
        rows = [("a", 10, "x"), ("long", 2, "")]
        assert list(columns(rows)) == ["a     10  x", "long  2"]
        assert list(columns(map(iter, rows), right=(1,))) == ["a     10  x", "long   2"]
        assert list(columns([])) == []

    def test_table(self):
        records = [{"name": "a", "large_number": 12345, "ok": True}, {"name": "bc", "share": 0.5}]
        assert table(records).splitlines() == [
            "name  large number   ok  share",
            "a           12,345  yes",
            "bc                         0.5",
        ]

    def test_utilization(self):
        assert utilization_rows({"lut": {"used": 1, "available": 3}}) == [
            {"resource": "lut", "used": 1, "available": 3, "%": 33.3}
        ]


@pytest.mark.parametrize(
    ("density", "kept"),
    [(0, []), (0.1, []), (0.2, [2]), (0.4, [1, 2]), (0.6, [1, 2, 3]), (1, [0, 1, 2, 3, 4])],
)
def test_largest(density, kept):
    """Of equal magnitudes the first."""
    mask = largest(np.array([1.0, 2.0, 3.0, 2.0, 0.0]), density)
    assert mask.dtype == bool
    assert np.flatnonzero(mask).tolist() == kept


class TestJson:
    def test_numbers_that_are_not_finite(self):
        """JSON has none."""
        record = {"a": float("inf"), "b": [float("nan"), 1.5, (-float("inf"), "Infinity", None)]}
        text = to_json(record)
        assert json.loads(text, parse_constant=pytest.fail) == {
            "a": None,
            "b": [None, 1.5, [None, "Infinity", None]],
        }

    def test_ascii(self):
        """Any terminal and any file can have it."""
        assert to_json({"size": "2×3"}) == '{\n  "size": "2\\u00d73"\n}\n'


@pytest.mark.parametrize("power", [0, 160, 300, -160, -320])
def test_errors_of_any_magnitude(power):
    expected = np.array([[3.0, 4.0]]) * 10.0**power
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = errors(expected * [[1.0, 0.75]], expected)
    assert found["relative"] == pytest.approx(0.2, rel=1e-3)
    assert found["largest"] == pytest.approx(1.0 * 10.0**power, rel=1e-3)


def test_errors_beyond_float64():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = errors(np.array([np.inf]), np.array([np.inf]))
    assert not any(np.isfinite(value) for value in found.values())


class TestText:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le"])
    def test_encodings_and_line_ends(self, tmp_path, encoding):
        mark = b"\xff\xfe" if encoding == "utf-16-le" else b""
        (tmp_path / "t").write_bytes(mark + "a = 'µ'\r\nb\rc\n".encode(encoding))
        assert read_text(tmp_path / "t") == "a = 'µ'\nb\nc\n"

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"a = '\xb5'", "text in UTF-8, not binary data: byte 5 is 0xb5"),
            (b"\xff\xfea", "text in UTF-16, not binary data: byte 2 is 0x61"),
        ],
    )
    def test_binary(self, data, message):
        with pytest.raises(ValueError, match=f"^File x.toml must be {re.escape(message)}$"):
            decoded(data, "x.toml")

    def test_catalogue(self, tmp_path):
        """TOML as editors on Windows write it."""
        (tmp_path / "t.toml").write_bytes("a = 1\r\n".encode("utf-8-sig"))
        assert catalogue.read(tmp_path / "t.toml")[1] == {"a": 1}


class TestArrays:
    @pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2", "int4", "uint2"])
    def test_types_that_files_do_not_name(self, tmp_path, name):
        path = tmp_path / "x.npy"
        np.save(path, np.ones((2, 2)).astype(getattr(ml_dtypes, name)))
        type_ = {"bfloat16": "|V2", "float8_e5m2": "<f1"}.get(name, "|V1")
        message = (
            f"A must be of a type of numpy's own, not {type_} ({path}): .npy files do not name "
            "bfloat16, float8, int4 and the like; save floats with np.save(path, "
            "x.astype(np.float32)), integers with np.save(path, x.astype(np.int8))"
        )
        with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
            read_array(path, "A")

    @pytest.mark.parametrize("type_", [">f4", "<f2", "longdouble", ">i2", "u8"])
    def test_types_of_numpy(self, tmp_path, type_):
        array = np.asfortranarray(np.arange(6).reshape(2, 3)).astype(type_)
        np.save(tmp_path / "x.npy", array)
        assert read_array(tmp_path / "x.npy", "A").tolist() == array.tolist()

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"", "A must be a .npy file, not "),
            (b"\x93NUMPY\x01\x00v\x00{", "A cannot be read: "),
            (b"PK\x03\x04", "A must be a .npy file, not "),
        ],
    )
    def test_damaged(self, tmp_path, data, message):
        (tmp_path / "x.npy").write_bytes(data)
        with pytest.raises(ValueError, match=f"^{re.escape(message)}") as error:
            read_array(tmp_path / "x.npy", "A")
        assert "\n" not in str(error.value)

    def test_types_of_ml_dtypes_in_memory(self):
        for name, expected in (
            ("bfloat16", np.float32),
            ("float8_e5m2", np.float32),
            ("float4_e2m1fn", np.float32),
            ("int4", np.int16),
            ("uint4", np.int16),
        ):
            values = np.array([[1, 2], [3, 4]]).astype(getattr(ml_dtypes, name))
            plain = as_numpy(values)
            assert plain.dtype == expected
            assert plain.tolist() == values.astype(np.float64).tolist()


class TestPrune:
    def test_sparse(self):
        """As the dense matrix, and without a dense one."""
        dense = np.zeros((5, 7), np.int8)
        dense[[0, 1, 2, 3, 4], [1, 3, 5, 6, 0]] = [-128, 4, -3, 2, 1]
        for kind in (sparse.coo_array, sparse.csr_array, sparse.bsr_array, sparse.dia_array):
            pruned, count = prune(kind(dense), 3 / 35)
            assert (count, pruned.nnz) == (3, 3)
            assert np.array_equal(pruned.toarray(), prune(dense, 3 / 35)[0])
        shape = (1 << 20, 1 << 30)
        corner = shape[0] - 1, shape[1] - 1
        huge = sparse.coo_array(([5, 1, 3], ([0, 7, corner[0]], [1, 7, corner[1]])), shape=shape)
        kept, count = prune(huge, 1)
        assert (kept.shape, count) == (shape, 3)

    def test_refused(self):
        with pytest.raises(ValueError, match=r"^W must be finite, not nan$"):
            prune(sparse.csr_array([[np.nan, 1.0]]), 0.5)
        with pytest.raises(TypeError, match=r"^W must be numbers, not bool$"):
            prune(np.array([True]), 0.5)
