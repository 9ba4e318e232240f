"""The arguments of the commands; imports nothing that takes time."""

import argparse

from ..flow import targets
from ..lib.errors import Refused

__all__ = ["parser"]


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Refused(f"{message} (see {self.prog} --help)")


def _integer(thing, lowest=None, highest=None):
    """Reads an integer; not an exception of argparse's, which would put its own words first."""
    wanted = "an integer" if lowest is None else f"an integer of at least {lowest}"
    if highest is not None:
        wanted = f"an integer from {lowest} to {highest}"

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


def _integers(thing, lowest, highest):
    """Reads integers that are separated by commas."""
    read = _integer(thing, lowest, highest)
    return lambda text: [read(part) for part in text.split(",")]


def _number(thing, lowest, highest):
    """Reads a number; ``nan`` is none."""

    def read(text):
        try:
            value = float(text)
        except ValueError:
            value = None
        if value is None or not lowest <= value <= highest:
            raise Refused(f"{thing} must be a number from {lowest} to {highest}, not {text!r}")
        return value

    return read


def parser() -> argparse.ArgumentParser:
    """The parser; it sets ``command`` to the module and the function that do the work."""
    top = _Parser(
        prog="brickwork",
        description="Generates RTL for low-bit neural-network accelerators, and checks it.",
        epilog="example:\n  brickwork demo",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action=_Version)
    top.add_argument(
        "--traceback", action="store_true", help="on an error, show where in the program it was"
    )
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    def command(name, function, brief, example):
        new = commands.add_parser(
            name,
            help=brief,
            description=f"{brief[0].upper()}{brief[1:]}.",
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        new.set_defaults(command=function)
        return new

    new = command(
        "list",
        ("emit", "list_designs"),
        "list the designs and their parameters",
        "brickwork list",
    )
    _json(new)

    new = command(
        "emit",
        ("emit", "emit_design"),
        "write a design's Verilog and its manifest",
        "brickwork emit gemm_ws --set rows=16 --set cols=16 --out rtl",
    )
    _design(new)
    _top(new)
    _out(new)
    new.add_argument("--name", metavar="NAME", help="name of the top-level module")
    _json(new)

    new = command(
        "sim",
        ("sim", "regression"),
        "run the regressions of designs in simulation",
        "brickwork sim gemm_os --set rows=4 --set cols=6 --waves",
    )
    _designs(new)
    _top(new)
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
        ("lint", "lint"),
        "check emitted Verilog with Verilator's lint and with yosys",
        "brickwork lint gemm_ws --set rows=4 --set cols=6",
    )
    _designs(new)
    _top(new, None)
    _out(new)

    _add_synth(command)
    _add_build(command)
    _add_run(command)
    _add_host(command)
    _add_pack(command)
    _add_compare(command)
    _add_formats(command)
    _add_sweep(command)

    new = command(
        "prune",
        ("prune", "prune"),
        "set the weights of least magnitude to zero",
        "brickwork prune W.npy --density 0.1 --out P.npy",
    )
    new.add_argument("w", metavar="W.npy", help="numbers, of any shape")
    new.add_argument(
        "--density",
        metavar="D",
        type=_number("Density", 0, 1),
        required=True,
        help="share of the weights that stay, 0 to 1",
    )
    new.add_argument("--out", metavar="P.npy", required=True, help="file for the result")
    _json(new)

    new = command(
        "demo",
        ("demo", "demo"),
        "run a small neural network on the designs, every test image through every layer",
        "brickwork demo --waves",
    )
    _json(new)
    new.add_argument("--waves", action="store_true", help="record waveforms")
    _out(new)

    new = command(
        "bench",
        ("bench", "bench"),
        "measure cycles, emission, simulation and formats, beside other tools in the same run",
        "brickwork bench speed --sizes 8,16",
    )
    new.add_argument(
        "benches",
        metavar="NAME",
        nargs="*",
        help="cycles, emission, simulation, quality, area, bitfusion, mixed, eie, eie_digits, "
        "eie_scaling, eie_area, bus or speed (default: all)",
    )
    new.add_argument(
        "--sizes",
        metavar="R,R,...",
        type=_integers("Size", 1, 1024),
        default=[8, 16, 32, 64],
        help="speed: rows and columns of the arrays (default: 8,16,32,64)",
    )
    new.add_argument(
        "--large",
        action="store_true",
        help="speed: an array of 256 × 256 too; bitfusion: throughput with larger products",
    )
    new.add_argument(
        "--quick", action="store_true", help="eie: layers and engines of a sixteenth of the size"
    )
    new.add_argument(
        "--runs",
        metavar="N",
        type=_integer("Number of runs", 1, 99),
        default=3,
        help="speed: runs of each way, whose median counts (default: 3)",
    )
    new.add_argument(
        "--design",
        metavar="DESIGN",
        default="gemm_ws",
        help="quality: the engine that the digits network runs on (default: gemm_ws)",
    )
    new.add_argument(
        "--liberty",
        metavar="FILE",
        help="area, bitfusion, eie, eie_area: map to the cells of this Liberty file (default: "
        "count gates)",
    )
    new.add_argument(
        "--budget",
        metavar="POINTS",
        type=_number("Budget", 0, 100),
        default=1.0,
        help="mixed: percentage points of accuracy on the training images that narrower numbers "
        "may cost (default: 1.0)",
    )
    _out(new)
    _json(new)

    new = command(
        "report",
        ("report", "report"),
        "show results of sweeps: best configurations, plots and tables",
        "brickwork report out/sweep/small.jsonl --baseline before.jsonl",
    )
    new.description += (
        "\n\nWrites report/index.html below --out, one page that needs no network, with plots,"
        " points.csv\nand report.md beside it."
    )
    new.add_argument(
        "results",
        metavar="RESULTS",
        nargs="+",
        help="files of brickwork sweep; of points that are in several, the last counts",
    )
    new.add_argument(
        "--baseline",
        metavar="RESULTS",
        help="earlier results to compare with; a change of clock counts if it is beyond the spread "
        "of the seeds",
    )
    _out(new)
    _json(new)

    new = command(
        "cache",
        ("cache", "cache"),
        "show what the cache folder holds, or clear it",
        "brickwork cache --clear builds",
    )
    new.description += (
        "\n\nThe folder is $BRICKWORK_CACHE, else $XDG_CACHE_HOME/brickwork, else "
        "~/.cache/brickwork.\nOther processes may use it meanwhile: what they are making is left "
        "alone, and no entry is\never seen half. A build that needs an entry that was just "
        "deleted fails; start it again."
    )
    new.add_argument(
        "--clear",
        metavar="KIND",
        nargs="?",
        const=True,
        help="delete the entries of a kind: builds, runtime, verilog, synthesis, cycles, failed, "
        "or stale, which are leftovers of killed processes (default: all of them)",
    )
    _json(new)

    new = command(
        "doctor", ("emit", "doctor"), "look for the tools that are needed", "brickwork doctor"
    )
    _json(new)
    return top


