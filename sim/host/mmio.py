"""A simulated core behind AXI as a library: registers, memory and interrupt, for drivers in C.

``libmmio.so`` of :func:`library` has the functions of ``mmio.h``, to be linked with any program;
:class:`Mmio` is the same in Python.
"""

import ctypes
import shutil
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from .. import cache
from ..manifest import Manifest
from ..verilator import build as _build
from ..verilator import toolchain
from ..verilator.core import CycleLimitError, SimulationError
from .axi import Job

__all__ = ["Counts", "Mmio", "headers", "library"]

_RUNTIME = ("verilated", "verilated_threads")
_OPTIONS = ("-std=gnu++17", "-pthread", "-fPIC", "-w")
#: Of the simulation, and of its start.
_LEVELS = ("-O2", "-O0")
_HEADERS = (
    "".join(f"#include <{name}>\n" for name in ("cstring", "deque", "map", "string", "vector"))
    + '#include "verilated.h"\n'
)


def headers() -> Path:
    """The folder of ``mmio.h``."""
    return Path(__file__).parent


def library(manifest: Path) -> Path:
    """Builds ``libmmio.so`` for an emitted top ``axi``, or finds it in the cache.

    Raises
    ------
    ToolError
        If a tool is missing.
    ValueError
        If the manifest is unusable, or not that of a top ``axi``.
    BuildError
        If Verilator or the compiler rejects the design.
    """
    design = _build.read(manifest)
    bus = design.bus
    if design.wrapper != "axi":
        raise ValueError(f"Manifest {manifest} must be of a top axi; use brickwork emit --top axi")
    verilator, compiler = toolchain.verilator(), toolchain.compiler()
    constants = {
        "DATA_BYTES": bus["data_width"] // 8,
        "ADDRESS_WIDTH": bus["address_width"],
        "BURST": bus["burst"],
        "OUTSTANDING": bus["outstanding"],
    }
    sources = {name: (headers() / name).read_text() for name in ("mmio.h", "mmio.cpp")}
    sources["mmio_top.h"] = "".join(f"#define {n} {v}\n" for n, v in constants.items())
    sources["lint.vlt"] = _build.lint_rules().read_text()
    sources["design.v"] = design.verilog_path.read_text("utf-8")
    command = [str(verilator.binary), "--cc", "--prefix", "Vtop", "--top-module", design.top]
    command += ["--Mdir", ".", "--no-timing", "--assert", *_build._SPLIT, "lint.vlt", "design.v"]
    tools = _build._tool_key(verilator, compiler)

    def make(place: Path) -> None:
        work = place / "model"
        work.mkdir()
        for name, text in sources.items():
            (work / name).write_text(text, "utf-8")
        log = _build._Log(f"Module {design.top} behind AXI", f"mmio-{design.top}")
        log.run(command, cwd=work, env=verilator.environment)
        lists = _build._class_lists((work / "Vtop_classes.mk").read_text())
        jobs = [("mmio.cpp", _LEVELS[0], "mmio.o")]
        for level, speed in zip(_LEVELS, ("FAST", "SLOW"), strict=True):
            names = [*lists[f"CLASSES_{speed}"], *lists[f"SUPPORT_{speed}"]]
            parts = _build._gather(work, names, level)
            jobs += [(part.path.name, level, f"{part.path.stem}.o") for part in parts]
        runtime = _runtime(verilator, compiler)
        _compile(verilator, compiler, jobs, work, log, runtime / "common.h")
        objects = [name for *_, name in jobs] + [str(runtime / f"{name}.o") for name in _RUNTIME]
        link = [*compiler.command, "-shared", "-pthread", "-o", str(place / "libmmio.so")]
        log.run([*link, *objects], cwd=work)
        (place / "build.log").write_text(log.text)
        shutil.rmtree(work)

    key = ("mmio", _HEADERS, *sources.values(), *command[1:], *_OPTIONS, *tools)
    return cache.entry("builds", *key, make=make)[0] / "libmmio.so"


def _compile(verilator, compiler, jobs, place, log, headers=None):
    """Compiles ``(source, level, object)``, all into position-independent code."""
    include = verilator.root / "include"
    command = [*compiler.command, *_OPTIONS, f"-I{include}", f"-I{include / 'vltstd'}", "-I."]
    command += ["-include", str(headers)] if headers else []
    _build._run_all(
        [[*command, level, "-c", source, "-o", name] for source, level, name in jobs],
        cwd=place,
        log=log,
    )


