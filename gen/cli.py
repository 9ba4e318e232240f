"""The command line: its parser, and the report of errors in one line."""

import _thread
import argparse
import contextlib
import errno
import importlib
import itertools
import os
import sys
import threading
import warnings
from collections.abc import Iterator

from .commands import COMMANDS
from .commands.arguments import path
from .designs._plugins import add_plugin, load_named
from .lib import colour
from .lib.errors import CheckFailed, UsageError
from .lib.messages import closest
from .lib.progress import show_progress

__all__ = ["CONFIG_FILE", "main"]

#: The file in the current folder with the user's defaults of all commands.
CONFIG_FILE = "brickwork.toml"

#: Errors of a medium that takes no more bytes.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def main(argv: list[str] | None = None) -> int:
    """Runs ``brickwork`` with the arguments and returns its exit status.

    0 is success, 1 a failed check, 2 an error in the arguments or in the files that they name, 130
    an interruption.
    """
    argv = sys.argv[1:] if argv is None else argv
    _open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show × or the characters of a file name must not fail a command.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    traceback = "--traceback" in argv
    try:
        if "_ARGCOMPLETE" in os.environ:
            from .commands.completion import complete

            complete(lambda words: _parser(load_named(words)[0]))
        with _output_written():
            options = _options(argv)
            traceback = options.traceback
            shown = contextlib.nullcontext() if options.quiet else show_progress()
            with _every_interrupt(), shown:
                return options.main(options)
    except KeyboardInterrupt:
        return _end("interrupted", 130)
    except BrokenPipeError:
        _discard(sys.stdout)
        return 141
    except Exception as error:
        if traceback or (status := _status(error)) is None:
            raise
        label = colour.red("error:", sys.stderr)
        return _end(f"{label} {_message(error)}", status)


def _open_missing_streams():
    """Opens standard streams that are closed, so that no other file gets their descriptors."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115
            setattr(sys, name, stream)


@contextlib.contextmanager
def _output_written() -> Iterator[None]:
    """Flushes standard output at the end, also where the parser exits after a help text."""
    try:
        yield
    except OSError as error:
        # More than fills the buffer is written at once. Errors of files come with their names.
        if error.errno not in _FULL or error.filename:
            raise
        raise _unwritten(error) from None
    finally:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _unwritten(error) from None


def _unwritten(error):
    _discard(sys.stdout)
    return OSError(f"Standard output cannot be written: {error.strerror}")


def _discard(stream):
    """Sends buffered output nowhere; Python would try to write it once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _options(argv):
    """The options that the arguments and the configuration file stand for."""
    argv, files = load_named(argv)
    plugins = [word for file in files for word in ("--plugin", file)]
    own, rest = _split(argv)
    wants_help = own.help or not {"-h", "--help"}.isdisjoint(rest)
    defaults = None if wants_help else _defaults(own)
    options = _parser(argv, defaults).parse_args(argv)
    # What a message that tells a command line has in front of the command.
    options.own = [*plugins, *argv[: len(argv) - len(rest)]]
    options.argv = [*options.own, *rest]
    if defaults is not None and (applied := defaults.apply(options)).keys:
        # The same without the file.
        options.own = [*plugins, "--no-config"]
        options.argv = [*options.own, rest[0], *applied.positional, *rest[1:], *applied.options]
        print(
            f"brickwork: defaults from {defaults.path}: {', '.join(applied.keys)}", file=sys.stderr
        )
    return options


def _split(argv):
    """The options of ``brickwork`` itself, and the arguments from the command's name on."""
    parser = _Parser(prog="brickwork", add_help=False, allow_abbrev=False)
    parser.add_argument("-h", "--help", "--version", action="store_true")
    _add_own_options(parser)
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    own = parser.parse_args(argv)
    return own, own.rest


def _defaults(own):
    """The defaults of the configuration file; ``None`` without a file."""
    if own.no_config or not (own.config or os.path.lexists(CONFIG_FILE)):
        return None
    from .commands.defaults import read

    return read(own.config or CONFIG_FILE)


def _parser(argv, defaults=None):
    """The parser for these arguments: with their command, or with all but without arguments."""
    top = _Parser(
        prog="brickwork",
        description="Generates RTL for low-bit neural-network accelerators, and checks it.",
        epilog="example:\n  brickwork demo",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action=_Version)
    _add_own_options(top)
    subparsers = top.add_subparsers(metavar="COMMAND", required=True, parser_class=_CommandParser)
    _, rest = _split(argv)
    named = rest[:1] if rest and rest[0] in COMMANDS else []
    for name in named or COMMANDS:
        command = importlib.import_module(f".commands.{name}", __package__)
        parser = subparsers.add_parser(
            name,
            help=command.SUMMARY,
            description=f"{command.SUMMARY[0].upper()}{command.SUMMARY[1:]}.",
            epilog=f"example:\n  {command.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if named:
            command.arguments(parser)
            add_plugin(parser)
            parser.add_argument("--quiet", action="store_true", help="show no progress on stderr")
            parser.set_defaults(main=command.main)
            if defaults is not None:
                defaults.prepare(parser)
    return top


def _add_own_options(parser):
    """The options in front of a command's name."""
    parser.add_argument("--traceback", action="store_true", help="on an error, print the traceback")
    parser.add_argument(
        "--config",
        metavar="FILE",
        type=path("Configuration file"),
        help=f"file with defaults of the commands (default: {CONFIG_FILE} in the current folder, "
        "if there is one)",
    )
    parser.add_argument("--no-config", action="store_true", help="read no file with defaults")
    add_plugin(parser)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, with the closest name where a name is wrong."""

    def error(self, message):
        raise UsageError(f"{message} (see {self.prog} --help)")

    def parse_args(self, args=None, namespace=None):
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.error(
                f"unrecognized arguments: {' '.join(unknown)}; options of a command follow its name"
            )
        return options

    def _check_value(self, action, value):
        if action.choices is not None and value not in action.choices:
            name = f"Option {action.option_strings[0]}" if action.option_strings else "Command"
            self.error(
                f"{name} must be one of {', '.join(action.choices)}, not {value!r}"
                f"{closest(value, action.choices)}"
            )


class _CommandParser(_Parser):
    """The parser of a command, whose unknown options are errors of its own."""

    def parse_known_args(self, args=None, namespace=None):
        # Before a complaint about a missing option, which may be the mistyped one.
        for argument in itertools.takewhile(lambda argument: argument != "--", args):
            name = argument.partition("=")[0]
            if name.startswith("--") and name not in self._option_string_actions:
                self._refuse([name])
        options, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self._refuse(unknown)
        return options, unknown

    def _refuse(self, arguments):
        hint = closest(arguments[0], self._option_string_actions)
        self.error(f"unrecognized arguments: {' '.join(arguments)}{hint}")


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
    try:
        print(f"brickwork: {message}", file=sys.stderr, flush=True)
    except OSError:  # the status still tells
        _discard(sys.stderr)
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
