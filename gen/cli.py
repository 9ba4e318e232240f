"""The command line: its parser, and what every command's errors have in common."""

import argparse
import os
import sys

from .errors import Failed, Refused

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
        options = _parser().parse_args(argv)
        options.argv = argv
        traceback = options.traceback
        status = options.command(options)
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


def _end(message, status):
    print(f"brickwork: {message}", file=sys.stderr)
    return status


def _status(error):
    """Exit status for an error that a user can mend; None for any other."""
    if isinstance(error, Failed):
        return 1
    if isinstance(error, Refused | TypeError | ValueError | OSError | MemoryError):
        return 2
    from ..sim.build import BuildError
    from ..sim.product import SimulationError
    from ..sim.toolchain import ToolError
    from .yosys import YosysError

    if isinstance(error, SimulationError):
        return 1
    return 2 if isinstance(error, BuildError | ToolError | YosysError) else None


def _message(error):
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    else:
        text = str(error) or type(error).__name__
    return " ".join(text.split("\n"))


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Refused(f"{message} (see {self.prog} --help)")


def _integer(thing, lowest=None, highest=None):
    """Reads an integer; not an exception of argparse's, which would put its own words first."""
    wanted = "an integer"
    if highest is not None:
        wanted += f" from {lowest} to {highest}"
    elif lowest is not None:
        wanted = {0: "a non-negative integer", 1: "a positive integer"}[lowest]

    def read(text):
        try:
            value = int(text, 0)
        except ValueError:
            value = None
        below = value is None or (lowest is not None and value < lowest)
        if below or (highest is not None and value > highest):
            raise Refused(f"{thing} must be {wanted}, not {text!r}")
        return value

    return read


def _parser():
    parser = _Parser(
        prog="brickwork",
        description="Generates RTL for low-bit neural-network accelerators, and checks it.",
        epilog="example:\n  brickwork demo",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version)
    parser.add_argument(
        "--traceback", action="store_true", help="on an error, show where in the program it was"
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name, call, brief, example):
        new = commands.add_parser(
            name,
            help=brief,
            description=f"{brief[0].upper()}{brief[1:]}.",
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        new.set_defaults(command=call)
        return new

    new = command("list", _list, "list the designs and their parameters", "brickwork list")
    _json(new)

    new = command(
        "emit",
        _emit,
        "write a design's Verilog and its manifest",
        "brickwork emit gemm_ws --set rows=16 --set cols=16 --out rtl",
    )
    _design(new)
    _out(new)
    new.add_argument("--name", metavar="TOP", help="name of the top-level module")
    _json(new)

    new = command(
        "sim",
        _sim,
        "run the regressions of designs in simulation",
        "brickwork sim gemm_os --set rows=4 --set cols=6 --waves",
    )
    _designs(new)
    _simulation(new)
    new.add_argument(
        "--debug", action="store_true", help="make every signal visible to the testbench; slower"
    )
    _out(new)
    new.add_argument(
        "--xml", metavar="FILE", help="JUnit XML to write (default: sim/results.xml below --out)"
    )

    new = command(
        "lint",
        _lint,
        "check emitted Verilog with Verilator's lint and with yosys",
        "brickwork lint gemm_ws --set rows=4 --set cols=6",
    )
    _designs(new)
    _out(new)

    _add_run(command)

    new = command(
        "demo",
        _demo,
        "run a small neural network on the designs, every test image through every layer",
        "brickwork demo --waves",
    )
    _json(new)
    new.add_argument("--waves", action="store_true", help="record waveforms")
    _out(new)

    new = command("doctor", _doctor, "look for the tools that are needed", "brickwork doctor")
    _json(new)
    return parser


def _add_run(command):
    new = command(
        "run",
        _run,
        "multiply matrices on a simulated design, and compare with the golden model",
        "brickwork run gemm_ws --a A.npy --w W.npy --bias B.npy --scale S.npy --mode relu=1",
    )
    _design(new)
    new.add_argument(
        "--mode",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="clamp_min and clamp_max limit requantized results, after the zero point; relu=1 "
        "takes those below the zero point to it",
    )
    new.add_argument("--a", metavar="A.npy", required=True, help="integers, M × K")
    new.add_argument("--w", metavar="W.npy", required=True, help="integers, K × N")
    new.add_argument("--bias", metavar="B.npy", help="N integers, added to the rows of A·W")
    new.add_argument(
        "--scale",
        metavar="S.npy",
        help="one float or N, to requantize with: round half to even of (A·W + bias) · scale; "
        "with --set output=shift, powers of two",
    )
    new.add_argument(
        "--zero-point",
        metavar="Z",
        type=_integer("Zero point"),
        help="added to requantized results (default: 0)",
    )
    new.add_argument(
        "--a-zero-point",
        metavar="ZA",
        type=_integer("Activation zero point"),
        help="take (A - ZA) for A; the host folds -ZA · (sums of W's columns) into the bias",
    )
    new.add_argument("--out", metavar="Y.npy", help="file for the results, int64, M × N")
    _simulation(new)
    for side, what in (("in", "operands"), ("out", "results")):
        new.add_argument(
            f"--stall-{side}",
            metavar="PCT",
            type=_integer(f"Share of stalls of {what}", 0, 99),
            default=0,
            help=f"percentage of cycles in which the host holds back {what} (default: 0)",
        )
    new.add_argument(
        "--max-cycles",
        metavar="N",
        type=_integer("Most cycles", 1),
        default=0,
        help="give up after N cycles (default: several times as many as it should take)",
    )
    new.add_argument(
        "--workdir", metavar="DIR", default="out", help="folder for artefacts (default: out)"
    )
    _json(new)


def _design(parser):
    parser.add_argument("design", metavar="DESIGN", help="see: brickwork list")
    _settings(parser)


def _designs(parser):
    parser.add_argument("designs", metavar="DESIGN", nargs="*", help="default: all designs")
    _settings(parser)


def _settings(parser):
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        dest="settings",
        action="append",
        default=[],
        help="set a parameter of the design; may be repeated",
    )


def _simulation(parser):
    parser.add_argument("--waves", action="store_true", help="record waveforms")
    parser.add_argument(
        "--seed",
        metavar="N",
        type=_integer("Seed", 0, (1 << 32) - 1),
        default=1,
        help="seed of everything random in the simulation (default: 1)",
    )


def _out(parser):
    parser.add_argument(
        "--out", metavar="DIR", default="out", help="folder for artefacts (default: out)"
    )


def _json(parser):
    parser.add_argument("--json", action="store_true", help="print JSON")


class _Version(argparse.Action):
    def __init__(self, option_strings, dest):
        super().__init__(option_strings, dest, nargs=0, help="show the version")

    def __call__(self, parser, *_):
        import importlib.metadata

        print("brickwork", importlib.metadata.version("brickwork"))
        parser.exit()


# Each command is imported when it is called: help comes at once, without what commands need.


def _list(options):
    from . import commands

    return commands.list_designs(options)


def _emit(options):
    from . import commands

    return commands.emit_design(options)


def _doctor(options):
    from . import commands

    return commands.doctor(options)


def _sim(options):
    from . import regression

    return regression.regression(options)


def _lint(options):
    from . import lint

    return lint.lint(options)


def _run(options):
    from . import run

    return run.run(options)


def _demo(options):
    from . import demo

    return demo.demo(options)
