"""The command line: its parser, and the report of errors in one line."""

import _thread
import argparse
import contextlib
import importlib
import os
import sys
import threading
import warnings
from collections.abc import Iterator

from .commands import COMMANDS
from .lib.errors import CheckFailed, UsageError
from .lib.progress import show_progress

__all__ = ["main"]


def main(argv: list[str] | None = None) -> int:
    """Runs ``brickwork`` with the arguments and returns its exit status.

    0 is success, 1 a failed check, 2 an error in the arguments or in the files that they name, 130
    an interruption.
    """
    argv = sys.argv[1:] if argv is None else argv
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show × or the characters of a file name must not fail a command.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    traceback = False
    try:
        options = _parser(argv).parse_args(argv)
        options.argv = argv
        traceback = options.traceback
        with _every_interrupt(), show_progress():
            status = options.main(options)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return _end("interrupted", 130)
    except BrokenPipeError:
        # The reader has closed the pipe; Python would complain about buffered output at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        if traceback or (status := _status(error)) is None:
            raise
        return _end(f"error: {_message(error)}", status)


def _parser(argv):
    """The parser for these arguments, with the command that they name, or else with all."""
    top = _Parser(
        prog="brickwork",
        description="Generates RTL for low-bit neural-network accelerators, and checks it.",
        epilog="example:\n  brickwork demo",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action=_Version)
    top.add_argument("--traceback", action="store_true", help="on an error, print the traceback")
    subparsers = top.add_subparsers(metavar="COMMAND", required=True)
    first = next((argument for argument in argv if argument != "--traceback"), None)
    for name in [first] if first in COMMANDS else COMMANDS:
        command = importlib.import_module(f".commands.{name}", __package__)
        parser = subparsers.add_parser(
            name,
            help=command.SUMMARY,
            description=f"{command.SUMMARY[0].upper()}{command.SUMMARY[1:]}.",
            epilog=f"example:\n  {command.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.arguments(parser)
        parser.set_defaults(main=command.main)
    return top


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UsageError(f"{message} (see {self.prog} --help)")


class _Version(argparse.Action):
    def __init__(self, option_strings, dest):
        super().__init__(option_strings, dest, nargs=0, help="show the version")

    def __call__(self, parser, *_):
        import importlib.metadata

        print("brickwork", importlib.metadata.version("brickwork"))
        parser.exit()


@contextlib.contextmanager
def _every_interrupt() -> Iterator[None]:
    """Raises an interruption again that Python drops.

    Python drops a KeyboardInterrupt within a finalizer, and Amaranth has many finalizers.
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
        # Amaranth would warn that the components of an unfinished design are not used.
        from amaranth.hdl import UnusedElaboratable

        warnings.simplefilter("ignore", UnusedElaboratable)
    print(f"brickwork: {message}", file=sys.stderr)
    return status


def _status(error):
    """Exit status of an error that a user can correct; None for an error in the program."""
    if isinstance(error, CheckFailed):
        return 1
    if isinstance(error, UsageError | TypeError | ValueError | OSError | MemoryError):
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
