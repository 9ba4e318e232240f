"""Programs on a terminal."""

import contextlib
import os
import pty
import subprocess

__all__ = ["on_a_terminal"]


def on_a_terminal(command, **environment):
    """The output of a program whose stdout and stderr are a terminal."""
    inherited = {
        name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")
    }
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=inherited | {"TERM": "xterm"} | environment,
    )
    os.close(theirs)
    output = b""
    with contextlib.suppress(OSError):  # the terminal's end
        while piece := os.read(ours, 4096):
            output += piece
    os.close(ours)
    child.wait()
    return output.decode().replace("\r\n", "\n")
