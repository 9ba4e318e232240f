"""The units that have a bench, and the cases of their tests."""

import runpy
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ...hdl.unit import Unit
from ..lib.errors import UsageError
from ..lib.messages import closest

__all__ = ["Case", "read_case", "select", "units"]


class Case(NamedTuple):
    """A case of a unit's tests: the unit by its name, and the test file that has the case."""

    unit: str
    name: str
    file: Path


def units(tests: Path) -> dict[str, Path]:
    """From each unit with a bench to its test file, in the order of the folders.

    Parameters
    ----------
    tests : Path
        The folder ``tests`` of a source tree.

    Raises
    ------
    UsageError
        If there is none.
    """
    benches = Path(__file__).parents[2] / "sim" / "tb"
    names = {path.stem for path in benches.glob("*/[a-z]*.py")}
    files = sorted(tests.glob("*/test_*.py"))
    by_unit = {path.stem.removeprefix("test_"): path for path in files}
    by_unit = {name: path for name, path in by_unit.items() if name in names}
    if not by_unit:
        raise UsageError(
            f"Folder {tests} must hold tests of units, tests/<family>/test_<unit>.py; "
            "start in the folder of the sources, or name the tests with --tests"
        )
    return by_unit


def select(names: Iterable[str], tests: Path) -> list[Case]:
    """The cases of the units named, or of all units."""
    by_unit = units(tests)
    for name in names:
        if name not in by_unit:
            raise UsageError(
                f"Unit must be one of {', '.join(by_unit)}, not {name!r}{closest(name, by_unit)}"
            )
    chosen = list(dict.fromkeys(names)) or list(by_unit)
    return [Case(name, case, by_unit[name]) for name in chosen for case in _cases(by_unit[name])]


def read_case(case: Case) -> Unit:
    """The unit of a case with its parameters."""
    unit, parameters = _cases(case.file)[case.name]
    return unit(**parameters)


def _cases(file: Path) -> dict:
    shared = str(file.parents[1] / "lib")
    sys.path.insert(0, shared)
    try:
        return runpy.run_path(str(file))["CASES"]
    finally:
        sys.path.remove(shared)
