"""Builds the simulation of an emitted design: Verilog in, an executable for cocotb out.

The build differs from cocotb's own in three ways, all for speed. Only the top-level ports are made
accessible, so Verilator is free to optimise everything else. The part of Verilator's runtime that
does not depend on the design is compiled once and cached. And the executable is cached too, keyed
by everything it is made from.
"""

import json
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from .. import cache
from ..manifest import Manifest
from ..steps import step
from . import toolchain, verilate
from .compilation import BuildError, CommandLog, Compilation, Source, run_all
from .main_program import bench_model, main_program
from .runtime import (
    SCHEME,
    SOURCES,
    bench_host,
    compiler_command,
    driver_key,
    driver_object,
    runtime,
    runtime_object,
)
from .verilate import lint_rules

__all__ = ["Build", "BuildError", "build", "lint_rules", "read"]


@dataclass(frozen=True, kw_only=True)
class Build:
    """A finished build.

    Attributes
    ----------
    binary : Path
        The executable or shared object, in the cache folder.
    log : Path
        All commands of the build, with their output.
    cached : bool
        Whether it was in the cache before.
    seconds, verilate_seconds, compile_seconds : float
        Elapsed time of this call, and of Verilator and the compiler when the entry was made.
    host : Path or None
        The program that runs test benches on the shared object; None for an executable.
    """

    binary: Path
    log: Path
    cached: bool
    seconds: float
    verilate_seconds: float
    compile_seconds: float
    host: Path | None


def read(manifest: Path | str) -> Manifest:
    """A manifest with its Verilog file.

    Raises
    ------
    ValueError
        As :meth:`Manifest.read` does, and if the Verilog is missing.
    """
    design = Manifest.read(manifest)
    if not design.verilog_path.is_file():
        raise ValueError(f"Manifest {design.path} names {design.verilog}, which is not beside it")
    return design


def build(
    manifest: Path,
    *,
    waves: bool = False,
    debug: bool = False,
    initial_values: bool = True,
    optimized: bool = True,
    shared: bool = False,
) -> Build:
    """Build the simulation of a design, or take it from the cache.

    Parameters
    ----------
    manifest : Path
        The design's manifest; its Verilog file lies beside it.
    waves : bool
        Enable recording of waveforms.
    debug : bool
        Make all signals accessible, not only the top-level ports. Slower to build and to run.
    initial_values : bool
        Registers begin as on an FPGA. Without, those that have a reset begin with any bits.
    optimized : bool
        Compile for long runs. Without, the build takes half the time.
    shared : bool
        A shared object for :class:`.bench_host.BenchHost` in place of an executable; without waves.

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
    compilation = Compilation(verilator=toolchain.verilator(), compiler=toolchain.compiler())
    cocotb = toolchain.cocotb()
    from cocotb_tools import config

    compression = None
    if waves:
        compression = toolchain.compression(compilation.compiler, compilation.verilator)
    options = verilate.options(design.top, waves, debug, bool(design.hierarchical_blocks))
    driven = bool(design.stream_ports) and not shared
    # The name in the tools' messages. A hierarchical build passes it to make.
    verilog = design.verilog if re.fullmatch(r"[\w.-]+", design.verilog) else "design.v"
    files = {
        verilog: _code(design, initial_values),
        "lint.vlt": lint_rules().read_bytes(),
        "access.vlt": verilate.access_rules(design, debug).encode(),
        "main.cpp": _main(design, waves, shared).encode(),
    }
    key = (
        SCHEME,
        verilog,
        *files.values(),
        "\0".join(options),
        "optimized" if optimized else "",
        driver_key() if driven else "",
        *compilation.key,
        cocotb.version,
        str(config.libs_dir),  # linked by its path
        compression.version if compression else "",
    )

    def libraries() -> list[str]:
        if shared:
            return ["-shared"]
        return [
            *toolchain.cocotb_libraries(),
            *(compression.link_options if compression else ()),
            *toolchain.link_options(compilation.compiler),
        ]

    def make(entry: Path) -> None:
        log = CommandLog(f"Module {design.top}", cache.digest(*key)[:32])
        work = entry / "model"
        work.mkdir()
        for name, content in files.items():
            (work / name).write_bytes(content)
        runtime(compilation)
        with step(f"building the simulator of {design.top} (once for these parameters)"):
            command = [*options, "lint.vlt", "access.vlt", verilog]
            verilate_seconds = _verilate(work, design, command, compilation, log)
            start = time.monotonic()
            sources, names = verilate.generated_sources(work, optimized)
            if shared:  # the host has the rest
                names = [name for name in names if name not in SOURCES]
            objects = [str(runtime_object(name, compilation, compression)) for name in names]
            if driven:
                objects.append(str(driver_object(compilation)))
            objects += _compile(sources, work, compilation, log)
            link = [*compilation.compiler.command, "-pthread", "-o", str(entry / "simulation")]
            log.run([*link, *objects, *libraries()], cwd=work)
            compile_seconds = round(time.monotonic() - start, 3)
        times = {"verilate_seconds": verilate_seconds, "compile_seconds": compile_seconds}
        (entry / "times.json").write_text(json.dumps(times))
        (entry / "build.log").write_text(log.text)
        shutil.rmtree(work)

    entry, cached = cache.entry("builds", *key, make=make)
    return Build(
        binary=entry / "simulation",
        log=entry / "build.log",
        cached=cached,
        host=bench_host(compilation) if shared else None,
        seconds=time.monotonic() - start,
        **json.loads((entry / "times.json").read_text()),
    )


def _code(design: Manifest, initial_values: bool) -> bytes:
    """The design's Verilog."""
    if initial_values:
        return design.code
    return verilate.without_initial_values(design.code.decode()).encode()


def _main(design: Manifest, waves: bool, shared: bool) -> str:
    """The C++ around the model."""
    from cocotb_tools import config

    if shared:
        return bench_model()
    cocotb_main = (config.share_dir / "lib" / "verilator" / "verilator.cpp").read_text()
    return main_program(cocotb_main, design, waves)


def _verilate(
    work: Path,
    design: Manifest,
    options: list[str],
    compilation: Compilation,
    log: CommandLog,
) -> float:
    """Run Verilator in the folder ``work``; returns the elapsed time in seconds."""
    start = time.monotonic()
    verilator = compilation.verilator
    environment = verilate.environment(verilator, work, bool(design.hierarchical_blocks))
    log.run([str(verilator.binary), *options], cwd=work, env=environment)
    verilate.check_ports(design, (work / "Vtop.h").read_text())
    return round(time.monotonic() - start, 3)


def _compile(
    sources: list[Source], work: Path, compilation: Compilation, log: CommandLog
) -> list[str]:
    """Compile sources in the folder ``work``; returns the object files."""
    commands, objects = [], []
    for source in sources:
        file = source.path.relative_to(work)
        out = str(file.with_suffix(".o"))
        command = compiler_command(compilation, source.level)
        commands.append([*command, f"-I{file.parent}", "-c", str(file), "-o", out])
        objects.append(out)
    run_all(commands, cwd=work, log=log)
    return objects
