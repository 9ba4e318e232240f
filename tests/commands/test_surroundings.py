"""Commands whose standard streams, home or folders are closed, full or missing."""

import os
import subprocess
import sys

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    np.save("X.npy", np.arange(16.0).reshape(4, 4))
    return tmp_path


def shell(command, **environment):
    """Runs a command line with bash; ``brickwork`` is this one."""
    function = f'brickwork() {{ "{sys.executable}" -m brickwork.gen "$@"; }}; '
    return subprocess.run(
        ["bash", "-c", function + command],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


FULL = "brickwork: error: Standard output cannot be written: No space left on device\n"


class TestStreams:
    @pytest.mark.parametrize(
        ("command", "status", "out", "err"),
        [
            ("brickwork prune X.npy --density 1 --out y.npy >&-", 0, "", ""),
            ("brickwork prune X.npy --density 1 --out y.npy 2>&- >/dev/null", 0, "", ""),
            ("brickwork prune X.npy --density 1 --out y.npy <&- >/dev/null", 0, "", ""),
            ("brickwork prune X.npy --density 1 --out y.npy <&- >&- 2>&-", 0, "", ""),
            # The status tells where no message can.
            ("brickwork list --no >&- 2>&-", 2, "", ""),
            ("brickwork list --no 2>/dev/full", 2, "", ""),
            ("brickwork list --no 2>&1 | true; exit ${PIPESTATUS[0]}", 2, "", ""),
            # A reader that has seen enough.
            ("brickwork --version | true; exit ${PIPESTATUS[0]}", 141, "", ""),
            ("brickwork list >/dev/full", 2, "", FULL),
            ("brickwork --version >/dev/full", 2, "", FULL),
            ("brickwork run --help >/dev/full", 2, "", FULL),
            ("brickwork --help >&-", 0, "", ""),
        ],
    )
    def test_closed_or_full(self, command, status, out, err):
        done = shell(command)
        assert (done.returncode, done.stdout, done.stderr) == (status, out, err)

    def test_result_is_written(self):
        assert shell("brickwork prune X.npy --density 1 --out y.npy >&- 2>&- <&-").returncode == 0
        assert np.array_equal(np.load("y.npy"), np.load("X.npy"))


class TestHome:
    EMIT = "brickwork emit gemm_os --set rows=2 --set cols=2"

    def emit(self, folder, cache, **environment):
        """Emits; the only remark names the cache folder, and the one in its place."""
        (folder / "temporary").mkdir(exist_ok=True)
        done = shell(f"unset XDG_CACHE_HOME; {self.EMIT}", **environment, TMPDIR="temporary")
        assert done.returncode == 0
        spare = f"{folder}/temporary/brickwork-{os.getuid()}"
        assert done.stderr == (
            f"warning: cache folder {cache[0]} cannot be used ({cache[1]}); using {spare}; "
            "set BRICKWORK_CACHE to a folder that can be written\n"
        )

    def test_file(self, folder):
        reason = "not a directory"
        self.emit(folder, (f"{folder}/X.npy", reason), BRICKWORK_CACHE="X.npy")
        self.emit(folder, (f"{folder}/X.npy/new", reason), BRICKWORK_CACHE="X.npy/new")
        cache = f"{folder}/X.npy/.cache/brickwork"
        self.emit(folder, (cache, reason), BRICKWORK_CACHE="", HOME=f"{folder}/X.npy")

    def test_missing_folder_is_made(self):
        done = shell(self.EMIT, BRICKWORK_CACHE="new/folder")
        assert (done.returncode, done.stderr) == (0, "")
        assert os.listdir("new/folder") == ["verilog"]
