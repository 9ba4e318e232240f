"""One process for runs of many test benches, which forks for each of them."""

import atexit
import contextlib
import json
import os
import select
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..processes import ProcessGroup
from .bench_server import REPLIES

__all__ = ["BenchHost", "running_host"]

#: Variables of the environment that are read before a fork, by C++ or in modules of cocotb.
_VARIABLES = (
    *("GPI_USERS", "GPI_LOG_LEVEL", "PYGPI_PYTHON_BIN", "PYTHONPATH", "OPENBLAS_NUM_THREADS"),
    *("COCOTB_ATTACH", "COCOTB_PDB_ON_EXCEPTION", "COCOTB_SCHEDULER_DEBUG"),
)


class BenchHost:
    """A simulator without a model, with cocotb imported.

    Parameters
    ----------
    program : Path
        See :func:`.runtime.bench_host`.
    environment : dict
        That of a run.
    """

    def __init__(self, program: Path, environment: Mapping[str, str]):
        self._lock = threading.Lock()
        self._stack = contextlib.ExitStack()
        log = tempfile.TemporaryFile()  # noqa: SIM115
        self._log = self._stack.enter_context(log)
        group = self._stack.enter_context(ProcessGroup())
        replies, out = os.pipe()
        server = f"{__package__}.bench_server:serve"
        self._process = group.start(
            [str(program)],
            cwd="/",
            env={**environment, "PYGPI_USERS": server, REPLIES: str(out)},
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            pass_fds=[out],
        )
        os.close(out)
        self._replies = os.fdopen(replies)

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        """Ends the process."""
        self._stack.close()
        self._process.stdin.close()
        self._replies.close()
        self._process.wait()

    def run(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        log: Path,
        environment: Mapping[str, str],
        timeout_s: float | None,
    ) -> int | None:
        """Run a bench on the model of a shared object, in a working folder.

        Parameters
        ----------
        command : sequence of str
            The shared object, and arguments of the simulator.
        folder, log : Path
            The folder to run in, and the file for the output.
        environment : dict
        timeout_s : float or None
            Seconds of elapsed time after which the run is killed.

        Returns
        -------
        int or None
            Exit status, or None after a time-out.
        """
        request = dict(
            folder=str(folder), log=str(log), environment=dict(environment), command=list(command)
        )
        # Also after a normal end the group is killed: a bench may have started further processes.
        with self._lock, ProcessGroup() as group:
            line = json.dumps(request | {"group": group.leader}).encode() + b"\n"
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(line)
                self._process.stdin.flush()
            if not self._replies.readline():
                return self._ended(log)
            in_time, _, _ = select.select([self._replies], [], [], timeout_s)
            if not in_time:
                group.kill()
            reply = self._replies.readline()
        return int(reply) if in_time else None

    def _ended(self, log: Path) -> int:
        """The exit status of a host that has ended; its output goes to the log of the run."""
        status = self._process.wait()
        self._log.seek(0)
        with log.open("ab") as file:
            file.write(self._log.read())
        return status


_hosts: dict[tuple, BenchHost] = {}


def running_host(program: Path, environment: Mapping[str, str]) -> BenchHost:
    """The host that this process runs, started on first use and for another environment."""
    key = (os.getpid(), program, *(environment.get(name) for name in _VARIABLES))
    if key not in _hosts or not _hosts[key].runs:
        _close()
        _hosts[key] = BenchHost(program, environment)
    return _hosts[key]


@atexit.register
def _close() -> None:
    for key, host in _hosts.items():
        if key[0] == os.getpid():
            host.close()
    _hosts.clear()
