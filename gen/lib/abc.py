"""ABC, which comes with Yosys: searches for a state in which a property of a netlist fails."""

import functools
import importlib.util
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ...sim import processes

__all__ = ["GATES", "Verdict", "run", "search"]

#: Yosys' commands from a flat module with assertions and assumptions to gates for ``write_aiger``.
#: Undefined bits may have any value. ABC optimizes, in less time than Yosys.
GATES = (
    "setundef -undriven -anyseq",
    "opt_expr",
    "techmap",
    "opt_expr",
    "setundef -anyseq",
    "formalff -clk2ff",
    "simplemap",
    "dffunmap",
    "aigmap",
    "opt_clean",
)

#: All that is asserted as one output, so that each assertion may rest on the others.
_ONE_OUTPUT = ("fold", "strash", "orpos", "strash")
_PROVED = re.compile(r"Verification of invariant .* was successful[^$]*Property proved")
_PASSED = re.compile(r"No output asserted in \d+ frames")
_TIMEOUT = re.compile(r"timeout", re.IGNORECASE)
_NOTHING_LEFT = re.compile(r"^UNSATISFIABLE", re.MULTILINE)
_FAILS = re.compile(r"Output \d+ of miter .* was asserted in frame (\d+)")


@functools.cache
def _binary() -> Path:
    return Path(importlib.util.find_spec("pyosys").origin).with_name("yosys-abc")


class Verdict(NamedTuple):
    """``holds`` is None if the search ended without a result; ``frame`` is that of a failure."""

    holds: bool | None
    frame: int | None
    log: str


def run(commands: Iterable[str], *, cwd: Path, timeout: float | None = None) -> str:
    """Run ABC's commands in a folder, which also gets its temporary files; returns the output.

    Raises
    ------
    subprocess.TimeoutExpired
        If ABC has not ended after ``timeout`` seconds.
    """
    environment = os.environ | {"TMPDIR": str(cwd)}
    command = [str(_binary()), "-c", "; ".join(commands)]
    return processes.run(command, cwd=cwd, env=environment, timeout=timeout)[1]


def search(model: str, command: str, *, cwd: Path, timeout: float | None = None) -> Verdict:
    """Whether what a model in AIGER asserts always holds.

    Parameters
    ----------
    model : str
        The file, in the folder ``cwd``.
    command : str
        ABC's command: ``pdr``, or ``bmc3 -F N`` for the first N cycles.
    """
    log = ""
    bounded = command.startswith("bmc3")
    holds = _PASSED if bounded else _PROVED
    # Registers that are always alike become one. Often that is the proof: a search of sequences
    # gives up where no register is left, and ``sat``, which takes nothing else, does not.
    for simpler in ["scorr"], []:
        log = run(
            [f"read_aiger {model}", *_ONE_OUTPUT, *simpler, command, "sat"],
            cwd=cwd,
            timeout=timeout,
        )
        if failure := _FAILS.search(log):
            return Verdict(False, int(failure[1]), log)
        if holds.search(log) or _NOTHING_LEFT.search(log):
            return Verdict(True, None, log)
        if _TIMEOUT.search(log):
            return Verdict(None, None, log)
    return Verdict(None, None, log)
