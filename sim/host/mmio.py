"""A simulated core behind AXI as a library: registers, memory and interrupt, for drivers in C.

``libmmio.so`` of :func:`library` has the functions of ``mmio.h``, for any program to link with.
:class:`Mmio` offers the same functions in Python.
"""

import ctypes
import shutil
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from .. import cache
from ..designs.base import check_core
from ..golden.formats import check_integer
from ..manifest import Manifest
from ..verilator import toolchain, verilate
from ..verilator.build import read
from ..verilator.compilation import SLOW, CommandLog, Compilation, group_sources, run_all
from ..verilator.core import CycleLimitError, SimulationError
from ..verilator.runtime import compiler_command, runtime
from .bus_job import BusJob

__all__ = ["Counts", "Mmio", "headers", "library"]

_RUNTIME = ("verilated", "verilated_threads")


def headers() -> Path:
    """The folder of ``mmio.h``."""
    return Path(__file__).parent


def library(manifest: Path) -> Path:
    """Builds ``libmmio.so`` for an emitted core in the bus wrapper ``axi``, or takes it from the
    cache.

    Raises
    ------
    ToolError
        If a tool is missing.
    ValueError
        If the manifest is unusable, or of a core without the bus wrapper ``axi``.
    BuildError
        If Verilator or the compiler rejects the design.
    """
    design = read(manifest)
    bus = design.bus
    if design.wrapper != "axi":
        raise ValueError(
            f"Manifest {manifest} must be of a core in the bus wrapper axi; use brickwork emit "
            "--top axi"
        )
    verilator, compiler = toolchain.verilator(), toolchain.compiler()
    compilation = Compilation(verilator=verilator, compiler=compiler)
    constants = {
        "DATA_BYTES": bus["data_width"] // 8,
        "ADDRESS_WIDTH": bus["address_width"],
        "BURST": bus["burst"],
        "OUTSTANDING": bus.get("most_bursts", bus["outstanding"]),
        "BLOCKS_ID": bus["streams"][bus["walk"]["rows"]]["index"] if "walk" in bus else -1,
    }
    sources = {name: (headers() / name).read_text() for name in ("mmio.h", "mmio.cpp")}
    sources["mmio_top.h"] = "".join(f"#define {n} {v}\n" for n, v in constants.items())
    sources["lint.vlt"] = verilate.lint_rules().read_text()
    sources["design.v"] = design.verilog_path.read_text("utf-8")
    command = [str(verilator.binary), "--cc", "--prefix", "Vtop", "--top-module", design.top]
    command += ["--Mdir", ".", "--no-timing", "--assert", *verilate.SPLIT, "lint.vlt", "design.v"]

    def make(entry: Path) -> None:
        work = entry / "model"
        work.mkdir()
        for name, text in sources.items():
            (work / name).write_text(text, "utf-8")
        log = CommandLog(f"Module {design.top} behind AXI", f"mmio-{design.top}")
        log.run(command, cwd=work, env=verilator.environment)
        lists = verilate.generated_files((work / "Vtop_classes.mk").read_text())
        fast, slow = (
            [*lists[f"CLASSES_{speed}"], *lists[f"SUPPORT_{speed}"]] for speed in ("FAST", "SLOW")
        )
        # Jobs are short: most of the time of a run is that of the build.
        files = [
            source.path.name
            for source in group_sources(work, ["mmio", *fast], slow, optimized=False)
        ]
        folder = runtime(compilation)
        compile_ = [*compiler_command(compilation, SLOW), "-I.", "-c"]
        objects = [f"{file}.o" for file in files]
        commands = [[*compile_, file, "-o", out] for file, out in zip(files, objects, strict=True)]
        run_all(commands, cwd=work, log=log)
        objects += [str(folder / f"{name}.o") for name in _RUNTIME]
        link = [*compiler.command, "-shared", "-pthread", "-o", str(entry / "libmmio.so")]
        log.run([*link, *objects, *toolchain.link_options(compiler)], cwd=work)
        (entry / "build.log").write_text(log.text)
        shutil.rmtree(work)

    key = ("mmio", *sources.values(), *command[1:], *compilation.key)
    return cache.entry("builds", *key, make=make)[0] / "libmmio.so"


