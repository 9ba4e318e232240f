"""What commands share: files, messages, tables, pruning."""

import re
import subprocess
import sys
from argparse import Namespace

import numpy as np
import pytest
from brickwork.gen.lib.errors import Infeasible, UsageError
from brickwork.gen.lib.files import check_file, check_folder, exclusive_lock, write_whole
from brickwork.gen.lib.messages import closest, difference, errors, reproduce_command
from brickwork.gen.lib.pruning import largest
from brickwork.gen.lib.tables import columns, table, utilization_rows


def test_infeasible_is_a_wrong_value():
    """So that whoever does not tell it apart reports it as one."""
    assert issubclass(Infeasible, ValueError)
    assert not issubclass(UsageError, ValueError)


class TestFiles:
    def test_write_whole(self, tmp_path):
        path = tmp_path / "new" / "file"
        write_whole(path, "µ\n")
        assert path.read_bytes() == b"\xc2\xb5\n"
        write_whole(str(path), b"\xff")
        assert path.read_bytes() == b"\xff"
        assert path.stat().st_mode & 0o777 == 0o644
        assert list(path.parent.iterdir()) == [path]

    def test_what_cannot_be_written_leaves_the_old_file(self, tmp_path):
        path = tmp_path / "file"
        write_whole(path, "old")
        with pytest.raises(TypeError):
            write_whole(path, 3)
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]

    def test_check_file(self, tmp_path):
        path = tmp_path / "new" / "y.npy"
        assert check_file(str(path)) == path
        assert list(tmp_path.iterdir()) == []
        message = f"Results must be written to a file, not to the folder {str(tmp_path)!r}"
        with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
            check_file(tmp_path)
        with pytest.raises(UsageError, match=r"^Area must be written to a file, "):
            check_file(tmp_path, "Area")

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
