"""A new design costs its own files and one line in each of two registries, and nothing else.

A copy of ``gemm_ws`` under another name is added to a copy of the package, and every command is
typed for it.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
NAME, CLASS = "gemm_copy", "GemmCopy"
SMALL = ("--set", "rows=2", "--set", "cols=3", "--set", "acc_depth=8")

#: The files of the new design, and what they copy.
FILES = {
    "hdl/systolic/gemm_copy.py": "hdl/systolic/gemm_ws.py",
    "sim/golden/systolic/gemm_copy.py": "sim/golden/systolic/gemm_ws.py",
    "sim/tb/systolic/gemm_copy.py": "sim/tb/systolic/gemm_ws.py",
    "sim/designs/gemm_copy.py": "sim/designs/gemm_ws.py",
    "gen/designs/gemm_copy.py": "gen/designs/gemm_ws.py",
}
#: The lines that register it.
REGISTRIES = {
    "gen/designs/registry.py": f'    "{NAME}": (".{NAME}", "{CLASS}"),\n',
    "sim/designs/registry.py": f'    "{NAME}": (".{NAME}", "{CLASS}"),\n',
}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The package as it is installed, with the copied design."""
    folder = tmp_path_factory.mktemp("copied") / "brickwork"
    shutil.copytree(ROOT / "gen" / "package", folder)
    for name in ("hdl", "gen", "sim", "constraints"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for path, original in FILES.items():
        text = (folder / original).read_text("utf-8")
        # The driver's section, and the number in CAPS, are the new design's own to choose.
        text = text.replace("gemm_ws", NAME).replace("GemmWs", CLASS)
        text = text.replace(f'driver: ClassVar[str | None] = "{NAME}"', 'driver = "gemm_ws"')
        text = text.replace("number = 1\n", "number = 5\n")
        (folder / path).write_text(text, "utf-8")
    for path, line in REGISTRIES.items():
        file = folder / path
        text = file.read_text("utf-8")
        before = next(entry for entry in text.splitlines(True) if '"gemm_ws": (' in entry)
        file.write_text(text.replace(before, before + line, 1), "utf-8")
    return folder.parent


@pytest.fixture
def brickwork(package, tmp_path):
    """Types a command line, which must succeed; returns what it prints."""
    env = os.environ | {"PYTHONPATH": str(package)}

    def command(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "brickwork.gen", *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=env,
        )
        assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    rng = np.random.default_rng(1)
    for name, shape in (("a", (5, 4)), ("w", (4, 7))):
        np.save(tmp_path / f"{name}.npy", rng.integers(-128, 128, shape))
    return command


WORKLOAD = """
title = "Small"
source = "this test"

[[layers]]
name = "one"
m = 5
k = 4
n = 7
"""
OPERANDS = ("--a", "a.npy", "--w", "w.npy")


def test_listed(brickwork):
    assert NAME in [design["name"] for design in json.loads(brickwork("list", "--json"))]


def test_run(brickwork, tmp_path):
    record = json.loads(brickwork("run", NAME, *SMALL, *OPERANDS, "--out", "y.npy", "--json"))
    assert record["matches_golden"]
    original = json.loads(brickwork("run", "gemm_ws", *SMALL, *OPERANDS, "--json"))
    assert record["cycles"] == original["cycles"]
    y = np.load(tmp_path / "y.npy")
    assert np.array_equal(y, np.load(tmp_path / "a.npy") @ np.load(tmp_path / "w.npy"))


def test_bare_bench(brickwork, tmp_path):
    brickwork("sim", NAME, *SMALL)
    assert f'name="{NAME}"' in (tmp_path / "out" / "sim" / "results.xml").read_text()


@pytest.mark.slow
def test_wrapped_bench(brickwork):
    brickwork("sim", NAME, *SMALL, "--top", "axi", "--bus", "data_width=32")


def test_emitted_with_header_and_driver(brickwork, tmp_path):
    files = json.loads(brickwork("emit", NAME, *SMALL, "--top", "axi", "--json"))
    names = {Path(file).suffix for file in files["files"]}
    assert {".h", ".c", ".rdl", ".core", ".xdc"} <= names
    verilog = (tmp_path / files["verilog"]).read_text()
    original = json.loads(brickwork("emit", "gemm_ws", *SMALL, "--top", "axi", "--json"))
    assert verilog.count("module ") == (tmp_path / original["verilog"]).read_text().count("module ")
    (source,) = (tmp_path / file for file in files["files"] if file.endswith("_driver.c"))
    header = next(tmp_path / file for file in files["files"] if Path(file).name == f"{NAME}_axi.h")
    assert "IS_GEMM_WS" in header.read_text()
    subprocess.run(
        ["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-c", source.name, "-o", os.devnull],
        check=True,
        cwd=source.parent,
    )


def test_packed(brickwork, tmp_path):
    files = json.loads(brickwork("emit", NAME, *SMALL, "--top", "axi", "--json"))
    folder = str(Path(files["manifest"]).parent)
    brickwork("pack", folder, *OPERANDS, "--out", "job")
    assert json.loads((tmp_path / "job" / "job.json").read_text())["design"] == NAME


def test_synthesized(brickwork):
    command = ("synth", NAME, *SMALL, "--target", "gates", "--json")
    roles = {row["role"] for row in json.loads(brickwork(*command))["synthesis"]["modules"]}
    assert {"PEs", "accumulators", "control", "top level"} <= roles
    assert "other" not in roles


def test_swept(brickwork, tmp_path):
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\ntargets = ["gates"]\nworkloads = ["small.toml"]\n[[points]]\n'
        f'design = "{NAME}"\nset = {{ rows = 2, cols = 3, acc_depth = 8 }}\n'
    )
    (tmp_path / "small.toml").write_text(WORKLOAD)
    summary = json.loads(brickwork("sweep", "mine.toml", "--workers", "1", "--json"))
    assert summary["ok"] == 1


def test_linted(brickwork):
    brickwork("lint", NAME, *SMALL)


@pytest.mark.slow
def test_compared(package, tmp_path):
    """Its contenders stand beside those of all others, with the same figures as the original's."""
    (tmp_path / "small.toml").write_text(WORKLOAD)
    code = """if True:
        import brickwork as bw
        from brickwork.gen.api import comparison
        names = ("int8 (TPU)", "int8 (TPU), gemm_copy")
        chosen = [each for each in comparison.contenders() if each.name in names]
        comparison.contenders = lambda: chosen
        rows = bw.compare("small.toml", rows=2, cols=2, workers=1).rows()
        print([row["name"] for row in rows] == list(names), [row["speed_up"] for row in rows])
    """
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(package)},
        cwd=tmp_path,
    )
    assert done.stdout == "True [1.0, 1.0]\n", done.stderr
