"""Many runs of one bench on variants of a design, each a fork of one simulator."""

import os
import subprocess
from pathlib import Path

from ..manifest import Manifest
from ..processes import ProcessGroup
from .build import Build
from .simulate import environment, failure, random_bits, read_results

__all__ = ["Forks"]

#: A bench ends at its first failure.
_FIRST_FAILURE = {"COCOTB_MAX_FAILURES": "1"}
#: Threads do not survive a fork.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class Forks:
    """A simulator that stands before time 0, with the bench imported, in a ``with`` block.

    Registers and memories without an initial value begin with random bits.

    Parameters
    ----------
    build : Build
    design : Manifest
    module : str
        The bench as it is imported.
    folder : Path
        Gets the log of the server.
    seed : int
        Seed of the bench, and of the bits at power-up.
    """

    def __init__(self, build: Build, design: Manifest, module: str, folder: Path, seed: int = 1):
        self._command = [str(build.binary), *random_bits(seed)]
        env = environment(design, f"{__package__}.fork_server,{module}", "results.xml", None, seed)
        self._env = env | _FIRST_FAILURE | _ONE_THREAD
        self._folder = folder
        self._group = ProcessGroup()

    def __enter__(self) -> "Forks":
        self._group.__enter__()
        replies, out = os.pipe()
        with (self._folder / "server.log").open("wb") as log:
            self._server = self._group.start(
                self._command,
                cwd=self._folder,
                env=self._env | {"BRICKWORK_REPLIES": str(out)},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[out],
            )
        os.close(out)
        self._replies = os.fdopen(replies)
        return self

    def __exit__(self, *exception) -> None:
        self._group.__exit__(*exception)
        self._server.stdin.close()
        self._replies.close()
        self._server.wait()

    def run(self, folder: Path, timeout_s: float) -> tuple[str, bool]:
        """Run the bench in a working folder, which has the files that choose the variant.

        Returns
        -------
        (str, bool)
            Why the run failed, in one line, empty if it passed; and whether it was stopped after
            ``timeout_s`` seconds.

        Raises
        ------
        RuntimeError
            If the simulator has ended; the message is the end of its log.
        """
        try:
            self._server.stdin.write(f"{folder} {timeout_s}\n".encode())
            self._server.stdin.flush()
            reply = self._replies.readline().strip()
        except BrokenPipeError:
            reply = ""
        if not reply:
            log = (self._folder / "server.log").read_text(errors="replace")
            raise RuntimeError(f"The simulator ended: {log[-2000:]}")
        stopped = reply == "timeout"
        tests = read_results(folder / "results.xml")
        status = None if stopped else int(reply)
        return failure(status, tests, timeout_s, folder / "sim.log"), stopped
