"""Verilator's runtime: the C++ that does not depend on the design, compiled once and cached."""

from pathlib import Path

from .. import cache
from ..steps import step
from . import toolchain
from .compilation import FAST, CommandLog, Compilation, run_all

__all__ = [
    "HEADERS",
    "SCHEME",
    "SOURCES",
    "bench_host",
    "compiler_command",
    "driver_key",
    "driver_object",
    "runtime",
    "runtime_object",
]

#: Raise this number when a build changes for the same inputs.
SCHEME = "3"

#: Sources that every simulation links; others are compiled on first use.
SOURCES = (
    "verilated",
    "verilated_dpi",
    "verilated_threads",
    "verilated_vpi",
)

#: Headers that every source of a simulation includes; they are precompiled.
HEADERS = """\
#include "verilated.h"
#include "verilated_dpi.h"
#include "verilated_vpi.h"
#include <memory>
#include <string>
"""


_DRIVER = Path(__file__).with_name("driver.cpp")


def compiler_command(compilation: Compilation, level: str) -> list[str]:
    """The compiler with its options, for sources that include :data:`HEADERS`, precompiled.

    Parameters
    ----------
    compilation : Compilation
    level : str
        Optimization; precompiled headers are for one level.
    """

    def make(entry: Path) -> None:
        (entry / "common.h").write_text(HEADERS)
        if compilation.precompiles:
            # GCC finds the precompiled header beside the other.
            command = [*compilation.command, level, "-x", "c++-header", "common.h"]
            CommandLog("The Verilator runtime", "headers").run(
                [*command, "-o", "common.h.gch"], cwd=entry
            )

    key = (SCHEME, *compilation.key, HEADERS, level)
    entry, _ = cache.entry("runtime", *key, make=make)
    return [*compilation.command, level, "-include", str(entry / "common.h")]


def runtime(compilation: Compilation) -> Path:
    """A folder with an object file ``.o`` of each of :data:`SOURCES`.

    Raises
    ------
    BuildError
        If the compiler fails.
    """

    def make(entry: Path) -> None:
        toolchain.compiler(thorough=True)
        log = CommandLog("The Verilator runtime", "runtime")
        with step("compiling Verilator's runtime (once for all designs)"):
            run_all([_command(compilation, source) for source in SOURCES], cwd=entry, log=log)
        (entry / "build.log").write_text(log.text)

    return cache.entry("runtime", *_key(compilation), *SOURCES, make=make)[0]


def runtime_object(
    source: str, compilation: Compilation, compression: toolchain.Compression | None
) -> Path:
    """The object file of one source of Verilator's runtime.

    Parameters
    ----------
    source : str
        Its name, without the suffix ``.cpp``.
    compilation : Compilation
    compression : Compression or None
        Used by the source that writes waveforms.
    """
    if source in SOURCES:
        return runtime(compilation) / f"{source}.o"
    if source != "verilated_fst_c":
        compression = None

    def make(entry: Path) -> None:
        log = CommandLog(f"The Verilator runtime ({source})", f"runtime-{source}")
        options = compression.compile_options if compression else ()
        log.run(_command(compilation, source, options), cwd=entry)

    version = compression.version if compression else ""
    key = (*_key(compilation), source, version)
    return cache.entry("runtime", *key, make=make)[0] / f"{source}.o"


def bench_host(compilation: Compilation) -> Path:
    """The program that runs test benches on models in shared objects: cocotb's main program."""
    cocotb = toolchain.cocotb()
    from cocotb_tools import config

    sources = {
        "main.cpp": (config.share_dir / "lib" / "verilator" / "verilator.cpp").read_text(),
        "Vtop.h": _DRIVER.with_name("bench_host.h").read_text(),
        "bench_model.h": _DRIVER.with_name("bench_model.h").read_text(),
    }

    def make(entry: Path) -> None:
        log = CommandLog("The host of test benches", "bench_host")
        for name, text in sources.items():
            (entry / name).write_text(text)
        command = [*compiler_command(compilation, FAST), "-I.", "-c", "main.cpp", "-o", "main.o"]
        log.run(command, cwd=entry)
        objects = [str(runtime(compilation) / f"{source}.o") for source in SOURCES]
        libraries = [f"-L{config.libs_dir}", f"-Wl,-rpath,{config.libs_dir}"]
        libraries += [
            "-lcocotbvpi_verilator",
            "-ldl",
            *toolchain.link_options(compilation.compiler),
        ]
        # Models find the runtime in the program.
        link = [*compilation.compiler.command, "-pthread", "-rdynamic", "-o", "bench_host"]
        log.run([*link, "main.o", *objects, *libraries, "-ldl"], cwd=entry)

    key = (*_key(compilation), *sources.values(), cocotb.version, str(config.libs_dir))
    return cache.entry("runtime", *key, make=make)[0] / "bench_host"


def driver_key() -> str:
    """The part of a build's cache key that stands for the compiled driver."""
    return "".join(path.read_text() for path in (_DRIVER, _DRIVER.with_suffix(".h")))


def driver_object(compilation: Compilation) -> Path:
    """The object file of the compiled driver, which all designs with streams share."""

    def make(entry: Path) -> None:
        command = [*compiler_command(compilation, FAST), "-c", str(_DRIVER), "-o", "driver.o"]
        CommandLog("The driver", "driver").run(command, cwd=entry)

    key = (*_key(compilation), driver_key())
    return cache.entry("runtime", *key, make=make)[0] / "driver.o"


def _command(compilation, source, options=()):
    """The command that compiles a source of the runtime."""
    file = compilation.verilator.root / "include" / f"{source}.cpp"
    command = compiler_command(compilation, FAST)
    return [*command, *options, "-c", str(file), "-o", f"{source}.o"]


def _key(compilation):
    return (SCHEME, *compilation.key, HEADERS)