def _add_synth(command):
    new = command(
        "synth",
        ("synth", "synth"),
        "synthesize a design: its area, the share of each unit, and with --pnr its clock",
        "brickwork synth gemm_ws --set rows=4 --set cols=4 --target ecp5 --pnr",
    )
    _design(new)
    _top(new)
    new.add_argument(
        "--target",
        metavar="TARGET",
        required=True,
        help=f"one of {', '.join(targets.names())}",
    )
    new.add_argument("--liberty", metavar="FILE", help="the library of the target liberty")
    new.add_argument(
        "--pnr", action="store_true", help="place and route with nextpnr, which tells the clock"
    )
    new.add_argument(
        "--device", metavar="NAME", help="the device (default: a large one of the target's)"
    )
    new.add_argument(
        "--seeds",
        metavar="N",
        type=_integer("Number of seeds", 1, 1000),
        help="placements of --pnr, whose median counts (default: 3)",
    )
    _out(new)
    _json(new)


def _add_build(command):
    new = command(
        "build",
        ("build", "build"),
        "put a design onto a board: a bitstream, with the host on a serial line",
        "brickwork build gemm_ws --set rows=4 --set cols=4 --board ulx3s-25f",
    )
    new.description += (
        "\n\nPlaces and routes with nextpnr, with the board's pins, and keeps the placement with "
        "the fastest\nclock, which must be the board's at least. For boards that need Vivado it "
        "writes what makes the\nbitstream there."
    )
    _design(new)
    new.add_argument("--board", metavar="NAME", required=True, help="see: brickwork boards")
    new.add_argument(
        "--baud",
        metavar="N",
        type=_integer("Baud rate", 1),
        help="bits a second on the serial line (default: 1000000)",
    )
    new.add_argument(
        "--seeds",
        metavar="N",
        type=_integer("Number of seeds", 1, 1000),
        default=3,
        help="placements to choose from (default: 3)",
    )
    _out(new)
    _json(new)

    new = command("boards", ("build", "list_boards"), "list the boards", "brickwork boards --json")
    _json(new)


