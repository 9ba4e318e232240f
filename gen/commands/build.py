"""``brickwork build``: a design on a board, as a bitstream or as a script for Vivado."""

import importlib.metadata
import shlex

from ..flow import boards, targets
from ..lib.errors import UsageError
from ..lib.files import check_folder, write_whole
from ..lib.messages import print_json, to_json
from ..lib.progress import progress
from ..lib.tables import table, utilization_rows
from . import completion
from .arguments import (
    add_clock,
    add_design,
    add_json,
    add_out,
    add_seeds,
    default_from,
    integer,
)
from .boards import record

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "put a design onto a board: a bitstream, with the host on a serial line"
EXAMPLE = "brickwork build gemm_ws --set rows=4 --set cols=4 --board ulx3s-25f"


def arguments(parser):
    parser.description += (
        "\n\nPlaces and routes with nextpnr for the board's pins, and keeps the placement with the "
        "fastest\nclock, which must reach the board's. For boards that need Vivado it writes the "
        "Verilog, the\nconstraints and the script that makes the bitstream there."
    )
    add_design(parser)
    board = parser.add_argument(
        "--board", metavar="NAME", required=True, help="see: brickwork boards"
    )
    default_from(board, "board").completer = completion.boards
    baud = parser.add_argument(
        "--baud",
        metavar="N",
        type=integer("Baud rate", 1),
        help="bits a second on the serial line (default: 1000000)",
    )
    default_from(baud, "baud")
    add_clock(
        parser,
        "clock to constrain to and to reach in MHz, at least the board's (default: the board's)",
    )
    add_seeds(parser, "placements, of which the fastest is kept (default: 3)", default=3)
    add_out(parser)
    add_json(parser)


def main(options) -> int:
    from ..designs import registry
    from ..designs.wrappers import Uart
    from ..emission.emit import emit
    from ..flow.bitstream import check_tools
    from ..flow.board_constraints import board_constraints

    core = registry.parameters_from_text(options.design, options.settings)
    board = boards.load(options.board)
    baud = {} if options.baud is None else {"baud": options.baud}
    clock = options.clock or board.clock_mhz
    if clock < board.clock_mhz:
        raise UsageError(
            f"Clock must be at least that of {board.name}, {board.clock_mhz:g} MHz, not "
            f"{clock:g} MHz"
        )
    wrapper = Uart(core=core, clock_hz=board.clock_hz, **baud)
    check_tools(board)
    emission = emit(wrapper, check_folder(options.out))
    results, bitstream_files = _implement(emission, wrapper, board, options.seeds, clock)
    report = {
        "design": wrapper.design(),
        "digest": emission.digest,
        "parameters": core.as_dict(),
        "board": record(board),
        "baud": wrapper.baud,
        "needed_mhz": clock,
    } | results
    text = "\n\n".join(_sections(report, board)) + "\n"
    name = emission.verilog.stem
    constraints = board_constraints(board, clock)
    files = {f"{name}.{suffix}": content for suffix, content in constraints.items()}
    files |= bitstream_files
    files |= {"report.txt": text, "report.json": to_json(report)}
    folder = emission.folder / board.name
    for file, content in files.items():
        write_whole(folder / file, content)
    report |= {
        "manifest": str(emission.manifest),
        "files": [str(folder / file) for file in files],
        **_instructions(emission, board, folder / next(iter(bitstream_files))),
    }
    if options.json:
        print_json(report)
    else:
        _show(text, emission, report)
    return 0


def _implement(emission, wrapper, board, seeds, clock):
    """Results for the report, and the file of the bitstream, or of the script that makes it."""
    from ..flow.bitstream import TooLarge, bitstream

    name = emission.verilog.stem
    try:
        if targets.load(board.target).place is None:
            return _for_vivado(emission, board, name, clock)
        results = bitstream(emission.manifest, board, seeds, clock)
    except TooLarge as error:
        raise ValueError(_too_large(wrapper, board, error)) from None
    return results, {f"{name}.{results.pop('suffix')}": results.pop("bitstream")}