def _runtime(verilator, compiler) -> Path:
    """The folder with Verilator's runtime for libraries, and the headers that all sources need."""

    def make(place: Path) -> None:
        toolchain.compiler(thorough=True)
        log = _build._Log("The Verilator runtime for libraries", "runtime-pic")
        (place / "common.h").write_text(_HEADERS)
        if _build._precompiles(compiler):
            # GCC takes the one in this folder that was made with the same options.
            (place / "common.h.gch").mkdir()
            made = [("common.h", level, f"common.h.gch/{level[1:]}") for level in _LEVELS]
            compile_ = toolchain.Tool(
                command=(*compiler.command, "-x", "c++-header"),
                version=compiler.version,
                where=compiler.where,
            )
            _compile(verilator, compile_, made, place, log)
        folder = verilator.root / "include"
        jobs = [(str(folder / f"{name}.cpp"), _LEVELS[0], f"{name}.o") for name in _RUNTIME]
        _compile(verilator, compiler, jobs, place, log, place / "common.h")
        (place / "build.log").write_text(log.text)

    key = ("mmio", _HEADERS, *_build._tool_key(verilator, compiler), *_OPTIONS, *_RUNTIME)
    return cache.entry("runtime", *key, make=make)[0]


class _Manner(ctypes.Structure):
    _fields_ = (
        ("seed", ctypes.c_uint64),
        *((name, ctypes.c_uint32) for name in ("pauses", "latency", "patience")),
    )


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What has happened on the bus to memory since the reset.

    Attributes
    ----------
    cycles : int
    read_bursts, read_beats, write_bursts, write_beats : int
    read_waits : int
        Cycles in which the core let data wait.
    open : int
        Transfers that have not ended.
    """

    cycles: int
    read_bursts: int
    read_beats: int
    write_bursts: int
    write_beats: int
    read_waits: int
    open: int


class _Counts(ctypes.Structure):
    _fields_ = tuple((item.name, ctypes.c_uint64) for item in fields(Counts))


class Mmio:
    """A simulated core with memory, after its reset; time passes only in the methods.

    Parameters
    ----------
    manifest : Path
        Of an emitted top ``axi``.
    address, size : int
        The memory's first address and its bytes, multiples of the bus's bytes.
    seed : int
        Of everything random.
    pauses : int
        Percentage of cycles in which each channel of the memory holds back.
    latency : int
        Most cycles from a request to its answer, at random.
    patience : int
        Cycles after which :meth:`wait` gives up, and an access to a register.

    Attributes
    ----------
    manifest : dict
    memory : uint8 array
        Also the core's.

    Raises
    ------
    ToolError, ValueError, BuildError
        As :func:`library` does; also if the memory cannot be.
    """

    def __init__(
        self,
        manifest: Path,
        *,
        address: int = 0,
        size: int = 1 << 20,
        seed: int = 1,
        pauses: int = 0,
        latency: int = 0,
        patience: int = 1_000_000,
    ):
        self.manifest = Manifest.read(manifest)
        found = library(manifest)
        step = self.manifest.bus["data_width"] // 8
        if size <= 0 or size % step or address < 0 or address % step:
            raise ValueError(
                f"Memory must have multiples of {step} bytes at multiples of {step}, not {size} "
                f"at {address}"
            )
        self.address = address
        self._registers = {
            register["name"]: register for register in self.manifest.bus["registers"]
        }
        self._library = _functions(ctypes.CDLL(str(found)))
        manner = _Manner(seed=seed, pauses=pauses, latency=latency, patience=patience)
        self._core = self._library.mmio_open(address, size, manner)
        start = self._library.mmio_memory(self._core)
        self.memory = np.ctypeslib.as_array(start, (size,))

    def close(self) -> None:
        """Ends the simulation; ``memory`` is gone with it.

        Raises
        ------
        SimulationError
            If the core broke a rule of AXI.
        """
        if self._core:
            trouble = self.trouble
            self._library.mmio_close(self._core)
            self._core = self.memory = None
            if trouble:
                raise SimulationError(f"Rule of AXI broken: {trouble}")

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if kind is None:
            self.close()
        elif self._core:
            self._library.mmio_close(self._core)
            self._core = self.memory = None

    def pointer(self, name: str) -> int:
        """The address of a function of ``mmio.h``, for a driver in C."""
        return ctypes.cast(getattr(self._library, name), ctypes.c_void_p).value

    @property
    def context(self) -> int:
        """What ``mmio_open`` returned."""
        return self._core

    def read(self, register: str | int) -> int:
        """Reads a register, by name or offset."""
        return self._library.mmio_read32(self._core, self._offset(register))

    def write(self, register: str | int, value: int) -> None:
        """Writes a register, by name or offset."""
        self._library.mmio_write32(self._core, self._offset(register), value)

    def _offset(self, register):
        return register if isinstance(register, int) else self._registers[register]["offset"]

    @property
    def response(self) -> int:
        """How the last access to a register was answered: 0, or 2 for an error."""
        return self._library.mmio_response(self._core)

    @property
    def interrupt(self) -> bool:
        return bool(self._library.mmio_interrupt(self._core))

    def wait(self) -> None:
        """Runs until the interrupt is high.

        Raises
        ------
        CycleLimitError
            If it does not come in time.
        """
        if self._library.mmio_wait(self._core):
            raise CycleLimitError("No interrupt came in time")

    def step(self, cycles: int = 1) -> None:
        """Lets time pass."""
        self._library.mmio_step(self._core, cycles)

    def fault(self, first: int, last: int) -> None:
        """Has accesses to addresses from ``first`` to ``last`` fail; the last call counts."""
        self._library.mmio_fault(self._core, first, last)

    @property
    def counts(self) -> Counts:
        found = self._library.mmio_count(self._core)
        return Counts(**{name: getattr(found, name) for name, _ in found._fields_})

    @property
    def trouble(self) -> str:
        """The first rule of AXI that the core broke, or an empty text."""
        return self._library.mmio_trouble(self._core).decode()

    def run(self, job: Job, base: int | None = None) -> np.ndarray:
        """Runs a job with its words from the address ``base`` on, by default the memory's first.

        Returns
        -------
        int64 array
            See :meth:`Job.gather`.

        Raises
        ------
        ValueError
            If the memory is too small.
        SimulationError
            If the core reports an error, or does not come to an end.
        """
        base = self.address if base is None else base
        places, sizes = job.addresses(base), job.sizes
        end = places["results"] + sizes["results"] - self.address
        if base < self.address or end > len(self.memory):
            raise ValueError(
                f"Memory must have the addresses up to {self.address + end:#x} for the job, not up "
                f"to {self.address + len(self.memory):#x}"
            )
        for name in job.words:
            self._at(places[name], sizes[name])[:] = job.memory(name)
        events = self._mask("INTERRUPT", "done") | self._mask("INTERRUPT", "error")
        self.write("INTERRUPT_ENABLE", events)
        for name, _, value in job.writes(base):
            self.write(name, value)
        self.wait()
        error = self.read("ERROR") & self._mask("ERROR", "kind")
        self.write("INTERRUPT", events)
        if error:
            kinds = {kind["number"]: name for name, kind in self.manifest.bus["errors"].items()}
            raise SimulationError(f"Job ended with the error {kinds[error]}")
        return job.gather(self._at(places["results"], sizes["results"]).copy())

    def _mask(self, register, name):
        parts = self._registers[register]["fields"]
        part = next(part for part in parts if part["name"] == name)
        return ((1 << part["width"]) - 1) << part["low"]

    def _at(self, address, size):
        start = address - self.address
        return self.memory[start : start + size]


def _functions(found):
    """The library with the types of its functions."""
    types = {
        "mmio_open": (ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64, _Manner),
        "mmio_close": (None, ctypes.c_void_p),
        "mmio_read32": (ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32),
        "mmio_write32": (None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32),
        "mmio_response": (ctypes.c_uint32, ctypes.c_void_p),
        "mmio_wait": (ctypes.c_int, ctypes.c_void_p),
        "mmio_step": (None, ctypes.c_void_p, ctypes.c_uint64),
        "mmio_interrupt": (ctypes.c_int, ctypes.c_void_p),
        "mmio_memory": (ctypes.POINTER(ctypes.c_uint8), ctypes.c_void_p),
        "mmio_fault": (None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64),
        "mmio_count": (_Counts, ctypes.c_void_p),
        "mmio_trouble": (ctypes.c_char_p, ctypes.c_void_p),
    }
    for name, (result, *arguments) in types.items():
        function = getattr(found, name)
        function.restype, function.argtypes = result, arguments
    return found
