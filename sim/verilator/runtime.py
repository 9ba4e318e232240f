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


def compiler_command(compilation: Compilation, level: str, headers: str = HEADERS) -> list[str]:
    """The compiler with its options, for sources that include ``headers``, which are precompiled.

    Parameters
    ----------
    compilation : Compilation
    level : str
        Optimization; precompiled headers are for one level.
    headers : str
        Contents of the file that every source includes.
    """

    def make(entry: Path) -> None:
        (entry / "common.h").write_text(headers)
        if compilation.precompiles:
            # GCC finds the precompiled header beside the other.
            command = [*compilation.command, level, "-x", "c++-header", "common.h"]
            CommandLog("The Verilator runtime", "headers").run(
                [*command, "-o", "common.h.gch"], cwd=entry
            )

    key = (SCHEME, *compilation.key, headers, level)
    entry, _ = cache.entry("runtime", *key, make=make)
    return [*compilation.command, level, "-include", str(entry / "common.h")]


def runtime(
    compilation: Compilation,
    *,
    headers: str = HEADERS,
    sources: tuple[str, ...] = SOURCES,
    name: str = "runtime",
) -> Path:
    """A folder with object files of Verilator's runtime.

    Parameters
    ----------
    compilation : Compilation
    headers : str
        Those of :func:`compiler_command`.
    sources : tuple of str
        Sources of the runtime, without the suffix ``.cpp``; each becomes an object file ``.o``.
    name : str
        Name of the log of a build that fails.

    Raises
    ------
    BuildError
        If the compiler fails.
    """

    def make(entry: Path) -> None:
        toolchain.compiler(thorough=True)
        log = CommandLog("The Verilator runtime", name)
        with step("compiling Verilator's runtime (once for all designs)"):
            run_all(
                [_command(compilation, headers, source) for source in sources], cwd=entry, log=log
            )
        (entry / "build.log").write_text(log.text)

    return cache.entry("runtime", *_key(compilation, headers, sources), make=make)[0]


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
        log.run(_command(compilation, HEADERS, source, options), cwd=entry)

    version = compression.version if compression else ""
    key = (*_key(compilation, HEADERS, SOURCES), source, version)
    return cache.entry("runtime", *key, make=make)[0] / f"{source}.o"


def driver_key() -> str:
    """The part of a build's cache key that stands for the compiled driver."""
    return "".join(path.read_text() for path in (_DRIVER, _DRIVER.with_suffix(".h")))


def driver_object(compilation: Compilation) -> Path:
    """The object file of the compiled driver, which all designs with streams share."""

    def make(entry: Path) -> None:
        command = [*compiler_command(compilation, FAST), "-c", str(_DRIVER), "-o", "driver.o"]
        CommandLog("The driver", "driver").run(command, cwd=entry)

    key = (*_key(compilation, HEADERS, ()), driver_key())
    return cache.entry("runtime", *key, make=make)[0] / "driver.o"


def _command(compilation, headers, source, options=()):
    """The command that compiles a source of the runtime."""
    file = compilation.verilator.root / "include" / f"{source}.cpp"
    command = compiler_command(compilation, FAST, headers)
    return [*command, *options, "-c", str(file), "-o", f"{source}.o"]


def _key(compilation, headers, sources):
    return (SCHEME, *compilation.key, headers, *sources)
