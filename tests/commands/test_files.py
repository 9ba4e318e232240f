"""Files that commands write: what a path may be, and what stays when writing fails."""

import io
import json
import multiprocessing
import os
import re
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
from brickwork.gen.cli import main
from brickwork.gen.lib.errors import UsageError
from brickwork.gen.lib.files import check_file, check_files, report_apart, write_whole


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def umask():
    """Sets the umask for a test."""
    before = os.umask(0o022)
    os.umask(before)
    yield os.umask
    os.umask(before)


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def refused(error, message):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


def as_user(function, *arguments):
    """Calls a function in a process without root's rights, and returns its exception's text."""

    def call(texts):
        if os.geteuid() == 0:
            os.setgid(12345)
            os.setuid(12345)
        try:
            function(*arguments)
        except Exception as error:
            texts.put(str(error))
        else:
            texts.put(None)

    context = multiprocessing.get_context("fork")
    texts = context.SimpleQueue()
    process = context.Process(target=call, args=(texts,))
    process.start()
    process.join(30)
    return texts.get()


class TestRegularFiles:
    def test_text_and_bytes(self, folder):
        path = folder / "new" / "file"
        write_whole(path, "µ\n")
        assert path.read_bytes() == b"\xc2\xb5\n"
        write_whole(str(path), b"\xff")
        assert path.read_bytes() == b"\xff"
        write_whole(path, "")
        assert path.read_bytes() == b""
        assert list(path.parent.iterdir()) == [path]

    @pytest.mark.parametrize(("mask", "expected"), [(0o077, 0o600), (0o002, 0o664)])
    def test_new_file_follows_the_umask(self, umask, mask, expected):
        umask(mask)
        write_whole("file", "text")
        assert mode("file") == expected

    @pytest.mark.parametrize("expected", [0o640, 0o755, 0o4711])
    def test_old_file_keeps_its_mode(self, expected):
        Path("file").touch()
        os.chmod("file", expected)
        write_whole("file", "text")
        assert mode("file") == expected
        assert Path("file").read_text() == "text"

    @pytest.mark.skipif(os.geteuid() != 0, reason="root alone gives files away")
    def test_old_file_keeps_its_owner(self):
        Path("file").touch()
        os.chown("file", 12345, 54321)
        write_whole("file", "text")
        assert (os.stat("file").st_uid, os.stat("file").st_gid) == (12345, 54321)

    def test_reader_keeps_the_old_content(self):
        write_whole("file", "old")
        with open("file") as reader:
            write_whole("file", "new")
            assert reader.read() == "old"

    def test_failure_keeps_the_old_file(self, folder, monkeypatch):
        write_whole("file", "old")
        with pytest.raises(TypeError):
            write_whole("file", 3)

        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("brickwork.gen.lib.files._write", full)
        with refused(OSError, "File file cannot be written: No space left on device"):
            write_whole("file", "new")
        assert Path("file").read_text() == "old"
        assert list(folder.iterdir()) == [folder / "file"]

    def test_name_as_long_as_names_can_be(self, folder):
        write_whole("x" * 255, "text")
        assert [path.name for path in folder.iterdir()] == ["x" * 255]


class TestLinks:
    def test_target_is_replaced(self, folder):
        Path("there").mkdir()
        Path("there/file").write_text("old")
        os.chmod("there/file", 0o640)
        Path("link").symlink_to("there/file")
        Path("second").symlink_to("link")
        write_whole("second", "new")
        assert Path("there/file").read_text() == "new"
        assert mode("there/file") == 0o640
        assert (os.readlink("link"), os.readlink("second")) == ("there/file", "link")
        assert os.listdir("there") == ["file"]

    def test_missing_target_is_made(self):
        Path("link").symlink_to("there/file")
        check_file("link")
        assert not Path("there").exists()
        write_whole("link", "text")
        assert os.readlink("link") == "there/file"
        assert Path("there/file").read_text() == "text"

    def test_circle(self):
        Path("a").symlink_to("b")
        Path("b").symlink_to("a")
        for function in (check_file, lambda path: write_whole(path, "text")):
            with refused(OSError, "File a cannot be written: Too many levels of symbolic links"):
                function("a")