class _Manner(ctypes.Structure):
    _fields_ = (
        ("seed", ctypes.c_uint64),
        *((name, ctypes.c_uint32) for name in ("pauses", "latency", "patience")),
    )


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Events on the memory bus since the reset.

    Attributes
    ----------
    cycles : int
    read_bursts, read_beats, write_bursts, write_beats : int
    read_waits : int
        Cycles in which the core stalled read data.
    open : int
        Transactions in flight.
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
        Manifest of an emitted core in the bus wrapper ``axi``.
    address, size : int
        The memory's first address and its bytes, multiples of the bus's bytes.
    seed : int
        Seed of pauses, latencies and orders.
    pauses : int
        Percentage of cycles in which each channel of the memory stalls.
    latency : int
        Most cycles from a request to its response; each latency is random.
    patience : int
        Cycles after which :meth:`wait`, or an access to a register, gives up.

    Attributes
    ----------
    manifest : Manifest
    memory : uint8 array
        The memory that the core reads and writes.

    Raises
    ------
    ToolError, ValueError, BuildError
        As :func:`library` does; also if ``address`` or ``size`` does not fit the bus.
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
        self._core = None
        path = library(manifest)
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
        self._library = _functions(ctypes.CDLL(str(path)))
        self._patience = patience
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

    def __exit__(self, type_, error, traceback):
        if type_ is None:
            self.close()
        elif self._core:
            self._library.mmio_close(self._core)
            self._core = self.memory = None

    def pointer(self, name: str) -> int:
        """The address of a function of ``mmio.h``, for a driver in C."""
        return ctypes.cast(getattr(self._library, name), ctypes.c_void_p).value

    @property
    def context(self) -> int:
        """The context that ``mmio_open`` returned.

        Raises
        ------
        SimulationError
            If the simulation was closed.
        """
        if self._core is None:
            raise SimulationError("Simulation was closed")
        return self._core

    def read(self, register: str | int) -> int:
        """Reads a register, by name or offset."""
        return self._library.mmio_read32(self.context, self._offset(register))

    def write(self, register: str | int, value: int) -> None:
        """Writes a register, by name or offset.

        Raises
        ------
        TypeError, ValueError
            If the register does not exist, or the value has more than 32 bits.
        """
        if not 0 <= check_integer(value, "Value of a register") < 1 << 32:
            raise ValueError(f"Value of a register must be from 0 to 2^32 - 1, not {value}")
        self._library.mmio_write32(self.context, self._offset(register), value)

    def _offset(self, register):
        if isinstance(register, int):
            return register
        if register not in self._registers:
            raise ValueError(
                f"Register must be one of {', '.join(self._registers)}, not {register!r}"
            )
        return self._registers[register]["offset"]

    @property
    def response(self) -> int:
        """Response to the last access to a register: 0, or 2 for an error."""
        return self._library.mmio_response(self.context)

    @property
    def interrupt(self) -> bool:
        return bool(self._library.mmio_interrupt(self.context))

    def wait(self) -> None:
        """Runs until the interrupt is asserted.

        Raises
        ------
        CycleLimitError
            If it is not asserted within ``patience`` cycles.
        """
        if self._library.mmio_wait(self.context):
            counts = self.counts
            raise CycleLimitError(
                f"No interrupt came within {self._patience} cycles; transferred so far: "
                f"{counts.read_beats} beats read, {counts.write_beats} beats written, "
                f"{counts.open} transactions open"
            )

    def step(self, cycles: int = 1) -> None:
        """Runs the clock."""
        self._library.mmio_step(self.context, cycles)

    def fault(self, first: int, last: int) -> None:
        """Makes accesses to addresses from ``first`` to ``last`` fail; replaces the last range."""
        self._library.mmio_fault(self.context, first, last)

    @property
    def counts(self) -> Counts:
        counts = self._library.mmio_count(self.context)
        return Counts(**{name: getattr(counts, name) for name, _ in counts._fields_})

    @property
    def trouble(self) -> str:
        """The first rule of AXI that the core violated, or an empty text."""
        return self._library.mmio_trouble(self.context).decode()

    def run(self, job: BusJob, base: int | None = None) -> np.ndarray:
        """Runs a job with its words from the address ``base`` on, by default the memory's first.

        One of more rows of A than a wrapper that walks takes is run part by part.

        Returns
        -------
        int64 array
            See :meth:`BusJob.gather`.

        Raises
        ------
        ValueError
            If the job is of another core, or the memory is too small.
        SimulationError
            If the core reports an error, or moves no word for ``patience`` cycles.
        """
        check_core(job, self.manifest)
        if "walk" in self.manifest.bus:
            parts = job.job.parts or [job.job]  # which tells why it has none
            return np.concatenate([self._run(BusJob(part), base) for part in parts])
        return self._run(job, base)

    def _run(self, job, base):
        base = self.address if base is None else base
        addresses, sizes = job.addresses(base), job.sizes
        end = addresses["results"] + sizes["results"] - self.address
        if base < self.address or end > len(self.memory):
            raise ValueError(
                f"Memory must have the addresses up to {self.address + end:#x} for the job, not up "
                f"to {self.address + len(self.memory):#x}"
            )
        for name in job.words:
            self._at(addresses[name], sizes[name])[:] = job.memory(name)
        events = self._mask("INTERRUPT", "done") | self._mask("INTERRUPT", "error")
        self.write("INTERRUPT_ENABLE", events)
        for name, _, value in job.writes(base):
            self.write(name, value)
        self._wait_for_job()
        error = self.read("ERROR") & self._mask("ERROR", "kind")
        self.write("INTERRUPT", events)
        if error:
            errors = self.manifest.bus["errors"].items()
            name = next(name for name, entry in errors if entry["number"] == error)
            raise SimulationError(f"Job ended with the error {name}")
        return job.gather(self._at(addresses["results"], sizes["results"]).copy())

    def _wait_for_job(self):
        """Waits as long as the core reads or writes memory."""
        while True:
            before = self.counts
            try:
                return self.wait()
            except CycleLimitError:
                if replace(self.counts, cycles=0) == replace(before, cycles=0):
                    raise

    def _mask(self, register, name):
        fields = self._registers[register]["fields"]
        field = next(field for field in fields if field["name"] == name)
        return ((1 << field["width"]) - 1) << field["low"]

    def _at(self, address, size):
        start = address - self.address
        return self.memory[start : start + size]


def _functions(dll):
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
        function = getattr(dll, name)
        function.restype, function.argtypes = result, arguments
    return dll
