"""Verilator in a build: its options, control files and generated files."""

import re
from pathlib import Path

from .. import cache
from ..manifest import Manifest
from . import toolchain
from .compilation import BuildError, Source, group_sources, workers

__all__ = [
    "SPLIT",
    "access_rules",
    "check_ports",
    "environment",
    "generated_files",
    "generated_sources",
    "lint_rules",
    "options",
    "without_initial_values",
]

#: Options that split large functions; see :data:`compilation.FAST`.
SPLIT = ("--output-split-cfuncs", "500")


def lint_rules() -> Path:
    """The control file of the accepted Verilator warnings, each with its reason."""
    return Path(__file__).with_name("lint.vlt")


def access_rules(design: Manifest, debug: bool) -> str:
    """Verilator's control file of the signals for cocotb, and of the hierarchical blocks.

    With ``debug`` the options make all signals accessible.
    """
    lines = ["`verilator_config"]
    if not debug:
        lines += [
            f'public_flat_rw -module "{design.top}" -var "{port}"'
            for port in sorted(port["name"] for port in design.ports)
        ]
    lines += [f'hier_block -module "{name}"' for name in sorted(design.hierarchical_blocks)]
    return "\n".join(lines) + "\n"


# A register's first branch with a constant is its reset, alone or with other conditions.
_RESET = re.compile(
    r"^    if \(.+\) (\\\S+|\w+) ?(?:\[[^\]]*\])? <= \d+'[bdh][0-9a-f]+;$", re.MULTILINE
)
_INITIAL = re.compile(r"^(  (?:output )?reg (?:\[[^\]]*\] )?(\\\S+|\w+)) +?= .*;$", re.MULTILINE)


def without_initial_values(verilog: str) -> str:
    """The Verilog with no initial values of registers that have a reset, as on an ASIC.

    A register without a reset, such as one that counts from power-up, keeps its own.
    """
    reset = set(_RESET.findall(verilog))
    return _INITIAL.sub(lambda match: f"{match[1]} ;" if match[2] in reset else match[0], verilog)


def options(top: str, waves: bool, debug: bool, hierarchical: bool) -> list[str]:
    """Verilator's options for a simulation with cocotb."""
    arguments = ["--cc", "--exe", "--vpi", "--prefix", "Vtop", "--top-module", top, "--Mdir", "."]
    # Generated Verilog has no delays; the time unit only labels the testbench's clock.
    arguments += ["--no-timing", "--timescale", "1ns/1ps", "--assert", *SPLIT]
    if waves:
        arguments.append("--trace-fst")
    if debug:
        # Public signals are not split, so that a path through two slices of a signal looks like a
        # combinational loop.
        arguments += ["--public-flat-rw", "-Wno-UNOPTFLAT"]
    if hierarchical:
        arguments.append("--hierarchical")
    return arguments


def environment(
    verilator: toolchain.Verilator, work: Path, hierarchical: bool = False
) -> dict[str, str]:
    """The environment for Verilator; a hierarchical build calls it, through make, for every block.

    Raises
    ------
    ToolError
        If make is missing, or would refuse a path.
    """
    if not hierarchical:
        return verilator.environment
    if re.search(r"\s", str(work)):
        raise toolchain.ToolError(
            f"Cache folder {cache.folder()} has a space in its path, which make refuses: "
            "set BRICKWORK_CACHE to a folder without one"
        )
    if re.search(r"\s", str(verilator.binary)):
        raise toolchain.ToolError(
            f"Verilator {verilator.binary} has a space in its path, which make refuses: "
            "install it elsewhere"
        )
    toolchain.make()
    # The default is Verilator's perl wrapper.
    flags = f"-j{workers()} VM_HIER_VERILATOR={verilator.binary}"
    return {**verilator.environment, "MAKEFLAGS": flags}


def check_ports(design: Manifest, header: str) -> None:
    """Compare the manifest with the ports in Verilator's header.

    Raises
    ------
    BuildError
        If the module lacks a port of the manifest.
    """
    ports = {
        # Verilator encodes double underscores and characters that C++ does not allow, and marks
        # words that C++ or its libraries reserve.
        re.sub(r"__0([0-9A-F]{2})", lambda code: chr(int(code[1], 16)), name).removeprefix(
            "__SYM__"
        )
        for name in re.findall(r"^\s*VL_(?:IN|OUT|INOUT)\w*\(&(\w+),", header, re.MULTILINE)
    }
    if lost := sorted({port["name"] for port in design.ports} - ports):
        raise BuildError(
            f"Module {design.top} cannot be built: manifest {design.path} names ports that it "
            f"lacks: {', '.join(lost)}"
        )


def generated_files(makefile: str) -> dict[str, list[str]]:
    """Verilator's lists of generated files for make, by their names without ``VM_``."""
    lists: dict[str, list[str]] = {
        f"{group}_{speed}": []
        for group in ("CLASSES", "SUPPORT", "GLOBAL")
        for speed in ("FAST", "SLOW")
    }
    for name, files in re.findall(r"^VM_(\w+) \+= (.*)$", makefile.replace("\\\n", " "), re.M):
        if name in lists:
            lists[name] += files.split()
    return lists


def generated_sources(work: Path, optimized: bool) -> tuple[list[Source], list[str]]:
    """The files to compile in Verilator's output folder, and sources of its runtime.

    Each hierarchical block has a folder below that of the top module. The largest source comes
    first, which balances parallel compilation.
    """
    sources: list[Source] = []
    runtime: set[str] = set()
    for makefile in [work / "Vtop_classes.mk", *sorted(work.glob("*/*_classes.mk"))]:
        folder = makefile.parent
        prefix = makefile.name.removesuffix("_classes.mk")
        names = generated_files(makefile.read_text())
        # cocotb's main program, and the glue between a block and its parent.
        extra = sorted(p.stem for p in folder.glob("*.cpp") if not p.name.startswith(prefix))
        fast = [*extra, *names["CLASSES_FAST"], *names["SUPPORT_FAST"]]
        slow = [*names["CLASSES_SLOW"], *names["SUPPORT_SLOW"]]
        sources += group_sources(folder, fast, slow, optimized=optimized)
        runtime.update(names["GLOBAL_FAST"], names["GLOBAL_SLOW"])
    sources.sort(key=lambda source: (-source.size, str(source.path)))
    return sources, sorted(runtime)
