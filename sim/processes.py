"""Child processes that end with this one, however it ends, and take what they started along."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

__all__ = ["ProcessGroup", "run"]

# Waits for the end of its input, which comes with the end of the process that started it.
_GUARD = ("/bin/sh", "-c", "read -r end; kill -s KILL 0")


class ProcessGroup:
    """A process group for children, which is killed at the end of the ``with`` block.

    The group's leader is a guard: a shell that waits at a pipe from this process. When this process
    is killed, the pipe closes and the guard kills the group, itself included. Children are members
    before their program begins, and so is whatever they start. Ctrl-C on a terminal reaches this
    process alone.
    """

    def __enter__(self) -> "ProcessGroup":
        self._guard = subprocess.Popen(
            _GUARD,
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        return self

    def __exit__(self, *_) -> None:
        self.kill()
        self._guard.stdin.close()
        self._guard.wait()

    @property
    def leader(self) -> int:
        """The number of the group, which other children of its session may join."""
        return self._guard.pid

    def kill(self) -> None:
        """Kills all processes of the group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._guard.pid, signal.SIGKILL)

    def start(self, command: Sequence[str], **options) -> subprocess.Popen:
        """Starts a child; ``options`` are those of :class:`subprocess.Popen`."""
        return subprocess.Popen(command, process_group=self._guard.pid, **options)

    def run(
        self,
        command: Sequence[str],
        *,
        stdin: str = "",
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        timeout: float | None = None,
    ) -> tuple[int, str]:
        """Runs a child to its end.

        Returns
        -------
        (int, str)
            Exit status, and what it wrote to standard output and standard error.

        Raises
        ------
        OSError
            If it cannot be started.
        subprocess.TimeoutExpired
            If it has not ended after ``timeout`` seconds.
        """
        done = subprocess.run(
            command,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=cwd,
            env=env,
            timeout=timeout,
            process_group=self._guard.pid,
        )
        return done.returncode, done.stdout


def run(command: Sequence[str], **options) -> tuple[int, str]:
    """:meth:`ProcessGroup.run` in a group that ends with the child."""
    with ProcessGroup() as group:
        return group.run(command, **options)
