"""A simulated core on a serial line, in place of a board."""

import contextlib
import struct
import subprocess
from pathlib import Path

from ..golden.formats import check_integer
from ..manifest import Manifest
from ..processes import ProcessGroup
from ..verilator import build as _build
from ..verilator.core import SimulationError

__all__ = ["Board"]


class Board:
    """A serial port for :class:`Link`, connected to the pins of a compiled simulation.

    Simulated time passes only while :meth:`read` waits and in :meth:`send_break`, so that results
    and cycles are the same in every run. Use it as a context manager, or :meth:`close` it.

    Parameters
    ----------
    manifest : Path
        Manifest of a core in the bus wrapper ``uart``.
    rate : float
        Ratio of the host's baud rate to the core's.
    pause : int
        Percentage of bytes after which the host pauses.
    seed : int
        Seed of the pauses.
    timeout : int
        Bit times that :meth:`read` waits for a byte after the last one was sent.

    Attributes
    ----------
    cycles : int
        Clock cycles so far.
    broken : int
        Frames from the core without a stop bit so far.
    led : bool
    build : Build

    Raises
    ------
    ToolError, ValueError, BuildError
        As :func:`build` does; also if the design has no serial line, or a number is out of range.
    """

    def __init__(self, manifest: Path, *, rate=1.0, pause=0, seed=1, timeout=20_000):
        description = Manifest.read(manifest)
        bus = description.bus
        if description.wrapper != "uart":
            raise ValueError(f"Design {description.top} must have a serial line, --top uart")
        if not rate > 0:
            raise ValueError(f"Ratio of baud rates must be positive, not {rate!r}")
        if not 0 <= check_integer(pause, "Pause percentage") <= 100:
            raise ValueError(f"Pause percentage must be from 0 to 100, not {pause}")
        self.build = _build.build(manifest)
        self.cycles = self.broken = 0
        self.led = False
        self._timeout = timeout
        self._received = bytearray()
        bit = bus["clock_hz"] / (bus["baud"] * rate)
        arguments = [f"bit={bit}", f"pause={pause}", f"seed={seed}"]
        self._group = contextlib.ExitStack()
        self._child = self._group.enter_context(ProcessGroup()).start(
            [str(self.build.binary), "--drive", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        """End the simulation."""
        self._group.close()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout, self._child.stderr):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    @property
    def in_waiting(self) -> int:
        """Bytes that :meth:`read` gives without waiting."""
        return len(self._received)

    def write(self, data: bytes) -> int:
        """Queue bytes, which are sent as simulated time passes."""
        self._ask("w", len(data), data)
        return len(data)

    def read(self, size: int = 1) -> bytes:
        """Up to ``size`` bytes; waits for the first one, and returns no byte after the timeout."""
        if not self._received:
            self._ask("r", self._timeout)
        data = bytes(self._received[:size])
        del self._received[:size]
        return data

    def send_break(self, duration: float = 0.0) -> None:
        """Drop queued bytes, and hold the line low for four frames, whatever the duration."""
        self._ask("b", 40)

    def reset_input_buffer(self) -> None:
        """Drop received bytes."""
        self._received.clear()

    def _ask(self, command: str, number: int, data: bytes = b"") -> None:
        try:
            self._child.stdin.write(command.encode() + struct.pack("<I", number) + data)
            self._child.stdin.flush()
        except BrokenPipeError:
            self._ended()
        self.cycles, self.broken, led, count = struct.unpack("<QIII", self._get(20))
        self.led = bool(led)
        self._received += self._get(count)

    def _get(self, size: int) -> bytes:
        data = self._child.stdout.read(size)
        if len(data) < size:
            self._ended()
        return data

    def _ended(self):
        lines = self._child.stderr.read().decode(errors="replace").strip().splitlines()
        raise SimulationError(f"Simulation failed: {lines[-1] if lines else 'it ended'}")
