"""Builds the simulation of an emitted design: Verilog in, an executable for cocotb out.

The build differs from cocotb's own in three ways, all for speed. Only the top-level ports are made
accessible, so Verilator is free to optimise everything else. The part of Verilator's runtime that
does not depend on the design is compiled once and kept. And the executable is kept too, keyed by
everything it is made from.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from .. import cache
from ..manifest import Manifest
from . import toolchain

__all__ = ["Build", "BuildError", "build", "lint_rules", "read"]

_SCHEME = "1"  # to be raised when this file makes something else from the same inputs

_CXXFLAGS = ("-std=gnu++17", "-pthread", "-w")
# Measured with 16×16 elements under the compiled driver: -O2 runs 1.8 times as fast as -O1, twice
# as fast as -Os, and a tenth slower than -O3. On Verilator's large functions it takes ten times as
# long to compile as -O1; on functions of at most 500 statements no longer, and runs as fast. Two
# Verilator threads were slower than one.
_FAST = "-O2"
_SPLIT = ("--output-split-cfuncs", "500")
_SLOW = "-O0"  # start-up code, which runs once

# Compiled together, before the first design; another source when a design first needs it.
_RUNTIME = (
    "verilated",
    "verilated_dpi",
    "verilated_threads",
    "verilated_vpi",
)

_HEADERS = """\
#include "verilated.h"
#include "verilated_dpi.h"
#include "verilated_vpi.h"
#include <memory>
#include <string>
"""

_END_WITH_PARENT = """\
#ifdef __linux__
#include <csignal>
#include <sys/prctl.h>
static const int ends_with_parent = prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
"""

# Below this size a generated file compiles faster together with others than by itself.
_SMALL_BYTES = 100_000
_TOGETHER_BYTES = 400_000


class BuildError(Exception):
    """A design cannot be built. The message is one line and says where the log is, if any."""


@dataclass(frozen=True, kw_only=True)
class Build:
    """A finished build.

    Attributes
    ----------
    binary : Path
        The executable, in the cache folder.
    log : Path
        Every command that made it, with its output.
    cached : bool
        Whether it was there before.
    seconds, verilate_seconds, compile_seconds : float
        How long this call took, and how long Verilator and the compiler took when it was made.
    """

    binary: Path
    log: Path
    cached: bool
    seconds: float
    verilate_seconds: float
    compile_seconds: float


def lint_rules() -> Path:
    """The file that names the accepted Verilator warnings, each with its reason."""
    return Path(__file__).with_name("lint.vlt")


def read(manifest: Path | str) -> Manifest:
    """A manifest whose Verilog is there.

    Raises
    ------
    ValueError
        As :meth:`Manifest.read` does, and if the Verilog is missing.
    """
    design = Manifest.read(manifest)
    if not design.verilog_path.is_file():
        raise ValueError(f"Manifest {design.path} names {design.verilog}, which is not beside it")
    return design


def build(manifest: Path, *, waves: bool = False, debug: bool = False) -> Build:
    """Builds the simulation of a design, or finds it in the cache.

    Parameters
    ----------
    manifest : Path
        The design's manifest; its Verilog file lies beside it.
    waves : bool
        Make it able to record waveforms.
    debug : bool
        Make every signal accessible, not the top-level ports only. Slower to build and to run.

    Raises
    ------
    ToolError
        If a tool is missing.
    ValueError
        If the manifest is unusable.
    BuildError
        If Verilator or the compiler rejects the design.
    """
    start = time.monotonic()
    design = read(manifest)
    verilator = toolchain.verilator()
    compiler = toolchain.compiler()
    cocotb = toolchain.cocotb()
    from cocotb_tools import config

    compression = toolchain.compression(compiler, verilator) if waves else None
    main = _main_program(config.share_dir / "lib" / "verilator" / "verilator.cpp", design, waves)
    hierarchical = bool(design.hierarchical_blocks)

    verilog = design.verilog_path.read_bytes()
    # What the tools' messages call it. A hierarchical build hands the name to make.
    name = design.verilog if re.fullmatch(r"[\w.-]+", design.verilog) else "design.v"
    rules = lint_rules().read_text()
    access = _access(design, debug)
    options = _verilator_options(design.top, waves, debug, hierarchical)
    key = (
        _SCHEME,
        name,
        verilog,
        rules,
        access,
        "\0".join(options),
        main,
        *_tool_key(verilator, compiler),
        cocotb.version,
        str(config.libs_dir),  # linked by its path
        compression.version if compression else "",
    )

    def make(place: Path) -> None:
        work = place / "model"
        work.mkdir()
        (work / name).write_bytes(verilog)
        (work / "lint.vlt").write_text(rules)
        (work / "access.vlt").write_text(access)
        (work / "main.cpp").write_text(main)
        log = _Log(f"Module {design.top}", cache.digest(*key)[:32])

        verilate_start = time.monotonic()
        command = [str(verilator.binary), *options, "lint.vlt", "access.vlt", name]
        env = _hierarchical_environment(verilator, work) if hierarchical else verilator.environment
        log.run(command, cwd=work, env=env)
        _check_ports(design, (work / "Vtop.h").read_text())
        compile_start = time.monotonic()
        _compile(work, place / "simulation", compression, verilator, compiler, log)
        end = time.monotonic()

        times = {
            "verilate_seconds": round(compile_start - verilate_start, 3),
            "compile_seconds": round(end - compile_start, 3),
        }
        (place / "times.json").write_text(json.dumps(times))
        (place / "build.log").write_text(log.text)
        shutil.rmtree(work)

    place, cached = cache.entry("builds", *key, make=make)
    return Build(
        binary=place / "simulation",
        log=place / "build.log",
        cached=cached,
        seconds=time.monotonic() - start,
        **json.loads((place / "times.json").read_text()),
    )


def _main_program(cocotb_main: Path, design: Manifest, waves: bool) -> str:
    """cocotb's main program, and the compiled driver for a design with streams or a serial line.

    It also ends when the process that started it is killed.
    """
    # Macros are defined here and not on the command line, where they would make the compiler
    # reject the precompiled header.
    trace = "#define VM_TRACE 1\n#define VM_TRACE_FST 1\n" if waves else ""
    # Hierarchical blocks come into being in the first evaluation, and are traced if they are there.
    main = cocotb_main.read_text().replace("top->trace(", "top->eval(); top->trace(")
    if design.stream_ports:
        driver = _source("driver.cpp") + _stream_table(design.stream_ports)
    elif design.wrapper == "uart":
        driver = _source("serial.cpp")
    else:
        return trace + _END_WITH_PARENT + main
    parts = [trace, _END_WITH_PARENT, "#define main cocotb_main\n", main, "#undef main\n"]
    return "".join([*parts, driver])


def _source(name: str) -> str:
    return Path(__file__).with_name(name).read_text()


def _stream_table(streams: dict[str, dict]) -> str:
    """Where the driver finds each stream's signals in the model."""
    rows = [
        f'        {{"{name}", {str(stream["direction"] == "input").lower()}, '
        f"reinterpret_cast<uint8_t*>(&top.{stream['payload']}), {-(-stream['width'] // 8)}, "
        f"&top.{stream['valid']}, &top.{stream['ready']}}},\n"
        for name, stream in streams.items()
    ]
    return (
        "\nstd::vector<drive::Stream> drive::streams(Vtop& top) {\n    return {\n"
        + "".join(rows)
        + "    };\n}\n"
    )


