"""Types of the Python API, as mypy sees them where the package is installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: The whole API, with its types; calls that a type checker refuses are marked with the error.
SCRIPT = """\
from pathlib import Path
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import brickwork as bw

core = bw.GemmWs(rows=16, cols=16, a_format="uint8")
assert_type(core.rows, int)
assert_type(core.as_dict(), dict[str, int | str])
assert_type(core.digest, str)

files = core.emit("rtl", top="axi", data_width=64)
assert_type(files, bw.Files)
assert_type(files.verilog, Path)
assert_type(files.collateral, tuple[Path, ...])

product = core.run(np.ones((2, 2)), [[1, 2]], modes={"relu": 1}, bias=[1, 2], waves=True)
assert_type(product, bw.Product)
assert_type(product.y, NDArray[np.int64 | np.float32])
assert_type(product.real, NDArray[np.float64] | None)
assert_type(product.cycles, int)
assert_type(product.utilization, float)
assert_type(product.matches_golden, bool)
assert_type(product.errors, dict[str, float] | None)
assert_type(product.record(), dict[str, Any])

area = core.synth("liberty", liberty=Path("cells.lib"), pnr=True, seeds=5)
assert_type(area, bw.Area)
assert_type(area.by_role, dict[str, dict[str, int | float]])
for design in (bw.GemmOs(), bw.GemmFusion(), bw.Eie(pes=4)):
    assert_type(design.synth("ecp5").total, dict[str, int | float])

assert_type(bw.designs(), bw.Listing)
assert_type(bw.formats("flint4")[0], dict[str, Any])
quantized = bw.quantize([0.1, 0.2], "int4+flint4", axis=0)
assert_type(quantized, bw.Quantized)
assert_type(quantized.values, NDArray[np.float64])
core.run(quantized, quantized)
assert_type(bw.sweep("mine.toml", workers=2).statuses, dict[str, int])
assert_type(bw.sweep(Path("mine.toml")), bw.Sweep)
assert_type(bw.compare("resnet18", rows=4).claims(), list[dict[str, Any]])
assert_type(bw.load(files.folder), bw.Core)
with bw.show_progress(lambda label, done, total: print(label, done, total)):
    pass
with bw.show_progress():
    pass
for result in (product, files, area, quantized, bw.designs()):
    print(result, result._repr_html_())
try:
    core.run([], [])
except (bw.UsageError, bw.SimulationError, bw.CheckFailed) as error:
    print(error)

bw.GemmXs()  # error: Module has no attribute "GemmXs"
bw.GemmWs(rowz=2)  # error: Unexpected keyword argument "rowz" for "GemmWs"
bw.GemmWs(rows="2")  # error: Argument "rows" to "GemmWs" has incompatible type "str"
core.rows = 3  # error: Property "rows" defined in "GemmWs" is read-only
core.emit()  # error: Missing positional argument "out" in call to "emit"
core.synth("ecp5", pnr="yes")  # error: Argument "pnr" to "synth"
core.run(1, 2, stall_in=0.5)  # error: Argument "stall_in" to "run"
product.z  # error: "Product" has no attribute "z"
bw.show_progress(print, 3)  # error: Too many arguments for "show_progress"
"""

#: The API itself is checked more strictly than what it uses.
SETTINGS = """\
[mypy]
[mypy-brickwork,brickwork.gen.api.*]
check_untyped_defs = True
"""


@pytest.fixture(scope="module")
def mypy(tmp_path_factory):
    """Runs mypy on the packages laid out as in the wheel, and gives its lines."""
    folder = tmp_path_factory.mktemp("types")
    (folder / "mypy.ini").write_text(SETTINGS)
    package = folder / "site" / "brickwork"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "gen" / "package", package, ignore=ignored)
    for name in ("hdl", "gen", "sim"):
        (package / name).symlink_to(ROOT / name)

    def run(*argv):
        done = subprocess.run(
            [
                *(sys.executable, "-m", "mypy", "--cache-dir", str(folder / "cache")),
                *("--follow-imports=silent", "--no-error-summary", "--no-pretty", *argv),
            ],
            capture_output=True,
            text=True,
            cwd=folder,
            env=os.environ | {"MYPYPATH": str(package.parent), "NO_COLOR": "1"},
            timeout=500,
        )
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return done.stdout.splitlines()

    return run


def test_package_is_typed():
    assert (ROOT / "gen" / "package" / "py.typed").is_file()


def test_user(mypy, tmp_path):
    """A user's script in the strict mode: the marked lines, and no others, are errors."""
    path = tmp_path / "user.py"
    path.write_text(SCRIPT)
    lines = mypy("--strict", str(path))
    errors = {int(line.split(":")[1]): line for line in lines if ": error: " in line}
    wanted = {
        number: line.partition("# error: ")[2]
        for number, line in enumerate(SCRIPT.splitlines(), 1)
        if "# error: " in line
    }
    assert errors.keys() == wanted.keys(), "\n".join(lines)
    for number, message in wanted.items():
        assert f"error: {message}" in errors[number]


@pytest.mark.slow
def test_modules_of_the_api(mypy):
    """What the API consists of; some packages that it uses have no types."""
    modules = [f"brickwork.gen.lib.{name}" for name in ("extras", "progress", "tables")]
    argv = [option for name in ("brickwork", *modules) for option in ("-m", name)]
    argv += ["-p", "brickwork.gen.api", "-p", "brickwork.gen.designs"]
    lines = mypy(*argv, "--disable-error-code=import-untyped")
    assert not lines, "\n".join(lines)
