"""Bitstreams for boards: synthesis, placement and routing with the board's pins, and packing."""

import gzip
import importlib.metadata
import json
from pathlib import Path

from ...sim import cache, processes, scratch
from ...sim.verilator import toolchain
from ..lib import yosys
from ..lib.catalogue import check_name
from ..lib.errors import CheckFailed
from ..lib.progress import progress
from . import nextpnr, synthesis, targets
from .board_constraints import board_constraints
from .boards import Board
from .ice40_logic_cells import logic_cells

__all__ = ["ESTIMATORS", "TooLarge", "bitstream", "check_tools", "counts", "shortage"]

#: Estimates of resources that the placer packs out of several cells, which targets name.
ESTIMATORS = {"ice40_logic_cells": logic_cells}


class TooLarge(nextpnr.DoesNotFit):
    """A design does not fit.

    Attributes
    ----------
    short : list of (str, float, int)
        The name of each resource that is short, what is needed and what is available.
    limits : dict
        Resource to the most that :func:`counts` may tell for the design to fit.
    """

    def __init__(self, short, limits):
        super().__init__(short)
        self.limits = limits


def check_tools(board: Board) -> None:
    """Look for the programs that make the board's bitstream.

    Raises
    ------
    ToolError
        If a program is missing.
    """
    target = targets.load(board.target)
    if target.place is not None:
        toolchain.nextpnr(target.place.program)
        toolchain.packer(target.bitstream.packer)


def counts(manifest: Path, board: Board) -> dict[str, float]:
    """The resources that a design takes, before it is placed.

    Returns
    -------
    dict
        ``total`` of :func:`synthesis.synthesize`, and estimates of resources that hold several
        cells: ``lc`` on the iCE40, whose logic cells have a LUT and a flip-flop each.
    """
    target = targets.load(board.target)
    total = synthesis.synthesize(manifest, board.target, device=board.target_device)["total"]
    if target.estimates:
        text, top = synthesis.netlist_for(manifest, board.target, board.target_device)
        cells = json.loads(text)["modules"][top]["cells"].values()
        for resource, name in target.estimates.items():
            check_name(f"Estimate of target {target.name}", name, ESTIMATORS)
            total[resource] = ESTIMATORS[name](cells)
    return total


def shortage(total: dict, available: dict) -> list[tuple[str, float, int]]:
    """The resources of which ``total`` takes more than is available, the scarcest first."""
    short = [(name, total[name], has) for name, has in available.items() if total[name] > has]
    return sorted(short, key=lambda row: row[2] / row[1])


def bitstream(manifest: Path, board: Board, seeds: int, clock: float | None = None) -> dict:
    """Make a bitstream of a bus wrapper, of the placement with the fastest clock among several.

    Parameters
    ----------
    manifest : Path
        That of a wrapper with the ports that the board has pins for.
    board : Board
        One whose target has a placer.
    seeds : int
        Placements, with seeds from 1 on.
    clock : float or None
        Frequency in MHz to constrain to and to reach; by default that of the board.

    Returns
    -------
    dict
        ``bitstream``, its bytes, and ``suffix``, that of its file; ``seed``, ``fmax_mhz`` and
        ``critical_path`` of its placement, and ``runs`` with these of each; ``utilization``, the
        amount used and available of each resource; and the ``tools``.

    Raises
    ------
    TooLarge
        If the design does not fit.
    CheckFailed
        If no placement reaches the clock, or a tool fails.
    ToolError
        If a tool is missing.
    YosysError
        If yosys cannot synthesize the design.
    """
    nextpnr.check_seeds(seeds)
    clock = board.clock_mhz if clock is None else clock
    target = targets.load(board.target)
    tool = toolchain.nextpnr(target.place.program)
    packer = toolchain.packer(target.bitstream.packer)
    with progress(total=1, label=f"synthesizing for {board.name}"):
        total = counts(manifest, board)
        if short := shortage(total, board.available):
            raise TooLarge(short, board.available)
        netlist, top = _netlist(manifest, board, target)
    try:
        runs = nextpnr.place_and_route(
            netlist,
            target,
            [*board.placer_options, *nextpnr.clock_options(clock)],
            seeds=seeds,
            pins=next(iter(board_constraints(board, clock).values())),
            with_result=True,
            some_may_fail=True,
            label=f"placing and routing for {board.name}",
        )
    except nextpnr.DoesNotFit as error:
        raise _too_large(error.short, total, board) from None
    best = max(runs, key=lambda run: run.fmax_mhz)
    if best.fmax_mhz < clock:
        slower = "a lower --clock" if clock > board.clock_mhz else "a board with a slower clock"
        path, placements = best.critical_path, f"placement{'s' * (len(runs) > 1)}"
        raise CheckFailed(
            f"Clock of {top} on {board.name} must be {clock:g} MHz, but the best of "
            f"{len(runs)} {placements} reaches {best.fmax_mhz} MHz (from {path['source']} to "
            f"{path['sink']}); try more --seeds, a smaller design, or {slower}"
        )
    with progress(total=1, label=f"packing for {board.name}"):
        content = _pack(gzip.decompress(best.result), board, target, packer)
    return {
        "bitstream": content,
        "suffix": target.bitstream.suffix,
        **best.as_dict(),
        "runs": [run.as_dict() for run in runs],
        "utilization": best.utilization,
        "tools": {
            "pyosys": importlib.metadata.version("pyosys"),
            target.place.program: tool.version,
        },
    }


def _netlist(manifest, board, target):
    """The netlist with readable names, and IO cells if the placer wants them, compressed."""
    text, top = synthesis.netlist_for(manifest, board.target, board.target_device)
    commands = [*target.place.frame, "autoname"]

    def make(entry):
        with scratch.folder() as folder:
            (folder / "cells.json").write_bytes(text)
            yosys.run(
                [
                    *("read_json cells.json", f"hierarchy -top {top}"),
                    *(*commands, "write_json readable.json"),
                ],
                cwd=folder,
                temporary=folder,
            )
            readable = gzip.compress((folder / "readable.json").read_bytes(), 1, mtime=0)
            (entry / "netlist.json.gz").write_bytes(readable)

    version = importlib.metadata.version("pyosys")
    key = (text, "\n".join(commands), version, Path(__file__).read_bytes())
    entry, _ = cache.entry("synthesis", *key, make=make)
    return (entry / "netlist.json.gz").read_bytes(), top


def _too_large(short, total, board):
    """The resources that are short after packing, and how much synthesis may count."""
    limits = dict(board.available)
    for name, needed, has in short:
        # Sizes of DSP blocks are counted together; resources not counted come with the logic.
        counter = name.partition("_")[0]
        counter = counter if counter in limits else next(iter(limits))
        limits[counter] = min(limits[counter], int(total[counter] * min(has / needed, 0.95)))
    return TooLarge(short, limits)


def _pack(result, board, target, packer):
    """The bitstream of a routed design."""
    flow = target.bitstream
    with scratch.folder() as folder:
        (folder / "result").write_bytes(result)
        names = {"result": "result", "bitstream": f"packed.{flow.suffix}"}
        arguments = [argument.format_map(names) for argument in flow.arguments]
        command = [*packer.command, *board.packer_options, *arguments]
        environment = toolchain.package_environment(folder)
        status, log = processes.run(command, cwd=folder, env=environment)
        packed = folder / names["bitstream"]
        if status != 0 or not packed.exists() or not packed.stat().st_size:
            raise nextpnr.failure(flow.packer, log)
        return packed.read_bytes()