def _access(design: Manifest, debug: bool) -> str:
    """Verilator's configuration file that says what cocotb can reach, and what is built apart."""
    lines = ["`verilator_config"]
    if not debug:
        lines += [
            f'public_flat_rw -module "{design.top}" -var "{port}"'
            for port in sorted(port["name"] for port in design.ports)
        ]
    lines += [f'hier_block -module "{name}"' for name in sorted(design.hierarchical_blocks)]
    return "\n".join(lines) + "\n"


def _check_ports(design: Manifest, header: str) -> None:
    """Compares the manifest with the ports that Verilator found, which by itself it does not."""
    found = {
        # Verilator writes characters that C++ does not allow, and double underscores, as codes, and
        # marks words that C++ or its libraries use.
        re.sub(r"__0([0-9A-F]{2})", lambda code: chr(int(code[1], 16)), name).removeprefix(
            "__SYM__"
        )
        for name in re.findall(r"^\s*VL_(?:IN|OUT|INOUT)\w*\(&(\w+),", header, re.MULTILINE)
    }
    if lost := sorted({port["name"] for port in design.ports} - found):
        raise BuildError(
            f"Module {design.top} cannot be built: manifest {design.path} names ports that it "
            f"lacks: {', '.join(lost)}"
        )


def _verilator_options(top: str, waves: bool, debug: bool, hierarchical: bool) -> list[str]:
    options = ["--cc", "--exe", "--vpi", "--prefix", "Vtop", "--top-module", top, "--Mdir", "."]
    # Generated Verilog has no delays; the time unit only labels the testbench's clock.
    options += ["--no-timing", "--timescale", "1ns/1ps", "--assert", *_SPLIT]
    if waves:
        options.append("--trace-fst")
    if debug:
        # Public signals are not split, so that a harmless path through two parts of one signal
        # looks like a loop.
        options += ["--public-flat-rw", "-Wno-UNOPTFLAT"]
    if hierarchical:
        options.append("--hierarchical")
    return options


