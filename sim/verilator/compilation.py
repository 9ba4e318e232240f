"""Compilation of the C++ from Verilator: commands in parallel, with a log."""

import os
import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from .. import cache, processes
from . import toolchain

__all__ = [
    "FAST",
    "SLOW",
    "BuildError",
    "CommandLog",
    "Compilation",
    "Source",
    "group_sources",
    "run_all",
    "workers",
]

#: Optimization of the simulation. Measured with 16×16 PEs under the compiled driver: -O2 runs 1.8
#: times as fast as -O1, twice as fast as -Os, and a tenth slower than -O3. On Verilator's large
#: functions it takes ten times as long to compile as -O1; on functions of at most 500 statements
#: no longer, and runs as fast. Two Verilator threads were slower than one.
FAST = "-O2"
#: Optimization of start-up code, which runs once, and of simulations with cocotb, whose time is
#: that of Python.
SLOW = "-O0"

# Options of every source. Executables and shared libraries link the same objects.
_OPTIONS = ("-std=gnu++17", "-pthread", "-w", "-fPIC", "-fno-semantic-interposition")

# Below this size a generated file compiles faster together with others than by itself, up to so
# much together. Headers and their templates take 0.3 s; without optimization so does a megabyte.
_SMALL_BYTES = {FAST: 100_000, SLOW: 1_000_000}
_TOGETHER_BYTES = {FAST: 400_000, SLOW: 2_000_000}
# Smaller files than this together compile faster with a large one than apart: headers alone take a
# quarter of a second.
_APART_BYTES = 50_000
# Less start-up code than this compiles faster with the rest, optimized, than by itself.
_SLOW_BYTES = 50_000


class BuildError(Exception):
    """A design cannot be built. The message is one line, with the path of the log if any."""


@dataclass(frozen=True, kw_only=True)
class Compilation:
    """The tools and options of C++ compilation.

    Attributes
    ----------
    verilator : Verilator
        The Verilator whose headers are included.
    compiler : Tool
    """

    verilator: toolchain.Verilator
    compiler: toolchain.Tool

    @property
    def command(self) -> list[str]:
        """The compiler with its options, without a source."""
        include = self.verilator.root / "include"
        return [
            *(*self.compiler.command, *_OPTIONS),
            *(f"-I{include}", f"-I{include / 'vltstd'}"),
        ]

    @property
    def key(self) -> tuple[str, ...]:
        """The part of a cache key that stands for the tools and options."""
        verilator, compiler = self.verilator, self.compiler
        return (
            f"verilator {verilator.source} {verilator.release}",
            f"compiler {shlex.join(compiler.command)} {compiler.where} {compiler.version}",
            shlex.join((*_OPTIONS, FAST, SLOW)),
        )

    @property
    def precompiles(self) -> bool:
        """Whether the compiler handles precompiled headers like GCC."""
        return "clang" not in self.compiler.version


class CommandLog:
    """Runs commands and logs them with their output.

    Parameters
    ----------
    subject : str
        The beginning of messages about a failed command.
    name : str
        Name of the log in the cache section ``failed``.
    """

    def __init__(self, subject: str, name: str) -> None:
        self._subject = subject
        self._file = f"{name}.log"
        self._entries: list[str] = []  # appended to by several threads

    @property
    def text(self) -> str:
        return "".join(self._entries)

    def run(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        env: dict[str, str] | None = None,
        runner: Callable[..., tuple[int, str]] = processes.run,
    ) -> None:
        """Run a command in the folder ``cwd``, which also gets its temporary files.

        The command has a process group of its own, or that of ``runner``.

        Raises
        ------
        BuildError
            If it fails.
        """
        environment = {**(env or os.environ), "TMPDIR": str(cwd)}
        status, output = runner(command, cwd=cwd, env=environment)
        self._entries.append(f"$ {shlex.join(command)}\n{output}")
        if status == 0:
            return
        first = re.search(r"^.*(?:%Error|%Warning|\berror:|undefined reference).*$", output, re.M)
        trouble = first[0].strip() if first else f"exit status {status}"
        log = cache.keep("failed", self._file, self.text)
        tool = Path(command[0]).name
        raise BuildError(f"{self._subject} cannot be built: {tool} says {trouble!r} (log: {log})")


def workers() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_all(commands: Iterable[Sequence[str]], *, cwd: Path, log: CommandLog) -> None:
    """Run commands in parallel, started in their order; the first failure ends the others."""
    with ThreadPoolExecutor(workers()) as pool, processes.ProcessGroup() as group:
        running = [pool.submit(log.run, command, cwd=cwd, runner=group.run) for command in commands]
        try:
            for each in running:
                each.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class Source(NamedTuple):
    """A file to compile: its bytes, its path, and :data:`FAST` or :data:`SLOW`."""

    size: int
    path: Path
    level: str


def group_sources(
    folder: Path, fast: Iterable[str], slow: Iterable[str], *, optimized: bool = True
) -> list[Source]:
    """The files to compile for generated files: large files singly, small ones together.

    Parameters
    ----------
    folder : Path
        The folder of the generated files; files that include several of them are written to it.
    fast, slow : iterable of str
        Names without the suffix ``.cpp``, of the simulation, and of start-up code.
    optimized : bool
        Whether the simulation is :data:`FAST`; else it is :data:`SLOW`, too.
    """
    fast, slow = list(fast), list(slow)
    if not optimized:
        return _group(folder, [*fast, *slow], SLOW)
    if sum((folder / f"{name}.cpp").stat().st_size for name in slow) < _SLOW_BYTES:
        fast, slow = [*fast, *slow], []
    return [*_group(folder, fast, FAST), *_group(folder, slow, SLOW)]


def _group(folder, names, level):
    sizes = {name: (folder / f"{name}.cpp").stat().st_size for name in names}
    groups = [[name] for name, size in sizes.items() if size > _SMALL_BYTES[level]]
    small = [name for name, size in sizes.items() if size <= _SMALL_BYTES[level]]
    if groups and sum(sizes[name] for name in small) < _APART_BYTES:
        smallest = min(groups, key=lambda group: sizes[group[0]])
        smallest[:0] = small
        small = []
    room = 0
    for name in small:
        if sizes[name] > room:
            groups.append([])
            room = _TOGETHER_BYTES[level]
        groups[-1].append(name)
        room -= sizes[name]
    sources = []
    for number, group in enumerate(groups):
        path = folder / f"{group[0]}.cpp"
        if len(group) > 1:
            path = folder / f"together{level}-{number}.cpp"
            path.write_text("".join(f'#include "{name}.cpp"\n' for name in group))
        sources.append(Source(sum(sizes[name] for name in group), path, level))
    return sources
