"""Runs of one test bench on many variants of a design: the simulator forks once for each of them.

cocotb imports this module in front of the bench. The start of a simulation, Python and its imports
included, takes longer than most runs; a fork takes milliseconds. It happens before time 0, so that
each run is like one of its own: it has its own working folder, where the design reads its variant,
its own log and results, and ends by itself or after a time-out.

The server reads a variant from each line of standard input, and answers on the file descriptor of
``BRICKWORK_REPLIES`` with the run's exit status, or ``timeout``.
"""

import atexit
import importlib
import os
import signal
import sys
import time
from pathlib import Path

__all__: list[str] = []

_POLL_SECONDS = 0.005


def _serve() -> None:
    """Returns in each fork, where the simulation goes on."""
    replies = int(os.environ["BRICKWORK_REPLIES"])
    for module in os.environ["COCOTB_TEST_MODULES"].split(",")[1:]:
        importlib.import_module(module)
    sys.stdout.flush()
    while line := _read_line(0):
        folder, limit = line.rsplit(" ", 1)
        child = os.fork()
        if child == 0:
            os.close(replies)
            _begin(Path(folder))
            return
        os.write(replies, f"{_end(child, float(limit))}\n".encode())
    os._exit(0)


def _read_line(descriptor: int) -> str:
    """A line without what follows it, which a buffer would hold for each fork."""
    line = b""
    while (byte := os.read(descriptor, 1)) not in (b"", b"\n"):
        line += byte
    return line.decode()


def _begin(folder: Path) -> None:
    os.chdir(folder)
    log = os.open("sim.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    # Python ends after the results are written. The rest of an orderly end would wait for threads
    # of Verilator, which a fork does not have.
    atexit.register(os._exit, 0)


def _end(child: int, limit: float) -> str:
    """Waits for a run; kills it after ``limit`` seconds."""
    deadline = time.monotonic() + limit
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return str(os.waitstatus_to_exitcode(status))
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "timeout"
        time.sleep(_POLL_SECONDS)


_serve()
