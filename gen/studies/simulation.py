"""Build times and simulation speed under cocotb, beside cocotb's own runner on plain Verilog."""

import os
import time
from unittest import mock

from ...sim import scratch
from ..designs.gemm_ws import GemmWs
from ..emission.emit import emit
from . import engines
from .simulators import Stock, operands
from .study import Study, machine

__all__ = ["STUDY", "measure", "stock"]

#: Size of the array and rows of A, of a product that keeps the simulator busy for seconds.
WORK = {16: 20_000, 32: 8_000, 64: 2_000, 256: 256}


def measure(out, sizes=(16, 64, 256), with_stock=True):
    """Yield a record for each size; with an empty cache of builds, but for the runtime."""
    with (
        scratch.folder() as cache,
        mock.patch.dict(os.environ, {"BRICKWORK_CACHE": str(cache)}),
    ):
        yield from _measure(out, sizes, with_stock)


def _measure(out, sizes, with_stock):
    # The smallest design pays for the runtime, which every later build uses.
    warm = emit(GemmWs(rows=1, cols=1), out)
    start = time.monotonic()
    engines.product(warm, *operands(1, 1))
    runtime = time.monotonic() - start
    yield {"array": "1x1", "way": "first build of all", "build_seconds": round(runtime, 1)}
    for size in sizes:
        emission = emit(GemmWs(rows=size, cols=size), out)
        a, w = operands(WORK[size], size)
        for way, cocotb in (("brickwork, cocotb", True), ("brickwork, compiled driver", False)):
            product = engines.product(emission, a, w, cocotb=cocotb)
            yield {
                "array": f"{size}x{size}",
                "way": way,
                "build_seconds": round(product.build.seconds, 1),
                "cycles": product.cycles,
                "cycles_per_second": round(product.cycles / product.simulation_seconds),
                "exact": product.matches_golden,
            }
        if size == 16 and with_stock:
            yield stock(size, emission)


def stock(size, emission):
    """The same engine as plain Amaranth Verilog, built and run with cocotb's runner as it comes."""
    simulator = Stock(size, emission, emission.folder / "bench" / "stock")
    build_seconds = simulator.prepare()["build_warm_seconds"]
    run = simulator.run(WORK[size] // 4)
    return {
        "array": f"{size}x{size}",
        "way": simulator.title,
        "build_seconds": build_seconds,
        "cycles": run.cycles,
        "cycles_per_second": round(run.cycles / run.seconds),
        "exact": run.exact,
    }


STUDY = Study(measure=measure, context=machine)
