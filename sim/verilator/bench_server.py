"""The Python part of the host of test benches: it forks for each run of a bench.

The start of Python, of cocotb and of numpy takes longer than most runs; a fork takes milliseconds.
It happens before a model is loaded, so that each run is like one of its own. The server reads a run
from each line of standard input: see :class:`~.bench_host.BenchHost`.
"""

import ctypes
import gc
import importlib
import json
import os

__all__ = ["REPLIES", "serve"]

#: The environment variable of the file descriptor for the exit status of each run.
REPLIES = "BRICKWORK_REPLIES"

#: cocotb, and what benches import.
_MODULES = ("cocotb.regression", "cocotb._init", "numpy", "brickwork.sim.lib.bench")


def serve() -> None:
    """Returns in each fork, where cocotb has begun."""
    from pygpi.entry import load_entry

    replies = int(os.environ[REPLIES])
    for module in _MODULES:
        importlib.import_module(module)
    gc.freeze()
    while line := _read_line():
        child = os.fork()
        if child == 0:
            _begin(replies, **json.loads(line))
            load_entry()
            return
        _, status = os.waitpid(child, 0)
        os.write(replies, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _read_line() -> bytes:
    """A line without what follows it, which a buffer would hold for each fork."""
    line = b""
    while (byte := os.read(0, 1)) not in (b"", b"\n"):
        line += byte
    return line


def _begin(
    replies: int, *, group: int, folder: str, log: str, environment: dict, command: list[str]
) -> None:
    os.setpgid(0, group)
    os.write(replies, b"started\n")
    os.close(replies)
    os.chdir(folder)
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(environment)
    arguments = [os.fsencode(word) for word in command]
    array = (ctypes.c_char_p * len(arguments))(*arguments)
    ctypes.CDLL(None).load_model(arguments[0], len(arguments), array)
