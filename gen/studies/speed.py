"""Speed of simulation: all simulators in turn, on the same engine and the same products."""

import contextlib
import itertools
import os
import shutil
import statistics
import time
from pathlib import Path
from unittest import mock

from ...sim import cache, scratch
from ...sim.verilator.build import build
from ..designs.gemm_ws import GemmWs
from ..emission.emit import emit
from ..lib.progress import progress
from .simulators import SIMULATORS
from .study import Study, machine

__all__ = ["COLUMNS", "STUDY", "measure"]

#: Fields of a record with what they hold; every record has all, ``None`` where nothing is known.
COLUMNS = {
    "array": "rows x columns",
    "way": "the simulator",
    "m": "rows of A, chosen so that a run takes about a second",
    "cycles": "of one run, from the first accepted word to the last result",
    "emission_seconds": "to make the Verilog",
    "build_cold_seconds": "to make the simulation with an empty cache",
    "build_warm_seconds": "with the part of it that does not depend on the design in the cache",
    "build_cached_seconds": "with all of it in the cache",
    "seconds": "of each run",
    "cycles_per_second": "with the median of them",
    "macs_per_second": "cycles_per_second times PEs of the array",
    "ratio": "of cycles_per_second to the compiled driver's",
    "exact": "whether every result of every run is right; None where none is checked",
    "same_cycles": "whether the compiled driver takes as many cycles for the same product",
    "note": "why there are no numbers",
}

_SHOWN = {
    "array": "array",
    "way": "way",
    "m": "M",
    "emission_seconds": "emission_s",
    "build_cold_seconds": "cold_build_s",
    "build_warm_seconds": "warm",
    "build_cached_seconds": "cached",
    "cycles_per_second": "cycles/s",
    "macs_per_second": "MAC/s",
    "ratio": "ratio",
    "exact": "exact",
    "note": "note",
}


def _report(records):
    rows = [{title: record[name] for name, title in _SHOWN.items()} for record in records]
    if not any(row["note"] for row in rows):
        for row in rows:
            del row["note"]
    return [rows]


def measure(
    out: Path,
    *,
    sizes=(8, 16, 32, 64),
    runs=3,
    large=False,
    seconds=1.0,
    simulators=tuple(SIMULATORS),
    cold=True,
) -> list[dict]:
    """A record for each size and simulator, see :data:`COLUMNS`; ``"driver"`` must be among these.

    Simulators run in turn, so that all see the same load of the machine; a run takes about
    ``seconds``. With ``cold``, builds are measured in an empty cache of their own.
    """
    records = []
    sizes = [*sizes, *([256] if large else [])]
    with progress(total=len(sizes) * len(simulators) * (runs + 1), label="speed") as bar:
        for size in sizes:
            records += _measure(Path(out), size, runs, seconds, simulators, cold, bar)
    return records


def _measure(out, size, runs, seconds, names, cold, bar):
    array = f"{size}x{size}"
    bar.set_description_str(f"speed {array}, build")
    records = {name: dict.fromkeys(COLUMNS) for name in names}
    usual = str(cache.folder())
    with contextlib.ExitStack() as stack:
        built = _builds(stack, out, size) if cold else {}
        emission = emit(GemmWs(rows=size, cols=size), out)
        simulators = {}
        for name in names:
            simulator = SIMULATORS[name](size, emission, emission.folder / "bench" / name)
            record = records[name]
            record |= {"array": array, "way": simulator.title}
            if missing := simulator.missing():
                record["note"] = f"not installed: {missing}"
            elif size > simulator.largest:
                record["note"] = simulator.too_large
            else:
                bar.set_description_str(f"speed {array}, {simulator.title}, build")
                if name in ("driver", "cocotb"):
                    record |= built
                elif simulator.emitted:
                    record["emission_seconds"] = built.get("emission_seconds")
                # The harness takes minutes to compile, so that is kept.
                folder = {"BRICKWORK_CACHE": usual} if name == "harness" else {}
                with mock.patch.dict(os.environ, folder):
                    record |= simulator.prepare()
                record["m"] = _calibrate(simulator, seconds)
                simulators[name] = simulator
            bar.update(1 if name in simulators else runs + 1)
        results = {name: [] for name in simulators}
        for _, (name, simulator) in itertools.product(range(runs), simulators.items()):
            bar.set_description_str(f"speed {array}, {simulator.title}")
            results[name].append(simulator.run(records[name]["m"]))
            bar.update()
        driver = simulators["driver"]
        for name, its_runs in results.items():
            reference = its_runs[0] if name == "driver" else driver.run(records[name]["m"])
            _fill(records[name], size, its_runs, reference.cycles)
        for name in simulators:
            rate = records[name]["cycles_per_second"] / records["driver"]["cycles_per_second"]
            records[name]["ratio"] = float(f"{rate:.3g}")
    return list(records.values())


def _fill(record, size, runs, cycles):
    rate = runs[0].cycles / statistics.median(run.seconds for run in runs)
    record |= {
        "cycles": runs[0].cycles,
        "seconds": [round(run.seconds, 4) for run in runs],
        "cycles_per_second": _rounded(rate),
        "macs_per_second": _rounded(rate * size * size),
        "exact": None if runs[0].exact is None else all(run.exact for run in runs),
        "same_cycles": all(run.cycles == cycles for run in runs),
    }


def _rounded(number):
    """An integer of three significant digits; more would differ from run to run."""
    return int(float(f"{number:.3g}"))


def _calibrate(simulator, seconds, most=1 << 22):
    """Rows of A with which a run takes about ``seconds``."""
    start = simulator.run(1).seconds  # which all runs take, not only this one
    if start >= seconds:
        return 1
    m = 16
    while (took := simulator.run(m).seconds - start) < seconds / 8 and m < most:
        m *= 8
    rows = min(most, max(1, round(m * (seconds - start) / max(took, 1e-6))))
    # Above the depth of the accumulators the product is cut; into equal parts, this way.
    return rows if rows <= 512 else rows // 512 * 512


def _builds(stack, out, size):
    """Emission and builds with an empty cache, which serves until the stack is left."""
    folder = stack.enter_context(scratch.folder())
    stack.enter_context(mock.patch.dict(os.environ, {"BRICKWORK_CACHE": str(folder)}))
    start = time.monotonic()
    emission = emit(GemmWs(rows=size, cols=size), out)
    emitted = time.monotonic() - start
    cold = build(emission.manifest).seconds
    shutil.rmtree(Path(folder) / "builds")
    return {
        "emission_seconds": round(emitted, 2),
        "build_cold_seconds": round(cold, 2),
        "build_warm_seconds": round(build(emission.manifest).seconds, 2),
    }


STUDY = Study(measure=measure, report=_report, columns=COLUMNS, context=machine)
