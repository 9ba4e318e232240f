"""The limit of a simulation's speed: emitted Verilog with a minimal program in C++ around it."""

import json
import os
import shlex
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ...sim import cache, processes
from ...sim.manifest import Manifest
from ...sim.verilator import toolchain
from ..lib.errors import CheckFailed

__all__ = ["build"]

#: Verilator's and the compiler's settings that give the fastest simulation, whatever they take.
VERILATOR = ("-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-assert", "--no-timing")
COMPILER = ("-O3", "-std=gnu++17", "-pthread", "-w")

_RUNTIME = ("verilated", "verilated_dpi", "verilated_threads")


def build(emission, verilator_options=VERILATOR, compiler_options=COMPILER):
    """Builds the program for an emitted ``gemm_ws`` of 8-bit operands, if it is not in the cache.

    Returns
    -------
    (Path, float)
        The program, and how long Verilator and the compiler took when it was made.

    Raises
    ------
    ToolError
        If a tool is missing.
    CheckFailed
        If Verilator or the compiler fails.
    """
    verilator, compiler = toolchain.verilator(), toolchain.compiler()
    manifest = Manifest.read(emission.manifest)
    main = Path(__file__).with_name("harness.cpp").read_text("utf-8")
    verilog = emission.verilog.read_text("utf-8")
    blocks = manifest.hierarchical_blocks
    shape = [f"-D{name.upper()}={manifest.parameters[name]}" for name in ("rows", "cols")]
    command = [str(verilator.binary), "--cc", "--exe", "--prefix", "Vtop", "--Mdir", "."]
    command += ["--top-module", manifest.top, "-Wno-fatal", "-Wno-lint", *verilator_options]
    environment = verilator.environment
    if blocks:
        toolchain.make()
        command.append("--hierarchical")
        environment = environment | {"MAKEFLAGS": f"VM_HIER_VERILATOR={verilator.binary}"}
    include = verilator.root / "include"
    compile_ = [*compiler.command, *compiler_options, *shape, f"-I{include}"]
    compile_ += [f"-I{include / 'vltstd'}", "-I."]

    def make(folder):
        start = time.monotonic()
        work = folder / "work"
        work.mkdir()
        (work / "design.v").write_text(verilog, "utf-8")
        lines = ["`verilator_config", *(f'hier_block -module "{name}"' for name in blocks)]
        (work / "blocks.vlt").write_text("\n".join([*lines, ""]))
        _run([*command, "blocks.vlt", "design.v"], work, environment)
        (work / "harness.cpp").write_text(main, "utf-8")
        jobs = [
            [*compile_, f"-I{file.parent}", "-c", str(file), "-o", str(file.with_suffix(".o"))]
            for file in (path.relative_to(work) for path in sorted(work.rglob("*.cpp")))
        ]
        jobs += [
            [*compile_, "-c", str(include / f"{name}.cpp"), "-o", f"{name}.o"] for name in _RUNTIME
        ]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda job: _run(job, work, None), jobs))
        objects = sorted(str(path.relative_to(work)) for path in work.rglob("*.o"))
        program = str(folder / "harness")
        objects += toolchain.link_options(compiler)
        _run([*compiler.command, *compiler_options, "-o", program, *objects], work, None)
        seconds = round(time.monotonic() - start, 3)
        (folder / "times.json").write_text(json.dumps({"seconds": seconds}))
        shutil.rmtree(work)

    versions = (verilator.release, verilator.source, compiler.version)
    key = (verilog, main, *versions, shlex.join(command), shlex.join(compile_), *blocks)
    entry, _ = cache.entry("harness", *key, make=make)
    return entry / "harness", json.loads((entry / "times.json").read_text())["seconds"]


def _run(command, folder, environment):
    status, output = processes.run(command, cwd=folder, env=environment)
    if status:
        lines = output.strip().splitlines() or ["no message"]
        raise CheckFailed(f"Harness cannot be built: {Path(command[0]).name} says {lines[0]!r}")
