"""Colours of verdicts and errors: on a terminal only, and as the environment asks."""

import io
import re
import subprocess
import sys

import numpy as np
import pytest
from brickwork.gen.cli import main
from brickwork.gen.lib import colour
from brickwork.gen.lib.tables import columns
from terminal import on_a_terminal

DOCTOR = [sys.executable, "-m", "brickwork.gen", "doctor"]
WRONG = [sys.executable, "-m", "brickwork.gen", "emit", "nothing"]
RED, GREEN = "\x1b[31m", "\x1b[32m"


def test_on_a_terminal():
    assert f"{GREEN}ok\x1b[0m\tpython\t" in on_a_terminal(DOCTOR)
    assert on_a_terminal(WRONG).startswith(f"brickwork: {RED}error:\x1b[0m Design must be one of ")


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_not_wanted(environment):
    assert on_a_terminal(WRONG, **environment).startswith("brickwork: error: Design must be ")


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "", "NO_COLOR": ""}, False),
    ],
)
def test_in_a_pipe(environment, coloured, monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    done = subprocess.run(WRONG, capture_output=True, text=True)
    assert ("\x1b" in done.stderr) == coloured


def test_not_in_json(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["doctor", "--json"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_not_in_results(monkeypatch, tmp_path, capsys):
    """What the library prints has no colours; what the command prints has."""
    import brickwork as bw

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FORCE_COLOR", "1")
    product = bw.GemmOs(rows=2, cols=2).run(np.eye(2, dtype=int), np.eye(2, dtype=int))
    assert re.search("^matches golden yes$", str(product), re.MULTILINE)
    np.save("i.npy", np.eye(2, dtype=int))
    settings = ["--set", "rows=2", "--set", "cols=2"]
    assert main(["run", "gemm_os", *settings, "--a", "i.npy", "--w", "i.npy"]) == 0
    out = capsys.readouterr().out
    assert f"\nmatches golden {GREEN}yes\x1b[0m\n" in out
    assert re.sub(r"\x1b\[\d*m", "", out).startswith(str(product).partition("\nseconds")[0])


def test_widths(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    rows = [("ok", "a", "no"), ("failed", "b", "yes"), ("other", "no", "maybe")]
    painted = list(columns(rows, right=(2,), paint=colour.verdict))
    assert [re.sub(r"\x1b\[\d*m", "", line) for line in painted] == list(columns(rows, right=(2,)))
    assert painted[0].startswith(f"{GREEN}ok\x1b[0m ")
    assert painted[0].endswith(f" {RED}no\x1b[0m")


def test_verdicts(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert colour.verdict("FAIL") == f"{RED}FAIL\x1b[0m"
    assert colour.verdict("skipped") == "\x1b[33mskipped\x1b[0m"
    assert colour.verdict("no memory") == "no memory"
    monkeypatch.delenv("FORCE_COLOR")
    assert colour.red("x", io.StringIO()) == "x"
    assert colour.red("x", None) == "x"
