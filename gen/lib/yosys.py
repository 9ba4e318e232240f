"""Yosys, run in a process of its own."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from ...sim import processes

__all__ = ["YosysError", "run"]

# An error in yosys ends its process, without an exception.
_CHILD = """
import sys
from pyosys import libyosys as yosys
design = yosys.Design()
for line in sys.stdin.read().splitlines():
    yosys.run_pass(line, design)
"""


class YosysError(Exception):
    """Yosys refused a design; the message is the last line of its log, which ``log`` holds."""

    def __init__(self, log):
        lines = [line for line in log.splitlines() if line.strip()]
        super().__init__(lines[-1] if lines else "yosys ended without a message")
        self.log = log


def run(
    commands: Iterable[str],
    *,
    cwd: Path | None = None,
    temporary: Path | None = None,
    timeout: float | None = None,
) -> str:
    """Run yosys commands and return the log.

    Parameters
    ----------
    commands : iterable of str
        Commands, one a line.
    cwd : Path or None
        The folder that file names are relative to.
    temporary : Path or None
        Folder for yosys' temporary files, some of which it never removes: those of libraries, for
        example.
    timeout : float or None
        Seconds of elapsed time.

    Raises
    ------
    YosysError
        If a command fails.
    subprocess.TimeoutExpired
        If yosys has not ended after ``timeout`` seconds.
    """
    status, log = processes.run(
        [sys.executable, "-c", _CHILD],
        stdin="\n".join(commands),
        cwd=cwd,
        env=os.environ | ({} if temporary is None else {"TMPDIR": str(temporary)}),
        timeout=timeout,
    )
    if status != 0:
        raise YosysError(log)
    return log
