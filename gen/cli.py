"""The command line: calls commands, and reports their errors."""

import _thread
import contextlib
import importlib
import os
import sys
import threading
import warnings
from collections.abc import Iterator

from .commands.arguments import parser
from .lib.errors import Failed, Refused

__all__ = ["main"]


def main(argv: list[str] | None = None) -> int:
    """Runs ``brickwork`` with the arguments and returns its exit status.

    0 is success, 1 a check that failed, 2 a mistake in what was given, 130 an interruption.
    """
    argv = sys.argv[1:] if argv is None else argv
    for stream in (sys.stdout, sys.stderr):
        # A file name or × that the terminal cannot show is no reason to fail.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    traceback = False
    try:
        options = parser().parse_args(argv)
        options.argv = argv
        traceback = options.traceback
        # Imported only now: help comes at once, without what commands need.
        module, function = options.command
        with _every_interrupt():
            work = importlib.import_module(f".commands.{module}", __package__)
            status = getattr(work, function)(options)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return _end("interrupted", 130)
    except BrokenPipeError:
        # Whoever read the output has enough; Python would complain about the rest at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        if traceback or (status := _status(error)) is None:
            raise
        return _end(f"error: {_message(error)}", status)


@contextlib.contextmanager
def _every_interrupt() -> Iterator[None]:
    """Sees to it that no interruption is lost.

    Python drops a KeyboardInterrupt that comes up in a finalizer, of which Amaranth has many.
    """
    previous = sys.unraisablehook

    def hook(dropped):
        if issubclass(dropped.exc_type, KeyboardInterrupt):
            threading.Timer(0.01, _thread.interrupt_main).start()
        else:
            previous(dropped)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = previous


def _end(message, status):
    if "amaranth" in sys.modules:
        # What was being made when the error came is not used, and Amaranth would say so.
        from amaranth.hdl import UnusedElaboratable

        warnings.simplefilter("ignore", UnusedElaboratable)
    print(f"brickwork: {message}", file=sys.stderr)
    return status


def _status(error):
    """Exit status for an error that a user can mend; None for any other."""
    if isinstance(error, Failed):
        return 1
    if isinstance(error, Refused | TypeError | ValueError | OSError | MemoryError):
        return 2
    from ..sim.verilator.build import BuildError
    from ..sim.verilator.core import SimulationError
    from ..sim.verilator.toolchain import ToolError
    from .lib.yosys import YosysError

    if isinstance(error, SimulationError):
        return 1
    return 2 if isinstance(error, BuildError | ToolError | YosysError) else None


def _message(error):
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    else:
        text = str(error) or type(error).__name__
    return " ".join(text.split("\n"))
