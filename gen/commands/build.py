"""``brickwork build``: a design on a board, as a bitstream, or ready for Vivado."""

import importlib.metadata
import json
import shlex

from ..designs import registry
from ..designs.wrappers import Uart
from ..emission.emit import emit, write_whole
from ..flow import boards, targets
from ..flow.bitstream import TooLarge, bitstream, check_tools, counts, shortage
from ..flow.board_constraints import board_constraints
from ..flow.fit import smaller
from ..lib.files import check_folder
from ..lib.progress import progress
from .bench import table

__all__ = ["build", "list_boards"]


def list_boards(options) -> int:
    found = [boards.load(name) for name in boards.names()]
    if options.json:
        print(json.dumps([_board_facts(board) for board in found], indent=2))
    else:
        for board in found:
            clock = f"{board.clock_mhz:g} MHz"
            print(board.name, board.part, clock, board.description, sep="\t")
    return 0


def _board_facts(board):
    return {
        "name": board.name,
        "description": board.description,
        "target": board.target,
        "part": board.part,
        "clock_hz": board.clock_hz,
        "pins": {port: pin.site for port, pin in board.pins.items()},
        "available": board.available,
        "bitstream": targets.load(board.target).place is not None,
        "load": board.load,
    }


def build(options) -> int:
    core = registry.parameters_from_text(options.design, options.settings)
    board = boards.load(options.board)
    line = {} if options.baud is None else {"baud": options.baud}
    top = Uart(core=core, clock_hz=board.clock_hz, **line)
    check_tools(board)
    emission = emit(top, check_folder(options.out))
    folder = emission.folder / board.name
    facts = {
        "design": top.design(),
        "digest": emission.digest,
        "parameters": core.as_dict(),
        "board": _board_facts(board),
        "baud": top.baud,
    }
    name = emission.verilog.stem
    files = {f"{name}.{kind}": text for kind, text in board_constraints(board).items()}
    try:
        if targets.load(board.target).place is None:
            found, made = _for_vivado(emission, board, name)
        else:
            found = bitstream(emission.manifest, board, options.seeds)
            made = {f"{name}.{found.pop('suffix')}": found.pop("bitstream")}
    except TooLarge as error:
        raise ValueError(_too_large(top, board, error)) from None
    facts |= found
    text = "\n\n".join(_text(facts, board)) + "\n"
    files |= made | {"report.txt": text, "report.json": json.dumps(facts, indent=2) + "\n"}
    for file, content in files.items():
        write_whole(folder / file, content)
    product = folder / next(iter(made))
    _print(options, facts, text, emission, [folder / file for file in files], product)
    return 0


def _too_large(top, board, error):
    amounts = " and ".join(f"{needed:,} of {has:,} {name}" for name, needed, has in error.short)
    with progress(total=1, what=f"looking for a size that fits {board.name}"):
        found = smaller(top, board, error.limits)
    remedy = "no smaller one does, choose another board"
    if found is not None:
        settings = " ".join(f"--set {name}={value}" for name, value in found.items())
        remedy = f"it should fit with {settings}"
    return f"Design {top.module} must fit {board.name} ({board.part}), not take {amounts}; {remedy}"


def _for_vivado(emission, board, name):
    """What yosys counts, and the script that makes the bitstream elsewhere."""
    with progress(total=1, what=f"synthesizing for {board.name}"):
        total = counts(emission.manifest, board)
    if short := shortage(total, board.available):
        raise TooLarge(short, board.available)
    used = {kind: {"used": total[kind], "available": has} for kind, has in board.available.items()}
    found = {"utilization": used, "tools": {"pyosys": importlib.metadata.version("pyosys")}}
    return found, {f"{name}.tcl": _script(board, name)}


def _script(board, name):
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
  error "Clock of {board.clock_mhz:g} MHz is missed by $slack ns: see timing.rpt"
}}
write_bitstream -force {name}.bit
"""


def _text(facts, board):
    """The parts of the report."""
    yield (
        f"{facts['design']} {facts['digest']} on {board.name}: {board.description}\n"
        f"{board.part}, clock of {board.clock_mhz:g} MHz, serial line of {facts['baud']:,} baud"
    )
    if "runs" in facts:
        runs = [
            {"seed": run["seed"], "MHz": run["fmax_mhz"], **_path(run)} for run in facts["runs"]
        ]
        yield (
            f"Clock: {facts['fmax_mhz']} MHz with seed {facts['seed']}, {board.clock_mhz:g} MHz "
            f"needed\n{table(runs)}"
        )
    rows = [
        {"resource": kind, **used, "%": round(100 * used["used"] / used["available"], 1)}
        for kind, used in facts["utilization"].items()
    ]
    yield table(rows)
    yield "Tools: " + ", ".join(f"{tool} {version}" for tool, version in facts["tools"].items())


def _path(run):
    path = run["critical_path"]
    return {"source": path["source"], "sink": path["sink"], "ns": path["ns"]}


def _print(options, facts, text, emission, files, product):
    """``product`` is the bitstream, or the script that makes it."""
    name = shlex.quote(str(product))
    bit = shlex.quote(str(product.with_suffix(".bit")))
    vivado = f"vivado -mode batch -source {name}" if product.suffix == ".tcl" else None
    load = facts["board"]["load"].format(file=bit if vivado else name)
    use = f"brickwork host {shlex.quote(str(emission.folder))} --port PORT --a A.npy --w W.npy"
    if options.json:
        where = {"manifest": str(emission.manifest), "files": [str(path) for path in files]}
        print(json.dumps(facts | where | {"vivado": vivado, "load": load, "use": use}, indent=2))
        return
    print(text)
    for path in (emission.verilog, emission.manifest, *files):
        print(path)
    if vivado:
        print(f"\nThe bitstream needs Vivado: {vivado}")
    print(f"\nLoad it: {load}\nUse it: {use}")