class TestStreams:
    def test_null(self):
        status = os.stat("/dev/null")
        check_file("/dev/null")
        write_whole("/dev/null", "text")
        assert os.stat("/dev/null").st_rdev == status.st_rdev
        assert check_files({"A": "/dev/null", "B": "/dev/null"}) == [Path("/dev/null")] * 2

    def test_full_device(self):
        with refused(OSError, "File /dev/full cannot be written: No space left on device"):
            write_whole("/dev/full", "text")

    def test_named_pipe(self, folder):
        os.mkfifo("pipe")
        check_file("pipe")
        content = b"x" * 1_000_000
        received = []
        reader = threading.Thread(target=lambda: received.append(Path("pipe").read_bytes()))
        reader.start()
        write_whole("pipe", content)
        reader.join(30)
        assert received == [content]
        assert stat.S_ISFIFO(os.stat("pipe").st_mode)
        assert list(folder.iterdir()) == [folder / "pipe"]

    def test_closed_pipe(self):
        """It is not standard output whose reader has gone."""
        reader, writer = os.pipe()
        os.close(reader)
        path = f"/dev/fd/{writer}"
        with refused(OSError, f"File {path} cannot be written: Broken pipe"):
            write_whole(path, "text")
        os.close(writer)

    def test_open_file(self):
        """What the file has stays, as its opener wants."""
        with open("file", "w") as file:
            file.write("before ")
            file.flush()
            path = f"/dev/fd/{file.fileno()}"
            check_file(path)
            write_whole(path, "text")
            file.write(" after")
        assert Path("file").read_text() == "before text after"

    def test_descriptor_that_is_not_open(self):
        with refused(OSError, "File /dev/fd/999 cannot be written: Bad file descriptor"):
            write_whole("/dev/fd/999", "text")


class TestCheck:
    def test_makes_nothing(self, folder):
        assert check_file("new/y.npy") == Path("new/y.npy")
        assert list(folder.iterdir()) == []

    @pytest.mark.parametrize("path", [".", "new/", "link"])
    def test_folder(self, path):
        Path("link").symlink_to(".")
        with refused(UsageError, f"Area must be written to a file, not to the folder {path!r}"):
            check_file(path, "Area")

    def test_file_in_the_way(self):
        Path("a").touch()
        for path in ("a/b", "a/b/c"):
            for function in (check_file, lambda path: write_whole(path, "text")):
                with refused(OSError, f"File {path} cannot be written: Not a directory"):
                    function(path)

    def test_read_only(self, monkeypatch):
        with tempfile.TemporaryDirectory() as path:
            # Those of pytest are for root alone.
            folder = Path(path).resolve()
            folder.chmod(0o755)
            monkeypatch.chdir(folder)
            self.read_only(folder)
            monkeypatch.chdir("/")

    def read_only(self, folder):
        Path("closed").mkdir(mode=0o555)
        Path("file").touch()
        os.chmod("file", 0o444)
        Path("open").mkdir()
        os.chmod("open", 0o777)
        Path("open/link").symlink_to("../closed/y")
        reason = f"Folder {folder / 'closed'} is not writable"
        for function in (check_file, lambda path: write_whole(path, "text")):
            assert as_user(function, "closed/y") == f"File closed/y cannot be written: {reason}"
            assert as_user(function, "open/link") == f"File open/link cannot be written: {reason}"
        assert as_user(check_file, "closed/a/b") == f"File closed/a/b cannot be written: {reason}"
        assert as_user(check_file, "open/new/y") is None
        if os.geteuid() == 0:
            os.chmod("open", 0o777)
            os.replace("file", "open/file")
            os.chown("open/file", 12345, 12345)
            message = "File open/file cannot be written: Permission denied"
            assert as_user(check_file, "open/file") == message
            assert as_user(write_whole, "open/file", "text") == message

    def test_same_file(self):
        Path("there").mkdir()
        Path("there/y").touch()
        Path("link").symlink_to("there/y")
        os.link("there/y", "hard")
        Path("dangling").symlink_to("there/new")
        for one, two in [
            ("y", "y"),
            ("y", "./there/../y"),
            ("link", "there/y"),
            ("hard", "link"),
            ("dangling", "there/new"),
        ]:
            with refused(
                UsageError,
                f"Results and real results must be written to different files, not both to {two!r}",
            ):
                check_files({"Results": one, "Real results": two})
        assert check_files({"Results": "y", "Real results": "there/y", "More": None}) == [
            Path("y"),
            Path("there/y"),
            None,
        ]

    def test_same_pipe(self):
        os.mkfifo("pipe")
        with refused(UsageError, "A and b must be written to different files, not both to 'pipe'"):
            check_files({"A": "pipe", "B": "pipe"})