def _add_run(command):
    new = command(
        "run",
        ("run", "run"),
        "multiply matrices on a simulated design, and compare with the golden model",
        "brickwork run gemm_ws --a A.npy --w W.npy --bias B.npy --scale S.npy --mode relu=1",
    )
    _design(new)
    _product(new)
    new.add_argument(
        "--real-out", metavar="Y.npy", help="file for raw results times their scales, float64"
    )
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


def _add_host(command):
    new = command(
        "host",
        ("host", "host"),
        "multiply matrices on a board with a serial line, and compare with the golden model",
        "brickwork host out/gemm_ws_uart-0123456789ab --port /dev/ttyUSB0 --a A.npy --w W.npy",
    )
    new.add_argument(
        "folder", metavar="FOLDER", help="where the design on the board was emitted to"
    )
    new.add_argument("--port", metavar="PORT", required=True, help="the serial port")
    new.add_argument(
        "--baud",
        metavar="N",
        type=_integer("Baud rate", 1),
        help="bits a second (default: those of the design)",
    )
    _product(new)
    _json(new)


def _add_pack(command):
    new = command(
        "pack",
        ("pack", "pack"),
        "write the words of a product to files, for a host of your own",
        "brickwork pack out/gemm_ws_axi-0123456789ab --a A.npy --w W.npy --out job",
    )
    new.description += (
        "\n\nThe folder gets a file with the words of each stream as they lie in memory, "
        "expected.npy, and\njob.json: where the words may lie, how many there are, and the "
        "register writes that begin the\njob, in order."
    )
    new.add_argument("folder", metavar="FOLDER", help="where a top axis or axi was emitted to")
    new.add_argument(
        "--address",
        metavar="N",
        type=_integer("Address", 0),
        default=0,
        help="axi: where in memory the words are to lie (default: 0)",
    )
    _product(new, metavar="DIR", required=True, help="folder for the files")
    _json(new)


def _product(new, **out):
    """Operands, what is done to the sums, and where results go."""
    new.add_argument(
        "--mode",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="clamp_min and clamp_max limit requantized results, after the zero point; relu=1 "
        "takes those below the zero point to it; a_type and w_type choose one of several formats",
    )
    new.add_argument(
        "--a",
        metavar="A.npy",
        required=True,
        help="M × K: codes (of an integer format the integers themselves), floats, which are "
        "quantized, or a file of brickwork quantize",
    )
    new.add_argument("--w", metavar="W.npy", required=True, help="K × N, likewise")
    _add_eie(new)
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
    out = {"metavar": "Y.npy", "help": "file for the results, int64, M × N"} | out
    new.add_argument("--out", **out)


def _add_eie(new):
    """Options of the sparse engine, whose operands are laid out differently."""
    eie = new.add_argument_group(
        "eie",
        "W is outputs × inputs, dense or a sparse matrix that scipy saved (.npz), A one vector of "
        "inputs or a batch of them. Integers are taken as they are; floats become fixed point, "
        "their weights a codebook. Memories that are not set are as large as it takes.",
    )
    eie.add_argument("--relu", action="store_true", help="take results below zero to zero")
    eie.add_argument(
        "--shift",
        metavar="S",
        type=_integer("Shift", 0, 63),
        help="right shift of the sums, rounded half to even (default: the least that saturates "
        "no result)",
    )
    eie.add_argument(
        "--assign",
        metavar="HOW",
        help="rows are given to elements by modulo, or by load (default: modulo)",
    )
    eie.add_argument(
        "--cluster",
        action="store_true",
        help="find a codebook for integers by k-means, as for floats, if they are too many",
    )


