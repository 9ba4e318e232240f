"""Yosys in a process of its own."""

import os
import subprocess
import sys

__all__ = ["YosysError", "run"]

# An error in yosys ends the process that it runs in, without an exception.
_CHILD = """
import sys
from pyosys import libyosys as yosys
design = yosys.Design()
for line in sys.stdin.read().splitlines():
    yosys.run_pass(line, design)
"""


class YosysError(Exception):
    """Yosys refused a design; the message is the last line of its log."""

    def __init__(self, log):
        lines = [line for line in log.splitlines() if line.strip()]
        super().__init__(lines[-1] if lines else "yosys ended without a word")
        self.log = log


def run(commands, *, cwd=None, temporary=None):
    """Run the yosys commands, in the folder ``cwd``, and return what yosys printed.

    ``temporary`` is a folder for files of its own; it never removes some, what it made of libraries
    for example.

    Raises
    ------
    YosysError
        If one of them fails.
    """
    child = subprocess.run(
        [sys.executable, "-c", _CHILD],
        input="\n".join(commands),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd,
        env=os.environ | ({} if temporary is None else {"TMPDIR": str(temporary)}),
    )
    if child.returncode != 0:
        raise YosysError(child.stdout)
    return child.stdout
