"""Verilator's runtime: the C++ that does not depend on the design, compiled once and cached."""

from pathlib import Path

from .. import cache
from . import toolchain
from .compilation import FAST, SLOW, CommandLog, Compilation, run_all

__all__ = ["HEADERS", "SCHEME", "SOURCES", "runtime", "runtime_object"]

#: Raise this number when a build changes for the same inputs.
SCHEME = "1"

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


def runtime(
    compilation: Compilation,
    *,
    headers: str = HEADERS,
    sources: tuple[str, ...] = SOURCES,
    name: str = "runtime",
) -> Path:
    """A folder with object files of Verilator's runtime and with ``common.h``.

    Parameters
    ----------
    compilation : Compilation
    headers : str
        Contents of ``common.h``, which is there precompiled too, if the compiler can do that.
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
        (entry / "common.h").write_text(headers)
        if compilation.precompiles:
            # GCC picks the precompiled header of this folder with the same options.
            (entry / "common.h.gch").mkdir()
            command = [*compilation.command, "-x", "c++-header", "common.h"]
            outputs = ((level, f"common.h.gch/{level.lstrip('-')}") for level in (FAST, SLOW))
            run_all([[*command, level, "-o", out] for level, out in outputs], cwd=entry, log=log)
        commands = [_command(compilation, entry, source) for source in sources]
        run_all(commands, cwd=entry, log=log)
        (entry / "build.log").write_text(log.text)

    return cache.entry("runtime", *_key(compilation, headers, sources), make=make)[0]


def runtime_object(
    source: str,
    folder: Path,
    compilation: Compilation,
    compression: toolchain.Compression | None,
) -> Path:
    """The object file of one source of Verilator's runtime.

    Parameters
    ----------
    source : str
        Its name, without the suffix ``.cpp``.
    folder : Path
        That of :func:`runtime`, for the default sources.
    compilation : Compilation
    compression : Compression or None
        Used by the source that writes waveforms.
    """
    if source in SOURCES:
        return folder / f"{source}.o"
    if source != "verilated_fst_c":
        compression = None

    def make(entry: Path) -> None:
        log = CommandLog(f"The Verilator runtime ({source})", f"runtime-{source}")
        options = compression.compile_options if compression else ()
        log.run(_command(compilation, folder, source, options), cwd=entry)

    version = compression.version if compression else ""
    key = (*_key(compilation, HEADERS, SOURCES), source, version)
    return cache.entry("runtime", *key, make=make)[0] / f"{source}.o"


def _command(compilation, folder, source, options=()):
    """The command that compiles a source with the ``common.h`` of a folder."""
    return [
        *(*compilation.command, FAST, "-include", str(folder / "common.h"), *options),
        *("-c", str(compilation.verilator.root / "include" / f"{source}.cpp")),
        *("-o", f"{source}.o"),
    ]


def _key(compilation, headers, sources):
    return (SCHEME, *compilation.key, headers, *sources)