def _add_compare(command):
    new = command(
        "compare",
        ("compare", "compare"),
        "compare the designs under one workload, for the same area",
        "brickwork compare bert_base --rows 8 --cols 8",
    )
    new.add_argument(
        "workload",
        metavar="WORKLOAD",
        nargs="?",
        default="resnet18",
        help="a workload's name, or a file .toml with one (default: resnet18)",
    )
    for side in ("rows", "cols"):
        new.add_argument(
            f"--{side}",
            metavar="N",
            type=_integer(f"Number of {side}", 2, 64),
            default=8,
            help=f"{side} of elements (default: 8)",
        )
    new.add_argument(
        "--area",
        metavar="A",
        type=_number("Area", 1, 1e12),
        help="area that there is, in the unit of the table (default: that of the first design)",
    )
    new.add_argument("--liberty", metavar="FILE", help="library of cells to map to, not to gates")
    new.add_argument(
        "--density",
        metavar="D",
        type=_number("Density", 0.001, 1),
        help="share of weights that are not zero on eie (default: 0.1, or what the workload says)",
    )
    new.add_argument(
        "--workers", metavar="N", type=_integer("Number of workers", 1, 1024), help="processes"
    )
    _json(new)


def _add_formats(command):
    new = command(
        "formats",
        ("formats", "list_formats"),
        "list the number formats, or show what each code of one stands for",
        "brickwork formats flint4",
    )
    new.add_argument("name", metavar="NAME", nargs="?", help="show this format's codes")
    _json(new)

    new = command(
        "quantize",
        ("formats", "quantize_file"),
        "quantize an array to a number format",
        "brickwork quantize X.npy --format int4,flint4,pot4 --axis 0 --out Q.npz",
    )
    new.description += (
        "\n\nThe file that is written holds the arrays codes, scale and format. Numbers are the "
        "values of\nthe codes (see: brickwork formats NAME) times the scale. Codes of int<N> and "
        "uint<N> are the\nintegers themselves."
    )
    new.add_argument("x", metavar="X.npy", help="real numbers, of any shape")
    new.add_argument(
        "--format",
        metavar="NAME,...",
        dest="formats",
        required=True,
        help="see: brickwork formats; of several, the one with the least squared error is taken",
    )
    new.add_argument(
        "--axis",
        metavar="N",
        type=_integer("Axis"),
        help="a scale for each index along this axis (default: one for all numbers)",
    )
    new.add_argument(
        "--method",
        metavar="mse|max",
        default="mse",
        help="how scales are found: the least squared error, or the largest magnitude taken to "
        "the format's largest (default: mse)",
    )
    new.add_argument(
        "--pair-axis",
        metavar="N",
        type=_integer("Pair axis"),
        help="ovp formats: the axis along which neighbours are pairs (default: the last)",
    )
    new.add_argument(
        "--both",
        metavar="larger|even",
        help="ovp formats: which of two outliers in a pair stays one, the larger or always the "
        "even element (default: larger)",
    )
    new.add_argument("--out", metavar="FILE", help="file for the result, .npz")
    _json(new)


def _add_sweep(command):
    new = command(
        "sweep",
        ("sweep", "sweep"),
        "measure area, clock and cycles of many designs, targets and workloads",
        "brickwork sweep small --workers 2",
    )
    new.description += (
        "\n\nResults are written to sweep/NAME.jsonl below --out, each point as soon as it is "
        "known.\nA sweep that was stopped in any way goes on with --resume."
    )
    new.add_argument(
        "file", metavar="FILE", nargs="?", help="sweep file (TOML), or a name: see --list"
    )
    new.add_argument("--list", action="store_true", help="list the sweeps that are ready to run")
    new.add_argument(
        "--workers",
        metavar="N",
        type=_integer("Number of workers", 1, 1024),
        help="processes on this machine (default: one for each processor)",
    )
    new.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="tcp://HOST:PORT of a Dask scheduler whose workers are to be used in their place",
    )
    new.add_argument(
        "--resume",
        action="store_true",
        help="go on with the results that are there; points that failed are tried again",
    )
    _out(new)
    _json(new)


def _design(parser):
    parser.add_argument("design", metavar="DESIGN", help="see: brickwork list")
    _settings(parser)


def _designs(parser):
    parser.add_argument("designs", metavar="DESIGN", nargs="*", help="default: all designs")
    _settings(parser)


def _top(parser, default="stream"):
    parser.add_argument(
        "--top",
        metavar="TOP",
        default=default,
        help="stream: the bare core; axis: AXI4-Stream and AXI4-Lite registers; axi: AXI4 to "
        "memory and AXI4-Lite registers; uart: a serial line "
        f"(default: {default or 'all of them'})",
    )
    parser.add_argument(
        "--bus",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="set a parameter of the top: data_width (32 to 512), and of axi address_width, burst "
        "and outstanding; of uart clock_hz and baud",
    )


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
