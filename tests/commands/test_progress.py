"""Progress: lines without a terminal, bars on one."""

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
import termios
import time

import numpy as np
import pytest
from brickwork.gen.lib import progress as module
from brickwork.gen.lib.progress import progress, show_progress
from brickwork.sim.steps import step


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.1)


def check(capsys, pattern):
    """Compares with a pattern, where ``T`` stands for a time."""
    pattern = re.escape(pattern).replace("T", r"\d\.\d s")
    assert re.fullmatch(pattern, capsys.readouterr().err)


class TestLines:
    def test_step(self, capsys):
        with show_progress(), step("building"):
            time.sleep(0.3)
            assert capsys.readouterr().err == "building …"
        check(capsys, " T\n")

    def test_short_steps_are_silent(self, capsys):
        with show_progress(), step("building"):
            pass
        assert capsys.readouterr().err == ""

    def test_silent_by_default(self, capsys):
        with step("building"):
            time.sleep(0.2)
        assert capsys.readouterr().err == ""

    def test_failure(self, capsys):
        with contextlib.suppress(ValueError), show_progress(), step("building"):
            time.sleep(0.2)
            raise ValueError
        check(capsys, "building … stopped after T\n")

    def test_step_within_a_step(self, capsys):
        with show_progress(), step("all"):
            time.sleep(0.2)
            with step("one"):
                time.sleep(0.2)
        check(capsys, "all …\none … T\nall … T\n")

    def test_count(self, capsys):
        with show_progress():
            for _ in progress(range(3), total=3, label="sweep", eta=True):
                time.sleep(0.1)
        check(capsys, "sweep [3] … T\n")

    def test_without_label(self, capsys):
        with show_progress(), progress(total=3) as bar, bar.external_write_mode():
            bar.set_description_str("gemm_os")
            time.sleep(0.2)
        assert capsys.readouterr().err == ""

    def test_full_or_closed_stderr_stops_nothing(self, monkeypatch):
        with open("/dev/full", "w") as full:
            monkeypatch.setattr("sys.stderr", full)
            with show_progress(), step("building"):
                time.sleep(0.2)
            monkeypatch.undo()
            with contextlib.suppress(OSError):
                full.close()


def on_a_terminal(command):
    """What a command writes to a terminal."""
    parent, child = pty.openpty()
    termios.tcsetwinsize(child, (24, 80))
    done = subprocess.Popen(command, stdin=child, stdout=child, stderr=child)
    os.close(child)
    written = b""
    with contextlib.suppress(OSError):  # at the end
        while chunk := os.read(parent, 1000):
            written += chunk
    assert done.wait() == 0
    os.close(parent)
    return written.decode()


def test_terminal():
    """The line is updated in its place; a step leaves its time, a short one nothing."""
    code = (
        "import time\n"
        "from brickwork.gen.lib.progress import progress, show_progress\n"
        "from brickwork.sim.steps import step\n"
        "with show_progress(), progress(total=2, label='all', eta=True) as bar:\n"
        "    with step('building'):\n"
        "        time.sleep(2.2)\n"
        "    with step('emitting'):\n"
        "        pass\n"
        "    bar.update()\n"
        "print('end')\n"
    )
    written = on_a_terminal([sys.executable, "-c", code])
    assert re.search(r"\rbuilding … 00:00.*\rbuilding … 00:01", written, re.S)
    assert re.search(r"\rall \[0/2\] 00:0\d, \? left", written)
    assert re.search(r"building … 2\.\d s\r\n", written)
    assert not re.search(r"emitting … [\d.]+ s\r\n", written)
    assert written.endswith("end\r\n")


def test_first_contact(fresh_cache, tmp_path, monkeypatch):
    """Each step of a first run, once, on stderr; the next run has none of them."""
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.eye(2, dtype=np.int8))
    run = [sys.executable, "-m", "brickwork.gen", "run", "gemm_os", "--json", "--a", "a.npy"]
    # A core whose build takes longer than what is not shown.
    run += ["--w", "a.npy", "--set", "rows=6", "--set", "cols=6", "--set", "a_format=flint4+e2m1"]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if "runtime" not in line]
    assert re.fullmatch(
        r"(emitting gemm_os … [\d.]+ s\n)?"
        r"building the simulator of gemm_os \(once for these parameters\) … [\d.]+ s",
        "\n".join(lines),
    )
    record = json.loads(done.stdout)
    assert 0 < record["build_seconds"] + record["simulation_seconds"] <= record["seconds"] + 0.01
    (tmp_path / "cache" / "builds").rename(tmp_path / "cache" / "unused")
    done = subprocess.run([*run, "--quiet"], capture_output=True, text=True, check=True)
    assert done.stderr == ""
