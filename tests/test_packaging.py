"""The package as it is installed: import directions, and the contents of the wheel."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("hdl", "gen", "sim")
#: Folders without modules.
DATA = ("constraints",)
OTHER_FILES = sorted(
    path
    for name in (*PACKAGES, *DATA)
    for path in (ROOT / name).rglob("*.*")
    if path.is_file() and path.suffix not in (".py", ".pyc")
)
FILES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))

CHANGES = (ROOT / "CHANGELOG.md").read_text("utf-8")

#: What each package may import of the others; design decisions, see the README.
MAY_IMPORT = {"hdl": {"hdl"}, "sim": {"sim"}, "gen": {"hdl", "gen", "sim"}}
#: Outside packages that one of ours alone may use.
ONLY = {"amaranth": {"hdl", "gen"}, "cocotb": {"sim"}, "sklearn": {"gen"}, "pyosys": set()}


def _imports(path):
    """Absolute names of the modules that a file imports."""
    package = ("brickwork", *path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_in_allowed_directions(path):
    package = path.relative_to(ROOT).parts[0]
    for name in _imports(path):
        first, *rest = name.split(".")
        assert first not in PACKAGES, f"{name}: inside the package use relative imports"
        if first == "brickwork" and rest:
            assert rest[0] in MAY_IMPORT[package], f"{package} must not import {name}"
        if first in ONLY:
            assert package in ONLY[first], f"{package} must not import {name}"


def test_import_check_finds_something():
    names = {name for path in FILES for name in _imports(path)}
    assert {
        "brickwork.hdl.unit",
        "brickwork.sim.verilator.simulate",
        "amaranth.lib.wiring",
    } <= names


def test_every_package_is_listed():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {
        ".".join(_installed(path).parent.parts) for path in FILES if path.name == "__init__.py"
    }
    assert {path.parent for path in FILES} == {
        path.parent for path in FILES if path.name == "__init__.py"
    }
    assert set(listed) == found | {f"brickwork.{name}" for name in DATA}


def test_every_file_is_in_the_wheel(tmp_path):
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path)),
            str(_copy(tmp_path / "source")),
        ],
        check=True,
    )
    with zipfile.ZipFile(next(tmp_path.glob("brickwork-*.whl"))) as wheel:
        names = set(wheel.namelist())
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        fields = wheel.read(metadata).decode().partition("\n\n")[0]
    wanted = {str(_installed(path)) for path in (*FILES, *OTHER_FILES)}
    assert len(OTHER_FILES) >= 5
    assert wanted <= names
    assert not {name for name in names if name.startswith("brickwork/tests")}
    for field in ("Author", "Classifier", "Keywords", "License-Expression", "Requires-Python"):
        assert f"\n{field}: " in fields
    released = re.findall(r"^## \[(\d.*)\] - \d{4}-\d\d-\d\d$", CHANGES, re.MULTILINE)
    assert f"\nVersion: {released[0]}\n" in fields


def _installed(path):
    """Where a file lies in the installed package; ``gen/package`` is its top level."""
    return Path("brickwork") / str(path.relative_to(ROOT)).removeprefix("gen/package/")


def _copy(folder):
    """The sources elsewhere, so that no build folder appears among them."""
    import shutil

    skipped = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in (*PACKAGES, *DATA):
        shutil.copytree(ROOT / name, folder / name, ignore=skipped)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    return folder