def _hierarchical_environment(verilator: toolchain.Verilator, work: Path) -> dict[str, str]:
    """The environment for a Verilator that calls itself, through make, for every block."""
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
    # By itself it would call its perl wrapper.
    flags = f"-j{_workers()} VM_HIER_VERILATOR={verilator.binary}"
    return {**verilator.environment, "MAKEFLAGS": flags}


def _tool_key(verilator: toolchain.Verilator, compiler: toolchain.Tool) -> tuple[str, ...]:
    return (
        f"verilator {verilator.source} {verilator.release}",
        f"compiler {shlex.join(compiler.command)} {compiler.where} {compiler.version}",
        shlex.join((*_CXXFLAGS, _FAST, _SLOW)),
    )


class _Log:
    """Runs commands and remembers them with their output."""

    def __init__(self, what: str, name: str) -> None:
        self._what = what
        self._file = f"{name}.log"
        self._parts: list[str] = []  # appended to by several threads

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def run(self, command: Sequence[str], *, cwd: Path, env: dict[str, str] | None = None) -> None:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._parts.append(f"$ {shlex.join(command)}\n{done.stdout}")
        if done.returncode == 0:
            return
        first = re.search(
            r"^.*(?:%Error|%Warning|\berror:|undefined reference).*$", done.stdout, re.M
        )
        trouble = first[0].strip() if first else f"exit status {done.returncode}"
        kept = cache.keep("failed", self._file, self.text)
        raise BuildError(
            f"{self._what} cannot be built: {Path(command[0]).name} says {trouble!r} (log: {kept})"
        )


def _workers() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _run_all(jobs: Iterable[Sequence[str]], *, cwd: Path, log: _Log) -> None:
    """Runs commands side by side, in order of their start; the first failure ends the rest."""
    with ThreadPoolExecutor(_workers()) as pool:
        try:
            for running in [pool.submit(log.run, job, cwd=cwd) for job in jobs]:
                running.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _runtime(verilator: toolchain.Verilator, compiler: toolchain.Tool) -> Path:
    """The folder with the part of Verilator's runtime that every design links."""

    def make(place: Path) -> None:
        toolchain.compiler(thorough=True)
        log = _Log("The Verilator runtime", "runtime")
        (place / "common.h").write_text(_HEADERS)
        if _precompiles(compiler):
            # GCC takes the one in this folder that was made with the same options.
            (place / "common.h.gch").mkdir()
            command = [*_command(verilator, compiler), "-x", "c++-header", "common.h"]
            levels = ((level, f"common.h.gch/{level.lstrip('-')}") for level in (_FAST, _SLOW))
            _run_all([[*command, level, "-o", out] for level, out in levels], cwd=place, log=log)
        command = [*_command(verilator, compiler), _FAST, "-include", str(place / "common.h")]
        jobs = [_runtime_job(command, verilator, name) for name in _RUNTIME]
        _run_all(jobs, cwd=place, log=log)
        (place / "build.log").write_text(log.text)

    return cache.entry("runtime", *_runtime_key(verilator, compiler), make=make)[0]


def _runtime_object(
    name: str,
    runtime: Path,
    compression: toolchain.Compression | None,
    verilator: toolchain.Verilator,
    compiler: toolchain.Tool,
) -> Path:
    """The object file of one source of Verilator's runtime."""
    if name in _RUNTIME:
        return runtime / f"{name}.o"
    if name != "verilated_fst_c":
        compression = None

    def make(place: Path) -> None:
        log = _Log(f"The Verilator runtime ({name})", f"runtime-{name}")
        command = [*_command(verilator, compiler), _FAST, "-include", str(runtime / "common.h")]
        command += compression.compile_options if compression else ()
        log.run(_runtime_job(command, verilator, name), cwd=place)

    key = (*_runtime_key(verilator, compiler), name, compression.version if compression else "")
    place, _ = cache.entry("runtime", *key, make=make)
    return place / f"{name}.o"