def _too_large(wrapper, board, error):
    from ..flow.fit import smaller

    amounts = " and ".join(
        f"{needed:,} of {available:,} {resource}" for resource, needed, available in error.short
    )
    with progress(total=1, label=f"looking for a size that fits {board.name}"):
        settings = smaller(wrapper, board, error.limits)
    if settings is None:
        remedy = "no smaller one does, choose another board"
    else:
        options = " ".join(f"--set {name}={value}" for name, value in settings.items())
        remedy = f"it should fit with {options}"
    return (
        f"Design {wrapper.module} must fit {board.name} ({board.part}), not take {amounts}; "
        f"{remedy}"
    )


def _for_vivado(emission, board, name, clock):
    """The counts of yosys, and the script that makes the bitstream in Vivado."""
    from ..flow.bitstream import TooLarge, counts, shortage

    with progress(total=1, label=f"synthesizing for {board.name}"):
        used = counts(emission.manifest, board)
    if short := shortage(used, board.available):
        raise TooLarge(short, board.available)
    utilization = {
        resource: {"used": used[resource], "available": available}
        for resource, available in board.available.items()
    }
    tools = {"pyosys": importlib.metadata.version("pyosys")}
    return {"utilization": utilization, "tools": tools}, {
        f"{name}.tcl": _script(board, name, clock)
    }


def _script(board, name, clock):
    return f"""\
# Makes {name}.bit for {board.name} beside this file: vivado -mode batch -source {name}.tcl
cd [file dirname [file normalize [info script]]]
read_verilog ../{name}.v
read_xdc {name}.xdc
synth_design -top {name} -part {board.part}
opt_design
place_design
phys_opt_design
route_design
report_utilization -file utilization.rpt
report_timing_summary -file timing.rpt
set slack [get_property SLACK [get_timing_paths]]
if {{$slack < 0}} {{
  error "Clock of {clock:g} MHz is missed by $slack ns: see timing.rpt"
}}
write_bitstream -force {name}.bit
"""


def _sections(report, board):
    """The sections of the report as text."""
    yield (
        f"{report['design']} {report['digest']} on {board.name}: {board.description}\n"
        f"{board.part}, clock of {board.clock_mhz:g} MHz, serial line of {report['baud']:,} baud"
    )
    if "runs" in report:
        runs = [
            {
                "seed": run["seed"],
                "MHz": run["fmax_mhz"],
                **{key: run["critical_path"][key] for key in ("source", "sink", "ns")},
            }
            for run in report["runs"]
        ]
        yield (
            f"Clock: {report['fmax_mhz']} MHz with seed {report['seed']}, "
            f"{report['needed_mhz']:g} MHz needed\n{table(runs)}"
        )
    yield table(utilization_rows(report["utilization"]))
    yield "Tools: " + ", ".join(f"{tool} {version}" for tool, version in report["tools"].items())


def _instructions(emission, board, path):
    """Command lines that make, load and use the bitstream; ``path`` is it, or Vivado's script."""
    name = shlex.quote(str(path))
    bitstream, vivado = name, None
    if path.suffix == ".tcl":
        bitstream = shlex.quote(str(path.with_suffix(".bit")))
        vivado = f"vivado -mode batch -source {name}"
    folder = shlex.quote(str(emission.folder))
    return {
        "vivado": vivado,
        "load": board.load.format(file=bitstream),
        "use": f"brickwork host {folder} --port PORT --a A.npy --w W.npy",
    }


def _show(text, emission, report):
    print(text)
    for path in (emission.verilog, emission.manifest, *report["files"]):
        print(path)
    if report["vivado"]:
        print(f"\nThe bitstream needs Vivado: {report['vivado']}")
    print(f"\nLoad it: {report['load']}\nUse it: {report['use']}")