def test_report_of_other_files(capsys):
    with report_apart(Path("y"), None, Path("/dev/null")):
        print("report")
    assert capsys.readouterr() == ("report\n", "")


def shell(command):
    """Runs a command line with bash; ``brickwork`` is this one."""
    function = f'brickwork() {{ "{sys.executable}" -m brickwork.gen "$@"; }}; '
    return subprocess.run(["bash", "-c", function + command], capture_output=True, check=False)


class TestCommands:
    """Typed as users type it."""

    @pytest.fixture(autouse=True)
    def matrix(self):
        np.save("X.npy", np.arange(16.0).reshape(4, 4))

    def test_results_on_standard_output(self):
        done = shell("brickwork prune X.npy --density 1 --out /dev/stdout")
        assert np.array_equal(np.load(io.BytesIO(done.stdout)), np.load("X.npy"))
        assert done.stderr == b"weights\t15 of 16\t93.75%\nwritten\t/dev/stdout\n"
        done = shell("{ echo first; brickwork prune X.npy --density 1 --out /dev/fd/1; } > y.npy")
        first, _, content = Path("y.npy").read_bytes().partition(b"\n")
        assert first == b"first"
        assert np.array_equal(np.load(io.BytesIO(content)), np.load("X.npy"))

    def test_report_and_results_in_one_file(self):
        """The report must not be lost in the results, or in a file that was replaced."""
        done = shell("brickwork quantize X.npy --format int4 --out y.npz --json > y.npz")
        assert json.loads(done.stderr)["out"] == "y.npz"
        assert np.load("y.npz")["format"] == "int4"

    def test_results_on_standard_error(self):
        done = shell("brickwork prune X.npy --density 1 --out /dev/stderr 2> y.npy")
        assert done.stdout == b"weights\t15 of 16\t93.75%\nwritten\t/dev/stderr\n"
        assert np.array_equal(np.load("y.npy"), np.load("X.npy"))

    def test_process_substitution(self):
        done = shell("brickwork prune X.npy --density 1 --out >(cat > y.npy); wait $!")
        assert (done.returncode, done.stderr) == (0, b"")
        assert np.array_equal(np.load("y.npy"), np.load("X.npy"))

    def test_output_is_the_input(self):
        Path("link.npy").symlink_to("X.npy")
        assert main(["prune", "X.npy", "--density", "0.5", "--out", "link.npy"]) == 0
        assert np.count_nonzero(np.load("X.npy")) == 8
        assert Path("link.npy").is_symlink()

    def test_full_device(self, capsys):
        for argv in (["prune", "X.npy", "--density", "1"], ["quantize", "X.npy", "--format=int4"]):
            assert main([*argv, "--out", "/dev/full"]) == 2
            message = "File /dev/full cannot be written: No space left on device"
            assert capsys.readouterr() == ("", f"brickwork: error: {message}\n")

    def test_two_results_in_one_file(self, capsys):
        argv = ["run", "gemm_os", "--set", "rows=2", "--set", "cols=2", "--w", "W.npy"]
        np.save("W.npy", np.ones((4, 2), np.int8))
        assert main([*argv, "--a", "X.npy", "--out", "Y.npy", "--real-out", "./Y.npy"]) == 2
        assert capsys.readouterr() == (
            "",
            "brickwork: error: Results and real results must be written to different files, not "
            "both to './Y.npy'\n",
        )
        assert not Path("out").exists()