def _runtime_key(verilator: toolchain.Verilator, compiler: toolchain.Tool) -> tuple[str, ...]:
    return (_SCHEME, *_tool_key(verilator, compiler), _HEADERS, *_RUNTIME)


def _runtime_job(command: Sequence[str], verilator: toolchain.Verilator, name: str) -> list[str]:
    source = verilator.root / "include" / f"{name}.cpp"
    return [*command, "-c", str(source), "-o", f"{name}.o"]


def _command(verilator: toolchain.Verilator, compiler: toolchain.Tool) -> list[str]:
    include = verilator.root / "include"
    return [*compiler.command, *_CXXFLAGS, f"-I{include}", f"-I{include / 'vltstd'}"]


def _precompiles(compiler: toolchain.Tool) -> bool:
    """Whether precompiled headers work the way GCC has them."""
    return "clang" not in compiler.version


def _compile(
    work: Path,
    binary: Path,
    compression: toolchain.Compression | None,
    verilator: toolchain.Verilator,
    compiler: toolchain.Tool,
    log: _Log,
) -> None:
    """Compiles what Verilator wrote into ``work``, together with the main program."""
    from cocotb_tools import config

    runtime = _runtime(verilator, compiler)
    command = [*_command(verilator, compiler), "-include", str(runtime / "common.h")]

    sources: list[_Source] = []
    globals_: set[str] = set()
    # Every hierarchical block has a folder of its own below the top module's.
    for lists in [work / "Vtop_classes.mk", *sorted(work.glob("*/*_classes.mk"))]:
        place = lists.parent
        prefix = lists.name.removesuffix("_classes.mk")
        names = _class_lists(lists.read_text())
        # cocotb's main program, and the glue between a block and its parent.
        extra = sorted(p.stem for p in place.glob("*.cpp") if not p.name.startswith(prefix))
        fast = [*extra, *names["CLASSES_FAST"], *names["SUPPORT_FAST"]]
        sources += _gather(place, fast, _FAST)
        sources += _gather(place, [*names["CLASSES_SLOW"], *names["SUPPORT_SLOW"]], _SLOW)
        globals_.update(names["GLOBAL_FAST"], names["GLOBAL_SLOW"])

    # The longest first, so that the last to finish is short.
    sources.sort(key=lambda source: (-source.size, str(source.path)))
    jobs = []
    objects = []
    for source in sources:
        file = source.path.relative_to(work)
        out = str(file.with_suffix(".o"))
        jobs.append([*command, source.level, f"-I{file.parent}", "-c", str(file), "-o", out])
        objects.append(out)
    _run_all(jobs, cwd=work, log=log)
    for name in sorted(globals_):
        objects.append(str(_runtime_object(name, runtime, compression, verilator, compiler)))

    libraries = [f"-L{config.libs_dir}", f"-Wl,-rpath,{config.libs_dir}", "-lcocotbvpi_verilator"]
    libraries += compression.link_options if compression else ()
    log.run([*compiler.command, "-pthread", "-o", str(binary), *objects, *libraries], cwd=work)


class _Source(NamedTuple):
    size: int
    path: Path
    level: str


def _gather(place: Path, names: Iterable[str], level: str) -> list[_Source]:
    """What to compile for some generated files: large ones singly, small ones put together."""
    sources = []
    together: list[list[str]] = []
    room = 0
    for name in names:
        size = (place / f"{name}.cpp").stat().st_size
        if size > _SMALL_BYTES:
            sources.append(_Source(size, place / f"{name}.cpp", level))
            continue
        if size > room:
            together.append([])
            room = _TOGETHER_BYTES
        together[-1].append(name)
        room -= size
    for number, group in enumerate(together):
        path = place / f"together{level}-{number}.cpp"
        path.write_text("".join(f'#include "{name}.cpp"\n' for name in group))
        sources.append(
            _Source(sum((place / f"{n}.cpp").stat().st_size for n in group), path, level)
        )
    return sources


def _class_lists(makefile: str) -> dict[str, list[str]]:
    """The lists of generated files that Verilator writes for make, without their ``VM_``."""
    lists: dict[str, list[str]] = {
        f"{kind}_{speed}": []
        for kind in ("CLASSES", "SUPPORT", "GLOBAL")
        for speed in ("FAST", "SLOW")
    }
    for name, files in re.findall(r"^VM_(\w+) \+= (.*)$", makefile.replace("\\\n", " "), re.M):
        if name in lists:
            lists[name] += files.split()
    return lists
